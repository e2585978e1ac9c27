"""The line structure of a post: CommonMark's blocks, with the licence that everyday Chinese writing takes.

Python-Markdown's own block rules lose a list that has no blank line before it, and flatten one
that is nested by two or three spaces. Here the lines are cut into segments first; what is not a
list, quote, fence, heading, table or raw HTML goes to Python-Markdown's processors as it is.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from newsletter.posts.han import WIDE

FENCE = re.compile(r"^ *(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ ]*(?P<info>.*)$")
HEADING = re.compile(r"^ {0,3}(?:(?P<one>#{1,6})(?:[ \u3000]+|$)|(?P<glued>#{2,6})(?![#!]))(?P<text>.*)$")
QUOTE = re.compile(r"^ {0,3}> ?")
RULE = re.compile(r"^ {0,3}([-*_]) *(?:\1 *){2,}$")
MARKER = re.compile(r"^(?P<indent> *)(?P<mark>[-*+]|(?P<number>\d{1,9})[.)])(?:(?P<space> +)(?P<text>.*)|)$")
TABLE_RULE = re.compile(r"^ {0,3}\|?(?: *:?-+:? *\|)* *:?-+:? *\|? *$")
SIGN = re.compile(r" *[-*_+0-9#>`~<]|.*\|")  # what every pattern above and below begins with, and tables hold
DEFINITION = re.compile(r"^ {0,3}: {1,3}(?=\S)")
UNDERLINE = re.compile(r"^ {0,3}([-=])\1* *$")
ENDS_SENTENCE = re.compile(
    r"[。！？…!?][」』）)”’\"]*$"
)  # over `---`: a paragraph and a rule, whatever CommonMark says
MOST_TERMS = 3  # lines of a title, or terms that share a definition
TAKING_BACK = {"title", "definitions"}
NOTE = re.compile(r"^ {0,3}\[\^[^\]]*\]:")
INVITES_LIST = re.compile(rf"[{WIDE}:]$")
BLOCK_TAGS = (
    "address|article|aside|blockquote|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|meta|nav|object|ol|optgroup|option|p|param|"
    "picture|section|source|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul|video|audio"
)
HTML_BLOCK = re.compile(rf"^ {{0,3}}</?(?:{BLOCK_TAGS})(?:[\s>]|/>|$)", re.IGNORECASE)
HTML_LONG = re.compile(r"^ {0,3}<(?:(?P<tag>script|pre|style|textarea)(?:[\s>]|$)|(?P<comment>!--))", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """Consecutive lines of one kind; a list carries its items, a fence its info string."""

    kind: str
    lines: list[str]
    items: "list[Item]" = field(default_factory=list)
    loose: bool = False
    number: int | None = None


@dataclass
class Item:
    """A list item: its own lines, without the marker and its indentation."""

    marker: "Marker"
    lines: list[str]


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
        """Return the marker that `line` begins with, if any."""
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

    def is_child_of(self, other: "Marker") -> bool:
        """Return whether two columns make this a sub-item: CommonMark wants three under `1. `."""
        return self.indent >= other.indent + 2 and not self.follows(other)


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def segments(lines: list[str]) -> Iterator[Segment]:
    """Cut `lines` into segments, in order and without a gap."""
    start = index = 0
    paragraph = _Paragraph(0, 0)
    while index < len(lines):
        special = _takes_back(lines, paragraph, index) or _special(lines, index, paragraph.first(lines))
        if special:
            begin = paragraph.start if special.kind in TAKING_BACK else index
            if start < begin:
                yield Segment("text", lines[start:begin])
            yield special
            start = index = begin + len(special.lines)
            paragraph = _Paragraph(index, index)
            continue
        paragraph = paragraph.with_line(lines[index], index)
        index += 1
    if start < len(lines):
        yield Segment("text", lines[start:])


@dataclass(frozen=True)
class _Paragraph:
    """Where the paragraph began that is open, or that one blank line has just ended."""

    start: int
    end: int
    is_open: bool = False

    def first(self, lines: list[str]) -> str:
        return lines[self.start] if self.is_open else ""

    def with_line(self, line: str, index: int) -> "_Paragraph":
        if not line.strip():
            return _Paragraph(self.start, self.end if self.is_open else self.start)
        if self.is_open:
            return _Paragraph(self.start, index + 1, is_open=True)
        return _Paragraph(index, index + 1, is_open=True) if indent_of(line) < 4 else _Paragraph(index, index)


def _takes_back(lines: list[str], paragraph: _Paragraph, index: int) -> Segment | None:
    """Return what the line at `index` makes of the paragraph above it: a title or terms that are defined."""
    above = lines[paragraph.start : paragraph.end] if paragraph.end - paragraph.start <= MOST_TERMS else []
    if not above:
        return None
    if DEFINITION.match(lines[index]):
        return Segment("definitions", lines[paragraph.start : _end_of_definitions(lines, index)])
    underline = UNDERLINE.match(lines[index]) if paragraph.is_open else None
    if underline and (underline[1] == "=" or (len(above) == 1 and not ENDS_SENTENCE.search(above[0].rstrip()))):
        return Segment("title", lines[paragraph.start : index + 1])
    return None


def _end_of_definitions(lines: list[str], index: int) -> int:
    """Return the line after the last definition or indented paragraph, or term that is defined itself."""
    end = index + 1
    while end < len(lines):
        follows = next((i for i in range(end, min(end + 2, len(lines))) if lines[i].strip()), None)
        if follows is None:
            break
        is_defined = (
            follows + 1 < len(lines) and DEFINITION.match(lines[follows + 1]) and not starts_block(lines[follows])
        )
        if not (is_defined or DEFINITION.match(lines[follows]) or indent_of(lines[follows]) >= 2):
            break
        end = follows + 1
    return end


def _special(lines: list[str], index: int, paragraph: str) -> Segment | None:
    """Return what begins at `index`, unless it is plain text or indented code."""
    line = lines[index]
    if not SIGN.match(line) or (indent_of(line) >= 4 and not _goes_on_as_list(line, paragraph)):
        return None
    before = lines[index - 1] if paragraph else ""
    return next((found for read in READERS if (found := read(lines, index, before))), None)


def _goes_on_as_list(line: str, paragraph: str) -> bool:
    """Return whether a deeply indented line is a list under a paragraph: neither code nor a footnote's."""
    return bool(paragraph) and not NOTE.match(paragraph) and Marker.of(line) is not None


def _read_fence(lines: list[str], index: int, before: str) -> Segment | None:
    match = FENCE.match(lines[index])
    if not match:
        return None
    end = _closing(lines, index, match["fence"])
    return Segment("fence", lines[index : end if end else len(lines)])


def _closing(lines: list[str], index: int, fence: str) -> int | None:
    """Return the index after the line that closes the fence opened at `index`."""
    close = re.compile(rf"^ *{re.escape(fence[0])}{{{len(fence)},}} *$")
    return next((i + 1 for i in range(index + 1, len(lines)) if close.match(lines[i])), None)


def _read_heading(lines: list[str], index: int, before: str) -> Segment | None:
    return Segment("heading", lines[index : index + 1]) if HEADING.match(lines[index]) else None


def _read_rule(lines: list[str], index: int, before: str) -> Segment | None:
    return Segment("rule", lines[index : index + 1]) if RULE.match(lines[index]) else None


def _read_html(lines: list[str], index: int, before: str) -> Segment | None:
    long = HTML_LONG.match(lines[index])
    if long:
        end = "-->" if long["comment"] else f"</{long['tag'].lower()}>"
        return Segment("html", _until(lines, index, lambda line: end in line.lower(), inclusive=True))
    if HTML_BLOCK.match(lines[index]):
        return Segment("html", _until(lines, index, lambda line: not line.strip(), inclusive=False))
    return None


def _until(lines: list[str], index: int, is_end: Callable[[str], bool], *, inclusive: bool) -> list[str]:
    for i in range(index, len(lines)):
        if is_end(lines[i]):
            return lines[index : i + inclusive]
    return lines[index:]


def _read_table(lines: list[str], index: int, before: str) -> Segment | None:
    if "|" not in lines[index] or index + 1 >= len(lines):
        return None
    rule = lines[index + 1]
    if "|" not in rule or not TABLE_RULE.match(rule):
        return None
    rest = _until(lines, index + 2, lambda line: not line.strip() or starts_block(line), inclusive=False)
    return Segment("table", lines[index : index + 2 + len(rest)])


def _read_quote(lines: list[str], index: int, before: str) -> Segment | None:
    if not QUOTE.match(lines[index]):
        return None
    end, is_open = index, True
    while end < len(lines):
        match = QUOTE.match(lines[end])
        if match:
            is_open = _is_prose(lines[end][match.end() :])
        elif not (is_open and _is_lazy(lines[end])):
            break
        end += 1
    return Segment("quote", lines[index:end])


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not (HEADING.match(line) or FENCE.match(line) or RULE.match(line))


def _is_lazy(line: str) -> bool:
    """Return whether `line` may go on from a paragraph inside a quote or an item without its indentation."""
    return bool(line.strip()) and not starts_block(line)


def starts_block(line: str) -> bool:
    """Return whether `line` ends the paragraph above it without a blank line."""
    if not SIGN.match(line):
        return False
    patterns = (FENCE, HEADING, QUOTE, RULE, HTML_BLOCK, HTML_LONG)
    return any(pattern.match(line) for pattern in patterns) or bool(_interrupting(line, ""))


def _interrupting(line: str, before: str) -> Marker | None:
    """Return the marker of a list that may begin right under the paragraph line `before`.

    A number other than 1 needs an invitation, else `the year⏎1984. It was` becomes a list
    (CommonMark 0.31 example 304).
    """
    marker = Marker.of(line)
    if not marker or not marker.text.strip():
        return None
    return marker if marker.number in {None, 0, 1} or INVITES_LIST.search(before.rstrip()) else None


def _read_list(lines: list[str], index: int, before: str) -> Segment | None:
    marker = _interrupting(lines[index], before) if before.strip() else Marker.of(lines[index])
    return _ListReader(lines, index, marker).read() if marker else None


class _ListReader:
    """Collects the items of the list that begins at a line."""

    def __init__(self, lines: list[str], index: int, marker: Marker) -> None:
        self.lines, self.start, self.index = lines, index, index + 1
        self.items = [Item(marker, [marker.text])]
        self.loose = False
        self.is_open = _is_prose(marker.text)
        self.unclosed: set[str] = set()
        if FENCE.match(marker.text):
            self.index = self._end_of_fence(index, marker.text, marker)
            self.items[-1].lines += lines[index + 1 : self.index]

    def read(self) -> Segment:
        while self.index < len(self.lines) and self._take():
            pass
        self._give_back_blanks()
        first = self.items[0].marker
        for item in self.items:
            item.lines[1:] = _dedented(item)
        taken = self.lines[self.start : self.index]
        return Segment("list", taken, items=self.items, loose=self.loose, number=first.number)

    def _take(self) -> bool:
        """Take one line, or a whole fence; return False at the line that ends the list."""
        line, item = self.lines[self.index], self.items[-1]
        if not line.strip():
            item.lines.append("")
            self.is_open = False
            self.index += 1
            return True
        if self._belongs(line, item.marker):
            end = self._end_of_fence(self.index, line, item.marker) if FENCE.match(line) else self.index + 1
            item.lines += self.lines[self.index : end]
            self.is_open = end == self.index + 1 and _is_prose(line.lstrip())
            self.index = end
            return True
        return self._take_sibling(line, item)

    def _belongs(self, line: str, marker: Marker) -> bool:
        indent = indent_of(line)
        if indent >= marker.offset:
            return True
        other = Marker.of(line)
        if other:
            return other.is_child_of(marker)
        if self.is_open and _is_lazy(line):
            return True
        # Two columns are enough under a number, as most editors indent by two.
        return marker.number is not None and not marker.is_wide and indent >= marker.indent + 2

    def _take_sibling(self, line: str, item: Item) -> bool:
        marker = Marker.of(line)
        if not marker or marker.kind != item.marker.kind or marker.indent > item.marker.indent + 3:
            return False
        self.loose |= item.lines[-1] == "" and len(item.lines) > 1
        self.items.append(Item(marker, [marker.text]))
        self.is_open = _is_prose(marker.text)
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
        end = _closing(self.lines, index, match["fence"])
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


READERS = (_read_fence, _read_heading, _read_rule, _read_html, _read_table, _read_quote, _read_list)
