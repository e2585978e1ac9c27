"""Patterns of CommonMark's block markers, and the reader of lists."""

import re
from dataclasses import dataclass

from newsletter.posts.text.prose import WIDE

FENCE = re.compile(r"^ *(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ ]*(?P<info>.*)$")
HEADING = re.compile(r"^ {0,3}(?:(?P<one>#{1,6})(?:[ \u3000]+|$)|(?P<glued>#{2,6})(?![#!]))(?P<text>.*)$")
QUOTE = re.compile(r"^ {0,3}> ?")
RULE = re.compile(r"^ {0,3}([-*_]) *(?:\1 *){2,}$")
MARKER = re.compile(r"^(?P<indent> *)(?P<mark>[-*+]|(?P<number>\d{1,9})[.)])(?:(?P<space> +)(?P<text>.*)|)$")
BLOCK_SIGN = re.compile(r" *[-*_+0-9#>`~<]|.*\|")  # fast test: any block pattern, or a table
DEFINITION = re.compile(r"^ {0,3}: {1,3}(?=\S)")
LIST_LEAD_IN = re.compile(rf"[{WIDE}:]$")
BLOCK_TAGS = (
    "address|article|aside|blockquote|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|meta|nav|object|ol|optgroup|option|p|param|"
    "picture|section|source|summary|table|tbody|td|tfoot|th|thead|tr|track|ul|video|audio"
)
HTML_BLOCK = re.compile(rf"^ {{0,3}}</?(?:{BLOCK_TAGS})(?:[\s>]|/>|$)", re.IGNORECASE)
RAW_HTML_BLOCK = re.compile(
    r"^ {0,3}<(?:(?P<tag>script|pre|style|textarea)(?:[\s>]|$)|(?P<comment>!--))", re.IGNORECASE
)


@dataclass(frozen=True)
class ListMarker:
    """The bullet or number of a list item. offset: column of its text; kind: `-`, `.` and so on."""

    indent: int
    offset: int
    number: int | None
    kind: str
    text: str
    is_wide: bool

    @classmethod
    def parse(cls, line: str) -> "ListMarker | None":
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

    def follows(self, other: "ListMarker") -> bool:
        return self.number is not None and other.number is not None and self.number == other.number + 1

    def goes_on_from(self, other: "ListMarker") -> bool:
        return self.follows(other) and self.kind == other.kind and self.indent <= other.indent + 4

    def is_child_of(self, other: "ListMarker") -> bool:
        """Two columns make a sub-item; CommonMark wants three under `1. `."""
        return self.indent >= other.indent + 2 and not self.follows(other)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def without_closing_hashes(text: str) -> str:
    """Strip a heading's closing hashes, which a space must precede (CommonMark 0.31, 4.2)."""
    text = text.rstrip()
    words = text.rstrip("#")
    return text if words and words[-1] not in " \u3000" else words


def is_prose(line: str) -> bool:
    return bool(line.strip()) and not (HEADING.match(line) or FENCE.match(line) or RULE.match(line))


def is_lazy(line: str) -> bool:
    return bool(line.strip()) and not starts_block(line)


def starts_block(line: str) -> bool:
    """Does it end the paragraph above without a blank line?"""
    if not BLOCK_SIGN.match(line):
        return False
    patterns = (FENCE, HEADING, QUOTE, RULE, HTML_BLOCK, RAW_HTML_BLOCK)
    return any(pattern.match(line) for pattern in patterns) or bool(interrupting_marker(line, ""))


def interrupting_marker(line: str, before: str) -> ListMarker | None:
    """The marker of a list that may start right below the paragraph line `before`.

    A number other than 1 needs a colon or Chinese before it, else `the year⏎1984. It was` becomes a list (CommonMark
    0.31, example 304).
    """
    marker = ListMarker.parse(line)
    if not marker or not marker.text.strip():
        return None
    return marker if marker.number in {None, 0, 1} or LIST_LEAD_IN.search(before.rstrip()) else None


@dataclass
class ListItem:
    marker: "ListMarker"
    lines: list[str]


def end_of_fence(lines: list[str], index: int, fence: str, *, indent: int) -> int | None:
    """Index after the closing line of the fence at `index`; None if it is never closed."""
    close = re.compile(rf"^ {{0,{indent + 3}}}{re.escape(fence[0])}{{{len(fence)},}} *$")
    return next((i + 1 for i in range(index + 1, len(lines)) if close.match(lines[i])), None)


class ListReader:
    def __init__(self, lines: list[str], index: int, marker: ListMarker) -> None:
        self.lines, self.start, self.index = lines, index, index + 1
        self.items = [ListItem(marker, [marker.text])]
        self.is_loose = False
        self.is_open = is_prose(marker.text)
        self.unclosed: set[str] = set()
        if FENCE.match(marker.text):
            self.index = self._end_of_fence(index, marker.text, marker)
            self.items[-1].lines += lines[index + 1 : self.index]

    def read(self) -> list[str]:
        """Read all lines of the list and return them; sets `items` and `is_loose`."""
        while self.index < len(self.lines) and self._read_lines():
            pass
        self._drop_trailing_blanks()
        for item in self.items:
            item.lines[1:] = _dedented(item)
        return self.lines[self.start : self.index]

    def _read_lines(self) -> bool:
        """Read a line or a whole fence; return False at the end of the list."""
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
        return self._read_sibling(line, item)

    def _belongs(self, line: str, item: ListItem) -> bool:
        marker, indent, other = item.marker, indent_of(line), ListMarker.parse(line)
        if other and other.goes_on_from(marker) and not any(MARKER.match(inner) for inner in item.lines[1:]):
            return False  # `2.` and then an indented `3.`: the numbering continues
        if indent >= marker.offset:
            return True
        if other:
            return other.is_child_of(marker)
        if self.is_open and is_lazy(line):
            return True
        # Two columns suffice below a number, as most editors indent by two.
        return marker.number is not None and not marker.is_wide and indent >= marker.indent + 2

    def _read_sibling(self, line: str, item: ListItem) -> bool:
        marker = ListMarker.parse(line)
        if not marker or marker.kind != item.marker.kind:
            return False
        if marker.indent > item.marker.indent + 3 and not marker.goes_on_from(item.marker):
            return False
        self.is_loose |= item.lines[-1] == "" and len(item.lines) > 1
        self.items.append(ListItem(marker, [marker.text]))
        self.is_open = is_prose(marker.text)
        self.index += 1
        if FENCE.match(marker.text):
            end = self._end_of_fence(self.index - 1, marker.text, marker)
            self.items[-1].lines += self.lines[self.index : end]
            self.index = end
        return True

    def _end_of_fence(self, index: int, text: str, marker: ListMarker) -> int:
        """Index after an item's fence, whose code may be less indented than the item."""
        match = FENCE.match(text)
        if not match or match["fence"] in self.unclosed:
            return index + 1
        indent = indent_of(text) if text is self.lines[index] else marker.offset
        end = end_of_fence(self.lines, index, match["fence"], indent=indent)
        if end and indent_of(self.lines[end - 1]) >= min(marker.offset, marker.indent + 2):
            return end
        self.unclosed.add(match["fence"])
        return index + 1

    def _drop_trailing_blanks(self) -> None:
        lines = self.items[-1].lines
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
            self.index -= 1


def _dedented(item: ListItem) -> list[str]:
    """The lines after the first, dedented by the item's offset or by the author's smaller indentation."""
    rest = item.lines[1:]
    marker = item.marker
    shallow = (indent_of(line) for line in rest if MARKER.match(line) or FENCE.match(line))
    depth = min([marker.offset, *(indent for indent in shallow if indent >= marker.indent + 2)])
    return [line[min(depth, indent_of(line)) :] for line in rest]
