"""From the sanitised HTML of a post to XHTML as EPUB 3 has it: well-formed, and with nothing that is fetched.

The HTML is balanced, for nh3 has written it; what remains are other ways of writing, old elements, and values that an
author may type and a checker refuses.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "wbr"}
# A reading device has no scripts: what opens by a press is open, and a box that is ticked is a character.
RENAMED = {"center": "div", "details": "div", "summary": "div", "label": "span"}
TICKED, UNTICKED = "☑", "☐"
LISTS = {"ul", "ol"}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_VALUES: dict[str, re.Pattern[str]] = {
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
_WITHIN = re.compile(r' href="#([^"]*)"')


@dataclass(frozen=True)
class Shown:
    """A picture of the book: its file name, and its size in pixels."""

    name: str
    width: int
    height: int


def translated(
    html: str, *, link: Callable[[str], str | None], picture: Callable[[str], Shown | None], absent: str, film: str
) -> str:
    """Return `html` as XHTML.

    link: given an address, returns where it leads to from within the book; None for nowhere.
    picture: given the address of a picture, returns what the book has of it; None if it has not: then a link is left.
    absent: the word for a picture without a description, and film for a player.
    """
    translator = _Translator(link, picture, absent, film)
    translator.feed(html)
    translator.close()
    ids = translator.ids
    return _WITHIN.sub(lambda found: found[0] if found[1] in ids else "", "".join(translator.parts))


def text(typed: str) -> str:
    """Return words as XML has them."""
    return escape(_ILLEGAL.sub("", typed))


class _Translator(HTMLParser):
    def __init__(
        self, link: Callable[[str], str | None], picture: Callable[[str], Shown | None], absent: str, film: str
    ) -> None:
        super().__init__(convert_charrefs=True)
        self.link, self.picture, self.absent, self.film = link, picture, absent, film
        self.parts: list[str] = []
        self.ids: set[str] = set()
        self.open: list[str] = []
        self._has_head: list[bool] = []  # of each open table

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "img":
            self._show(values)
        elif tag == "input":
            self.parts.append(TICKED if "checked" in values else UNTICKED)
        elif tag == "iframe":
            self._lead(values.get("src", ""), values.get("title") or self.film)
        elif tag in VOID:
            self.parts.append(f"<{tag}{self._attributes(tag, values)}/>")
        else:
            name = self._renamed(tag)
            self.open.append(name)
            self.parts.append(f"<{name}{self._attributes(name, values)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._has_head:
            self._has_head.pop()
        if tag not in VOID and tag != "iframe" and self.open:
            self.parts.append(f"</{self.open.pop()}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(text(data))

    def _renamed(self, tag: str) -> str:
        if tag == "li" and not LISTS & set(self.open[-1:]):
            return "div"
        if tag == "table":
            self._has_head.append(False)
        if tag == "thead":
            has_one, self._has_head[-1:] = self._has_head[-1:], [True]
            return "tbody" if any(has_one) else "thead"
        return RENAMED.get(tag, tag)

    def _show(self, values: dict[str, str]) -> None:
        alt = values.get("alt", "")
        shown = self.picture(values.get("src", ""))
        if shown is None:
            self._lead(values.get("src", ""), alt or self.absent)
            return
        size = f' width="{shown.width}" height="{shown.height}"'
        self.parts.append(f'<img src="{text(shown.name)}" alt="{text(alt)}"{size}/>')

    def _lead(self, address: str, words: str) -> None:
        """Leave a link where something cannot stand."""
        target = None if "a" in self.open else self.link(address)
        words = f"［{text(words)}］"
        self.parts.append(f'<a href="{text(target)}">{words}</a>' if target else f"<span>{words}</span>")

    def _attributes(self, tag: str, values: dict[str, str]) -> str:
        kept = {name: value for name, value in values.items() if name in _VALUES and _VALUES[name].fullmatch(value)}
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
        return "".join(f' {name}="{text(value)}"' for name, value in kept.items())
