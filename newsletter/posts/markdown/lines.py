"""What a single line of Markdown says by itself: the patterns of CommonMark's block marks."""

import re
from dataclasses import dataclass

from newsletter.posts.text.han import WIDE

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

    def goes_on_from(self, other: "Marker") -> bool:
        """Return whether this is the next number of the same list, however it is indented."""
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
