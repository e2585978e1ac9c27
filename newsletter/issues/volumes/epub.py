"""An EPUB 3.3 writer that streams chapters, and conversion of sanitised HTML to XHTML.

Sources: EPUB 3.3 (W3C Recommendation), sections 4 (container), 5 (package document) and 7 (navigation document).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.template.loader import render_to_string

MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif"}
FOLDER = "book"
CONTAINER_XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    f'<rootfile full-path="{FOLDER}/package.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>\n"
)


@dataclass(frozen=True)
class BookMetadata:
    """changed_at: the time of every file in the ZIP, so that equal books have equal bytes."""

    title: str
    author: str
    publisher: str
    description: str
    language: str  # BCP 47
    identifier: str  # a stable URN
    source_url: str
    published_on: str  # ISO 8601
    changed_at: datetime
    cover: str = ""  # file name of the cover picture

    @property
    def modified(self) -> str:
        return self.changed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class TocEntry:
    """address: relative to the table of contents."""

    title: str
    address: str


@dataclass(frozen=True)
class BookChapter:
    """body: well-formed XHTML. entries: its sub-entries in the table of contents."""

    name: str
    title: str
    body: str
    entries: tuple[TocEntry, ...] = ()
    kind: str = "chapter"  # epub:type: chapter, titlepage


class EpubWriter:
    """Pictures may be added at any time; `finish` writes the manifest."""

    def __init__(self, file: IO[bytes], facts: BookMetadata) -> None:
        self.facts = facts
        self.chapters: list[BookChapter] = []  # without their bodies
        self.pictures: dict[str, str] = {}  # media types by file name
        self._zip = ZipFile(file, "w")
        self._put("mimetype", b"application/epub+zip", ZIP_STORED)
        self._put("META-INF/container.xml", CONTAINER_XML.encode())

    def add_picture(self, name: str, data: bytes) -> None:
        """Add a picture of MEDIA_TYPES; a second call with this name does nothing."""
        if name not in self.pictures:
            self.pictures[name] = MEDIA_TYPES[f".{name.rpartition('.')[2].lower()}"]
            self._put(f"{FOLDER}/{name}", data, ZIP_STORED)  # compressed already

    def add_chapters(self, chapters: Iterable[BookChapter]) -> None:
        for chapter in chapters:
            self._put(f"{FOLDER}/{chapter.name}", self._page("chapter.xhtml", {"chapter": chapter}))
            self.chapters.append(BookChapter(chapter.name, chapter.title, "", chapter.entries, chapter.kind))

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


VOID_TAGS = {"br", "hr", "img", "input", "wbr"}
# Reading devices have no scripts: <details> are open, checkboxes are characters.
RENAMED_TAGS = {"center": "div", "details": "div", "summary": "div", "label": "span"}
TICKED, UNTICKED = "☑", "☐"
LIST_TAGS = {"ul", "ol"}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_ALLOWED: dict[str, re.Pattern[str]] = {
    "class": re.compile(r"[^\x00-\x1f]+"),
    "title": re.compile(r".+", re.DOTALL),
    "dir": re.compile("ltr|rtl|auto"),
    "lang": re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"),
    "start": re.compile(r"-?[0-9]{1,6}"),
    "type": re.compile("[1aAiI]"),
    "reversed": re.compile(""),
    "value": re.compile(r"-?[0-9]{1,6}"),
    "colspan": _COUNT,
    "rowspan": _COUNT,
    "scope": re.compile("row|col|rowgroup|colgroup"),
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2
_INTERNAL_LINK = re.compile(r' href="#([^"]*)"')


@dataclass(frozen=True)
class BookPicture:
    """name: file name in the book. Size in pixels."""

    name: str
    width: int
    height: int


def to_xhtml(
    html: str,
    *,
    link: Callable[[str], str | None],
    picture: Callable[[str], BookPicture | None],
    absent: str,
    film: str,
) -> str:
    """Convert sanitised HTML.

    link: maps a URL to a target for the book; None removes the link.
    picture: maps a URL to the book's picture; None leaves a link instead.
    absent: link text for a picture that the book lacks and that has no alt. film: for a player without a title.
    """
    converter = _XhtmlConverter(link, picture, absent, film)
    converter.feed(html)
    converter.close()
    ids = converter.ids
    return _INTERNAL_LINK.sub(lambda found: found[0] if found[1] in ids else "", "".join(converter.parts))


def xml_text(typed: str) -> str:
    return escape(_ILLEGAL.sub("", typed))


class _XhtmlConverter(HTMLParser):
    def __init__(
        self, link: Callable[[str], str | None], picture: Callable[[str], BookPicture | None], absent: str, film: str
    ) -> None:
        super().__init__(convert_charrefs=True)
        self.link, self.picture, self.absent, self.film = link, picture, absent, film
        self.parts: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self._has_head: list[bool] = []  # whether each open table has a thead

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "img":
            self._show(values)
        elif tag == "input":
            self.parts.append(TICKED if "checked" in values else UNTICKED)
        elif tag == "iframe":
            self._link_instead(values.get("src", ""), values.get("title") or self.film)
        elif tag in VOID_TAGS:
            self.parts.append(f"<{tag}{self._attributes(tag, values)}/>")
        else:
            name = self._renamed(tag)
            self.open.append(name)
            self.parts.append(f"<{name}{self._attributes(name, values)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._has_head:
            self._has_head.pop()
        if tag not in VOID_TAGS and tag != "iframe" and self.open:
            self.parts.append(f"</{self.open.pop()}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(xml_text(data))

    def _renamed(self, tag: str) -> str:
        if tag == "li" and not LIST_TAGS & set(self.open[-1:]):
            return "div"
        if tag == "table":
            self._has_head.append(False)
        if tag == "thead":
            had_head, self._has_head[-1:] = any(self._has_head[-1:]), [True]
            return "tbody" if had_head else "thead"
        return RENAMED_TAGS.get(tag, tag)

    def _show(self, values: dict[str, str]) -> None:
        alt = values.get("alt", "")
        shown = self.picture(values.get("src", ""))
        if shown is None:
            self._link_instead(values.get("src", ""), alt or self.absent)
            return
        size = f' width="{shown.width}" height="{shown.height}"'
        self.parts.append(f'<img src="{xml_text(shown.name)}" alt="{xml_text(alt)}"{size}/>')

    def _link_instead(self, address: str, words: str) -> None:
        target = None if "a" in self.open else self.link(address)
        words = f"［{xml_text(words)}］"
        self.parts.append(f'<a href="{xml_text(target)}">{words}</a>' if target else f"<span>{words}</span>")

    def _attributes(self, tag: str, values: dict[str, str]) -> str:
        kept = {name: value for name, value in values.items() if name in _ALLOWED and _ALLOWED[name].fullmatch(value)}
        if tag != "li":
            kept.pop("value", None)
        if "reversed" in kept:
            kept["reversed"] = "reversed"
        if "lang" in kept:
            kept["xml:lang"] = kept["lang"]
        if (own := values.get("id", "")) and _NAME.fullmatch(own) and own not in self.ids:
            self.ids.add(own)
            kept["id"] = own
        if tag == "a" and (target := self.link(values.get("href", ""))):
            kept["href"] = target
        return "".join(f' {name}="{xml_text(value)}"' for name, value in kept.items())
