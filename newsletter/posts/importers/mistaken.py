"""What a file is that was taken for an export of posts, as far as its names and its first bytes tell. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from newsletter.posts.importers.pictures.finding import SUFFIXES as PICTURES

READERS = "it is a list of readers; readers have an import of their own"
PAGE = "it is a page of HTML, not an export"
FEED = "it is a feed, which has the latest posts at most; take the export of the program"
DOCUMENT = "it is a document, not an export"
ONLY_PICTURES = "it has pictures and no texts"
UNPACKED = "it was unpacked; take the ZIP as the program gave it"
THEME = "it is a theme, not an export"
EMPTY = "it is empty"
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
