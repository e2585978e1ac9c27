"""The items of WordPress's export (WXR), read one at a time. A document type or an entity of its own ends it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from newsletter.posts.importers.imported import Rejected

PIECE = 1 << 20  # bytes that are read at once
MENDED_MAX = 300 * 1024**2  # bytes
ITEM_MAX = 20_000_000  # characters of one item


_CDATA = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BARE = re.compile(rb"&(?!#?\w{1,32};)")


class Unreadable(Rejected):
    """The file is no XML as it stands."""


@dataclass
class Item:
    """One post, page, picture or anything else that WordPress keeps: its fields, terms and further values."""

    fields: dict[str, str] = field(default_factory=dict)
    terms: list[tuple[str, str, str]] = field(default_factory=list)  # kind, name and slug
    meta: dict[str, str] = field(default_factory=dict)
    comments: int = 0  # what readers wrote below it, as far as it was let in

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()


class Reader:
    """Makes items of the events of expat, one at a time."""

    def __init__(self, on_item: Callable[[Item], None]) -> None:
        self.on_item, self.item = on_item, None
        self.channel: dict[str, str] = {}
        self.path: list[str] = []
        self.words: list[str] = []
        self.term = self.slug = self.key = ""
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.words.append
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse

    item: Item | None

    def read(self, path: Path) -> None:
        """Read the whole file. Raises Rejected."""
        try:
            with path.open("rb") as opened:
                while piece := opened.read(PIECE):
                    self.parser.Parse(piece, False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise Unreadable(f"it is no XML that can be read: {error}") from error

    def read_mended(self, path: Path) -> None:
        """Read a file after mending what plug-ins break: a bare `&`, and control characters. Raises Rejected."""
        if path.stat().st_size > MENDED_MAX:
            raise Rejected(f"it is no XML that can be read, and larger than {MENDED_MAX // 1024**2} MB")
        parts = _CDATA.split(_CONTROL.sub(b"", path.read_bytes()))
        whole = b"".join(part if part.startswith(b"<![CDATA[") else _BARE.sub(b"&amp;", part) for part in parts)
        try:
            self.parser.Parse(whole, True)
        except expat.ExpatError as error:
            raise Rejected(f"it is no XML that can be read: {error}") from error

    def _refuse(self, *args: object) -> int:
        raise Rejected("it declares a document type or an entity, which no export of WordPress does")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.words.clear()
        if name == "item":
            self.item = Item()
        elif name == "category":
            self.term, self.slug = attributes.get("domain", "category"), attributes.get("nicename", "")

    def _end(self, name: str) -> None:
        text = "".join(self.words)
        self.words.clear()
        self.path.pop()
        if self.item is None:
            if self.path[-1:] == ["channel"]:
                self.channel.setdefault(name, text.strip())
        elif name == "item":
            self.on_item(self.item)
            self.item = None
        else:
            self._field(self.item, name, text)

    def _field(self, item: Item, name: str, text: str) -> None:
        if len(text) > ITEM_MAX:
            raise Rejected(f"one of its texts is longer than {ITEM_MAX:,} characters")
        if name == "category":
            item.terms.append((self.term, text.strip(), self.slug))
        elif name == "wp:meta_key":
            self.key = text.strip()
        elif name == "wp:meta_value":
            item.meta[self.key] = text
        elif name == "wp:comment_approved":
            item.comments += text.strip() == "1"
        elif self.path[-1:] == ["item"]:
            item.fields[name] = text
