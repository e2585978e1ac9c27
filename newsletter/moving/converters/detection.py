"""Which program wrote a file or folder, by its contents."""

import re
from datetime import tzinfo
from pathlib import Path, PurePosixPath

from newsletter.moving.converters import buttondown, ghost, markdown_folder, medium, substack, wordpress
from newsletter.moving.converters.converter import Converter
from newsletter.moving.converters.files import Files, InArchive, InFolder, Rejected
from newsletter.moving.converters.wordpress import FEED

# The first that recognises the files is used.
CONVERTERS: tuple[type[Converter], ...] = (
    substack.Substack,
    buttondown.Buttondown,
    ghost.Ghost,
    wordpress.WordPress,
    markdown_folder.MarkdownFolder,
    medium.Medium,
)
READERS = "it is a list of readers; readers have an import of their own"
PAGE = "it is a page of HTML, not an export"
EMPTY = "it is empty"
HEAD = 4_096  # bytes that are looked at
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html)", re.IGNORECASE)
_FEED = re.compile(rb"<(?:feed|rdf:RDF|rss)\b")
_READERS = re.compile(  # a head with a column of addresses, in English or Chinese
    rb"(?=[^\n]*[,;\t])(?:[^\n,;\t]{0,60}[,;\t])*\"?"
    rb"(?:[\w ]{0,20}e-?mail|\xe9\x9b\xbb\xe5\xad\x90\xe9\x83\xb5\xe4\xbb\xb6)",
    re.IGNORECASE,
)


def files_at(path: Path) -> Files:
    """The files of a ZIP or a folder, or a single one. Raises Rejected."""
    if not path.exists():
        raise Rejected("it does not exist")
    return InArchive(path) if path.is_file() and _head(path).startswith(b"PK") else InFolder(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")


def detected(path: Path, zone: tzinfo, site_url: str = "") -> Converter:
    """The converter of what lies at `path`. Raises Rejected with what it is not."""
    files = files_at(path)
    for converter in CONVERTERS:
        if found := converter.open(files, zone, site_url):
            return found
    what = _describe_file(_head(path)) if files.is_single_file else _describe_files(files)
    raise Rejected(what or "no program is known that writes such a file")


def _describe_file(head: bytes) -> str:
    if not head.strip():
        return EMPTY
    if _PAGE.match(head):
        return PAGE
    if _FEED.search(head):
        return FEED
    return READERS if _READERS.match(head) else ""


def _describe_files(files: Files) -> str:
    endings = {PurePosixPath(name).suffix.lower() for name in files.names}
    if not endings:
        return EMPTY
    return READERS if endings <= {".csv", ".tsv", ".xlsx"} else PAGE if ".html" in endings else ""
