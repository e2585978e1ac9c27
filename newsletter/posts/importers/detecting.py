"""What a file or folder is: which program wrote it. Nothing is believed by its name alone."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path, PurePosixPath

from newsletter.posts.importers import buttondown, markdown_folder, medium, substack
from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.folder.files import InArchive, InFolder
from newsletter.posts.importers.ghost import Source as Ghost
from newsletter.posts.importers.ghost import read
from newsletter.posts.importers.imported import Rejected
from newsletter.posts.importers.moving import Source
from newsletter.posts.importers.pictures import SUFFIXES as PICTURES
from newsletter.posts.importers.pictures import ArchiveFinder, FolderFinder
from newsletter.posts.importers.wordpress import Source as WordPress

READERS = "it is a list of readers; readers have an import of their own"
PAGE = "it is a page of HTML, not an export"
FEED = "it is a feed, which has the latest posts at most; take the export of the program"
DOCUMENT = "it is a document, not an export"
ONLY_PICTURES = "it has pictures and no texts"
UNPACKED = "it was unpacked; take the ZIP as the program gave it"
THEME = "it is a theme, not an export"
EMPTY = "it is empty"
LARGE = "it is too large for the browser; import_posts reads it"
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html)", re.IGNORECASE)
_FEED = re.compile(rb"<(?:feed|rdf:RDF)\b")
_READERS = re.compile(  # a head with a column of addresses, in English or Chinese
    rb"(?=[^\n]*[,;\t])(?:[^\n,;\t]{0,60}[,;\t])*\"?"
    rb"(?:[\w ]{0,20}e-?mail|\xe9\x9b\xbb\xe5\xad\x90\xe9\x83\xb5\xe4\xbb\xb6)",
    re.IGNORECASE,
)
_DOCUMENTS = (b"%PDF", b"\xd0\xcf\x11\xe0", b"{\\rtf")


def of_file(head: bytes) -> str:
    """Return what a file of these first bytes is; "" if nobody knows."""
    if not head.strip():
        return EMPTY
    if head.startswith(_DOCUMENTS):
        return DOCUMENT
    if _PAGE.match(head):
        return PAGE
    if _FEED.search(head):
        return FEED
    return READERS if _READERS.match(head) else ""


def of_files(names: Sequence[str]) -> str:
    """Return what a ZIP or a folder with these files is; "" if nobody knows."""
    paths = [PurePosixPath(name) for name in names]
    endings = {path.suffix.lower() for path in paths}
    own = {path.name for path in paths}
    if not paths:
        return EMPTY
    if "[Content_Types].xml" in own or "mimetype" in own:
        return DOCUMENT
    if endings <= PICTURES:
        return ONLY_PICTURES
    if ".hbs" in endings or own & {"functions.php", "theme.toml", "theme.yaml"}:
        return THEME
    if endings <= {".csv", ".tsv", ".xlsx"}:
        return READERS
    is_unpacked = "posts.csv" in own or (".html" in endings and any("posts" in path.parts for path in paths))
    return UNPACKED if is_unpacked else PAGE if ".html" in endings else ""


HEAD = 4_096  # bytes that are looked at
TEXT_MAX = 500 * 1024**2  # bytes of an export: ten times the largest that is known


def detected(path: Path, zone: tzinfo, site: str = "", most: int = TEXT_MAX) -> Source:
    """Return the importer of what lies at `path`. Raises Rejected with what it is not.

    most: bytes of JSON that are read into memory; what is larger is refused.
    """
    if not path.exists():
        raise Rejected("it does not exist")
    if path.is_dir():
        return _folder(path, zone, site)
    if path.suffix.lower() in markdown_folder.SUFFIXES:
        return markdown_folder.Source(InFolder(path), zone, site)
    with path.open("rb") as opened:
        head = opened.read(HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PK"):
        return _archive(Archive(path), zone, site, most)
    known = _feed(path, head, zone, site) if head.startswith((b"<?xml", b"<rss", b"<!DOCTYPE")) else None
    return known or _table(path, head, zone, site, most) or _unknown(of_file(head))


def _unknown(what: str) -> Source:
    raise Rejected(what or "no program is known that writes such a file")


def _folder(path: Path, zone: tzinfo, site: str) -> Source:
    for name in ("emails.json", "emails.csv"):
        table = path / name
        if table.is_file() and (found := buttondown.in_folder(table, _text(table, TEXT_MAX), zone, site)):
            return found
    source = markdown_folder.Source(InFolder(path), zone, site)
    if next(source.articles(), None) is None:
        return _unknown(of_files([str(name) for name in source.texts.names]))
    return source


def _feed(path: Path, head: bytes, zone: tzinfo, site: str) -> Source | None:
    if of_file(head):
        return None
    source = WordPress(path, zone, site)
    if b"<rss" not in head and b"<!DOCTYPE" not in head:
        return None
    if source.is_feed:
        raise Rejected(FEED)
    return source


def _table(path: Path, head: bytes, zone: tzinfo, site: str, most: int) -> Source | None:
    is_json = head[:1] in {b"{", b"["}
    if not is_json and b"subject" not in head.partition(b"\n")[0]:
        return None
    text = _text(path, most)
    if found := buttondown.in_folder(path, text, zone, site):
        return found
    if not is_json:
        return None
    export = read(text)
    if export.posts and not export.has_texts:
        raise Rejected("it has no posts of Ghost in it")
    return Ghost(export, [FolderFinder(path.parent)], zone, site)


def _text(path: Path, most: int) -> str:
    if path.stat().st_size > most:
        raise Rejected(LARGE)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"it is not UTF-8 text: byte {error.start}") from error


def _archive(archive: Archive, zone: tzinfo, site: str, most: int) -> Source:
    if substack.Source.fits(archive):
        return substack.Source(archive, zone, site)
    if found := buttondown.in_archive(archive, zone, site):
        return found
    if ghost := _ghost(archive, zone, site, most):
        return ghost
    if archive.named(*markdown_folder.SUFFIXES):
        return markdown_folder.Source(InArchive(archive), zone, site)
    if medium.Source.stories(archive):
        return medium.Source(archive, zone)
    if large := next((name for name in archive.named(".json") if archive.members[name].file_size > most), ""):
        raise Rejected(f"{LARGE}: {large[:80]!r}")
    return _unknown(of_files(list(archive.members)))


def _ghost(archive: Archive, zone: tzinfo, site: str, most: int) -> Source | None:
    """Return the export among the JSON files of an archive, the largest first: themes have JSON files too."""
    names = sorted(archive.named(".json"), key=lambda name: -archive.members[name].file_size)
    for name in names[:20]:
        size = archive.members[name].file_size
        if size > most:  # of all files together
            continue
        most -= size
        try:
            export = read(archive.text(name, size))
        except Rejected:
            continue
        if export.has_texts:
            return Ghost(export, [ArchiveFinder(archive)], zone, site)
    return None
