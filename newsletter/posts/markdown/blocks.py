"""Splits Markdown into blocks: CommonMark's, with tolerance for everyday Chinese writing.

Python-Markdown loses a list without a blank line before it, and flattens one that is nested by two or three spaces. So
the lines are split into segments first; only "text" and "table" segments go on to its own block processors.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from newsletter.posts.markdown.lines import (
    BLOCK_SIGN,
    DEFINITION,
    FENCE,
    HEADING,
    HTML_BLOCK,
    QUOTE,
    RAW_HTML_BLOCK,
    RULE,
    ListItem,
    ListMarker,
    ListReader,
    end_of_fence,
    indent_of,
    interrupting_marker,
    is_lazy,
    is_prose,
    starts_block,
)

TABLE_RULE = re.compile(r"^ {0,3}\|?(?: *+:?-++:? *+\|)* *+:?-++:? *+\|? *+$")
UNDERLINE = re.compile(r"^ {0,3}([-=])\1* *$")
# A line that ends a sentence, above `---`, is a paragraph and a rule; in CommonMark it would be a heading.
ENDS_SENTENCE = re.compile(r"[。！？…!?][」』）)”’\"]*$")
TERMS_MAX = 3  # lines of an underlined heading, or terms that share a definition
INCLUDES_PARAGRAPH = {"title", "definitions"}
FOOTNOTE = re.compile(r"^ {0,3}\[\^[^\]]*\]:")


@dataclass(frozen=True)
class Segment:
    """Consecutive lines of one block kind."""

    kind: str
    lines: list[str]
    items: list[ListItem] = field(default_factory=list)
    is_loose: bool = False


class SourceLines(list[str]):
    """Lines with a cache of the last occurrence of each closing tag, so that many openers cost one search."""

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__(lines)
        self._last: dict[str, int] = {}

    def has_after(self, index: int, end: str) -> bool:
        """Does `end` (lower case) occur in the line at `index` or later?"""
        if end not in self._last:
            places = (place for place in range(len(self) - 1, -1, -1) if end in self[place].lower())
            self._last[end] = next(places, -1)
        return self._last[end] >= index


def split_segments(source_lines: list[str]) -> Iterator[Segment]:
    lines = SourceLines(source_lines)
    start = index = 0
    paragraph = _Paragraph(0, 0)
    while index < len(lines):
        block = _block_with_paragraph(lines, paragraph, index) or _block_at(lines, index, paragraph.first(lines))
        if block:
            begin = paragraph.start if block.kind in INCLUDES_PARAGRAPH else index
            if start < begin:
                yield Segment("text", lines[start:begin])
            yield block
            start = index = begin + len(block.lines)
            paragraph = _Paragraph(index, index)
            continue
        paragraph = paragraph.with_line(lines[index], index)
        index += 1
    if start < len(lines):
        yield Segment("text", lines[start:])


@dataclass(frozen=True)
class _Paragraph:
    """The open paragraph, or one that a single blank line has just ended."""

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


def _block_with_paragraph(lines: SourceLines, paragraph: _Paragraph, index: int) -> Segment | None:
    """The heading or definition list that the line at `index` makes of the paragraph above it."""
    above = lines[paragraph.start : paragraph.end] if paragraph.end - paragraph.start <= TERMS_MAX else []
    if not above:
        return None
    if DEFINITION.match(lines[index]):
        return Segment("definitions", lines[paragraph.start : _end_of_definitions(lines, index)])
    underline = UNDERLINE.match(lines[index]) if paragraph.is_open else None
    if underline and (underline[1] == "=" or (len(above) == 1 and not ENDS_SENTENCE.search(above[0].rstrip()))):
        return Segment("title", lines[paragraph.start : index + 1])
    return None


def _end_of_definitions(lines: list[str], index: int) -> int:
    """Index after the last definition, its indented lines, and further terms."""
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


def _block_at(lines: SourceLines, index: int, first_line: str) -> Segment | None:
    """The block that starts at `index`; None for text and indented code."""
    line = lines[index]
    if not BLOCK_SIGN.match(line) or (indent_of(line) >= 4 and not _is_list_in_paragraph(line, first_line)):
        return None
    before = lines[index - 1] if first_line else ""
    return next((found for read in READERS if (found := read(lines, index, before))), None)


def _is_list_in_paragraph(line: str, first_line: str) -> bool:
    """Is a deeply indented line a list below a paragraph, not code or part of a footnote?"""
    return bool(first_line) and not FOOTNOTE.match(first_line) and ListMarker.parse(line) is not None


def _read_fence(lines: SourceLines, index: int, before: str) -> Segment | None:
    match = FENCE.match(lines[index])
    if not match:
        return None
    end = end_of_fence(lines, index, match["fence"], indent=indent_of(lines[index]))
    return Segment("fence", lines[index : end or len(lines)])


def _read_heading(lines: SourceLines, index: int, before: str) -> Segment | None:
    return Segment("heading", lines[index : index + 1]) if HEADING.match(lines[index]) else None


def _read_rule(lines: SourceLines, index: int, before: str) -> Segment | None:
    return Segment("rule", lines[index : index + 1]) if RULE.match(lines[index]) else None


def _read_html(lines: SourceLines, index: int, before: str) -> Segment | None:
    raw = RAW_HTML_BLOCK.match(lines[index])
    if raw:
        end = "-->" if raw["comment"] else f"</{raw['tag'].lower()}>"
        if not lines.has_after(index, end):
            return None  # never closed: text, not a tag
        return Segment("html", _until(lines, index, lambda line: end in line.lower(), inclusive=True))
    if HTML_BLOCK.match(lines[index]):
        return Segment("html", _until(lines, index, lambda line: not line.strip(), inclusive=False))
    return None


def _until(lines: list[str], index: int, is_end: Callable[[str], bool], *, inclusive: bool) -> list[str]:
    for i in range(index, len(lines)):
        if is_end(lines[i]):
            return lines[index : i + inclusive]
    return lines[index:]


def _read_table(lines: SourceLines, index: int, before: str) -> Segment | None:
    if "|" not in lines[index] or index + 1 >= len(lines):
        return None
    rule = lines[index + 1]
    if "|" not in rule or not TABLE_RULE.match(rule):
        return None
    rest = _until(lines, index + 2, lambda line: not line.strip() or starts_block(line), inclusive=False)
    return Segment("table", lines[index : index + 2 + len(rest)])


def _read_quote(lines: SourceLines, index: int, before: str) -> Segment | None:
    if not QUOTE.match(lines[index]):
        return None
    end, is_open = index, True
    while end < len(lines):
        match = QUOTE.match(lines[end])
        if match:
            is_open = is_prose(lines[end][match.end() :])
        elif not (is_open and is_lazy(lines[end])):
            break
        end += 1
    return Segment("quote", lines[index:end])


def _read_list(lines: SourceLines, index: int, before: str) -> Segment | None:
    marker = interrupting_marker(lines[index], before) if before.strip() else ListMarker.parse(lines[index])
    if not marker:
        return None
    reader = ListReader(lines, index, marker)
    return Segment("list", reader.read(), items=reader.items, is_loose=reader.is_loose)


READERS = (_read_fence, _read_heading, _read_rule, _read_html, _read_table, _read_quote, _read_list)
