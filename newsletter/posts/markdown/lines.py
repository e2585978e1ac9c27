"""What a line of Markdown says by itself, by CommonMark's block marks, and which lines belong to a list."""

import re
from dataclasses import dataclass

from newsletter.posts.text.measures import WIDE

FENCE = re.compile(r"^ *(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ ]*(?P<info>.*)$")
HEADING = re.compile(r"^ {0,3}(?:(?P<one>#{1,6})(?:[ \u3000]+|$)|(?P<glued>#{2,6})(?![#!]))(?P<text>.*)$")
QUOTE = re.compile(r"^ {0,3}> ?")
RULE = re.compile(r"^ {0,3}([-*_]) *(?:\1 *){2,}$")
MARKER = re.compile(r"^(?P<indent> *)(?P<mark>[-*+]|(?P<number>\d{1,9})[.)])(?:(?P<space> +)(?P<text>.*)|)$")
SIGN = re.compile(r" *[-*_+0-9#>`~<]|.*\|")  # what every pattern above and below begins with, and tables hold
DEFINITION = re.compile(r"^ {0,3}: {1,3}(?=\S)")
INVITES_LIST = re.compile(rf"[{WIDE}:]$")
BLOCK_TAGS = (
    "address|article|aside|blockquote|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|meta|nav|object|ol|optgroup|option|p|param|"
    "picture|section|source|summary|table|tbody|td|tfoot|th|thead|tr|track|ul|video|audio"
)
HTML_BLOCK = re.compile(rf"^ {{0,3}}</?(?:{BLOCK_TAGS})(?:[\s>]|/>|$)", re.IGNORECASE)
HTML_LONG = re.compile(r"^ {0,3}<(?:(?P<tag>script|pre|style|textarea)(?:[\s>]|$)|(?P<comment>!--))", re.IGNORECASE)


@dataclass(frozen=True)
class Marker:
    """The bullet or number at the head of an item, and where its text begins."""

    indent: int
    offset: int
    number: int | None
    kind: str
    text: str
    is_wide: bool

    @classmethod
    def of(cls, line: str) -> "Marker | None":
        match = MARKER.match(line)
        if not match or RULE.match(line):
            return None
        spaces, text = len(match["space"] or " "), match["text"] or ""
        if spaces > 4 or not text:  # CommonMark: the text is indented code, or there is none yet
            spaces, text = 1, " " * (spaces - 1) + text if text else ""
        indent, number = len(match["indent"]), match["number"]
        kind = match["mark"][-1]
        offset = indent + len(match["mark"]) + spaces
        return cls(indent, offset, int(number) if number else None, kind, text, spaces > 1)

    def follows(self, other: "Marker") -> bool:
        return self.number is not None and other.number is not None and self.number == other.number + 1

    def goes_on_from(self, other: "Marker") -> bool:
        return self.follows(other) and self.kind == other.kind and self.indent <= other.indent + 4

    def is_child_of(self, other: "Marker") -> bool:
        """Return whether two columns make this a sub-item: CommonMark wants three under `1. `."""
        return self.indent >= other.indent + 2 and not self.follows(other)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def without_closing_hashes(text: str) -> str:
    """Return a heading's text without the hashes behind it, which a space parts from it (CommonMark 0.31, 4.2)."""
    text = text.rstrip()
    words = text.rstrip("#")
    return text if words and words[-1] not in " \u3000" else words


def is_prose(line: str) -> bool:
    return bool(line.strip()) and not (HEADING.match(line) or FENCE.match(line) or RULE.match(line))


def is_lazy(line: str) -> bool:
    """Return whether `line` may go on from a paragraph inside a quote or an item without its indentation."""
    return bool(line.strip()) and not starts_block(line)


def starts_block(line: str) -> bool:
    """Return whether `line` ends the paragraph above it without a blank line."""
    if not SIGN.match(line):
        return False
    patterns = (FENCE, HEADING, QUOTE, RULE, HTML_BLOCK, HTML_LONG)
    return any(pattern.match(line) for pattern in patterns) or bool(interrupting(line, ""))


def interrupting(line: str, before: str) -> Marker | None:
    """Return the marker of a list that may begin right under the paragraph line `before`.

    A number other than 1 needs an invitation, else `the year⏎1984. It was` becomes a list
    (CommonMark 0.31 example 304).
    """
    marker = Marker.of(line)
    if not marker or not marker.text.strip():
        return None
    return marker if marker.number in {None, 0, 1} or INVITES_LIST.search(before.rstrip()) else None


@dataclass
class Item:
    """A list item: its own lines, without the marker and its indentation."""

    marker: "Marker"
    lines: list[str]


def end_of_fence(lines: list[str], index: int, fence: str, *, indent: int) -> int | None:
    """Return the index after the line that closes the fence opened at `index`, `indent` columns from the left."""
    close = re.compile(rf"^ {{0,{indent + 3}}}{re.escape(fence[0])}{{{len(fence)},}} *$")
    return next((i + 1 for i in range(index + 1, len(lines)) if close.match(lines[i])), None)


class ListReader:
    """Collects the items of the list that begins at a line."""

    def __init__(self, lines: list[str], index: int, marker: Marker) -> None:
        self.lines, self.start, self.index = lines, index, index + 1
        self.items = [Item(marker, [marker.text])]
        self.is_loose = False
        self.is_open = is_prose(marker.text)
        self.unclosed: set[str] = set()
        if FENCE.match(marker.text):
            self.index = self._end_of_fence(index, marker.text, marker)
            self.items[-1].lines += lines[index + 1 : self.index]

    def read(self) -> list[str]:
        """Return the lines of the list; afterwards `items` and `is_loose` are set."""
        while self.index < len(self.lines) and self._take():
            pass
        self._give_back_blanks()
        for item in self.items:
            item.lines[1:] = _dedented(item)
        return self.lines[self.start : self.index]

    def _take(self) -> bool:
        """Take one line, or a whole fence; return False at the line that ends the list."""
        line, item = self.lines[self.index], self.items[-1]
        if not line.strip():
            item.lines.append("")
            self.is_open = False
            self.index += 1
            return True
        if self._belongs(line, item):
            end = self._end_of_fence(self.index, line, item.marker) if FENCE.match(line) else self.index + 1
            item.lines += self.lines[self.index : end]
            self.is_open = end == self.index + 1 and is_prose(line.lstrip())
            self.index = end
            return True
        return self._take_sibling(line, item)

    def _belongs(self, line: str, item: Item) -> bool:
        marker, indent, other = item.marker, indent_of(line), Marker.of(line)
        if other and other.goes_on_from(marker) and not any(MARKER.match(inner) for inner in item.lines[1:]):
            return False  # `2.` and then an indented `3.`: the author counts on
        if indent >= marker.offset:
            return True
        if other:
            return other.is_child_of(marker)
        if self.is_open and is_lazy(line):
            return True
        # Two columns are enough under a number, as most editors indent by two.
        return marker.number is not None and not marker.is_wide and indent >= marker.indent + 2

    def _take_sibling(self, line: str, item: Item) -> bool:
        marker = Marker.of(line)
        if not marker or marker.kind != item.marker.kind:
            return False
        if marker.indent > item.marker.indent + 3 and not marker.goes_on_from(item.marker):
            return False
        self.is_loose |= item.lines[-1] == "" and len(item.lines) > 1
        self.items.append(Item(marker, [marker.text]))
        self.is_open = is_prose(marker.text)
        self.index += 1
        if FENCE.match(marker.text):
            end = self._end_of_fence(self.index - 1, marker.text, marker)
            self.items[-1].lines += self.lines[self.index : end]
            self.index = end
        return True

    def _end_of_fence(self, index: int, text: str, marker: Marker) -> int:
        """Return the line after an item's fence, whose code may be less indented than the item."""
        match = FENCE.match(text)
        if not match or match["fence"] in self.unclosed:
            return index + 1
        indent = indent_of(text) if text is self.lines[index] else marker.offset
        end = end_of_fence(self.lines, index, match["fence"], indent=indent)
        if end and indent_of(self.lines[end - 1]) >= min(marker.offset, marker.indent + 2):
            return end
        self.unclosed.add(match["fence"])
        return index + 1

    def _give_back_blanks(self) -> None:
        lines = self.items[-1].lines
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
            self.index -= 1


def _dedented(item: Item) -> list[str]:
    """Return the lines under the first one, moved left by the item's offset or by what its author used."""
    rest = item.lines[1:]
    marker = item.marker
    shallow = (indent_of(line) for line in rest if MARKER.match(line) or FENCE.match(line))
    depth = min([marker.offset, *(indent for indent in shallow if indent >= marker.indent + 2)])
    return [line[min(depth, indent_of(line)) :] for line in rest]
