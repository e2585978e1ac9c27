"""The container of a book: EPUB 3.3, written front to back, so that no more than a chapter is in memory.

Sources: EPUB 3.3 (W3C Recommendation), sections 4 (container), 5 (package document) and 7 (navigation document).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.template.loader import render_to_string

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif"}
FOLDER = "book"
CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    f'<rootfile full-path="{FOLDER}/package.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>\n"
)


@dataclass(frozen=True)
class Facts:
    """What the book says of itself. changed_at: the time of every file in it, so that equal books have equal bytes."""

    title: str
    author: str
    publisher: str
    description: str
    language: str  # BCP 47
    identifier: str  # a URN, the same however the year changes
    source_url: str
    published_on: str  # ISO 8601
    changed_at: datetime
    cover: str = ""  # the file name of a picture that stands for the book

    @property
    def modified(self) -> str:
        return self.changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Entry:
    """A line of the contents: a title and where it is, relative to the contents."""

    title: str
    address: str


@dataclass(frozen=True)
class Chapter:
    """A file of the book. body: well-formed XHTML. entries: what stands in it, under its own title."""

    name: str
    title: str
    body: str
    entries: tuple[Entry, ...] = ()
    kind: str = "chapter"  # of the vocabulary of structural semantics: chapter, titlepage


class Writer:
    """Writes a book into a file. Pictures are added whenever a chapter needs one; `finish` writes what names them."""

    def __init__(self, file: IO[bytes], facts: Facts) -> None:
        self.facts = facts
        self.chapters: list[Chapter] = []  # without their bodies
        self.pictures: dict[str, str] = {}  # media types by file name
        self._zip = ZipFile(file, "w")
        self._put("mimetype", b"application/epub+zip", ZIP_STORED)
        self._put("META-INF/container.xml", CONTAINER.encode())

    def add_picture(self, name: str, data: bytes) -> None:
        """Add a picture of one of the MEDIA_TYPES, once."""
        if name not in self.pictures:
            self.pictures[name] = MEDIA_TYPES[f".{name.rpartition('.')[2].lower()}"]
            self._put(f"{FOLDER}/{name}", data, ZIP_STORED)  # it is compressed already

    def add_chapters(self, chapters: Iterable[Chapter]) -> None:
        for chapter in chapters:
            self._put(f"{FOLDER}/{chapter.name}", self._page("chapter.xhtml", {"chapter": chapter}))
            self.chapters.append(Chapter(chapter.name, chapter.title, "", chapter.entries, chapter.kind))

    def finish(self) -> None:
        context = {"chapters": self.chapters, "pictures": self.pictures.items()}
        for name in ("contents.xhtml", "book.css", "package.opf"):
            self._put(f"{FOLDER}/{name}", self._page(name, context))
        self._zip.close()

    def _page(self, name: str, context: Mapping[str, object]) -> bytes:
        return render_to_string(f"issues/book/{name}", {"facts": self.facts, **context}).encode()

    def _put(self, name: str, data: bytes, compression: int = ZIP_DEFLATED) -> None:
        info = ZipInfo(name, self.facts.changed_at.astimezone(UTC).timetuple()[:6])
        info.compress_type = compression
        info.external_attr = 0o644 << 16
        self._zip.writestr(info, data)
