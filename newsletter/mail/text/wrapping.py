"""Plain text in lines: how wide Chinese is, and where a line may end. Pure."""

import re
import unicodedata

COLUMNS = 72  # of a terminal; a Chinese character takes two
OPENERS = "（「『【《〈〔［｛“‘"
CLOSERS = "，。、；：？！）」』】》〉〕］｝…—～·％”’" + ",.;:?!)]}%"
WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
MARKS = r"(?:[\ufe0e\ufe0f\u20e3\u0300-\u036f\U0001f3fb-\U0001f3ff]|\u200d.)*"
# What a line break never tears: an address, a word, or one character with the punctuation that belongs to it.
UNIT = re.compile(
    rf"\s+|(?:https?://|mailto:)[!-~]+(?: ?[{re.escape(CLOSERS)}]+)?|[{re.escape(OPENERS)}]*"
    rf"(?:[^\s{WIDE}{re.escape(OPENERS)}]+|.{MARKS})[{re.escape(CLOSERS)}]*(?:\[\d+\][{re.escape(CLOSERS)}]*)?",
    re.DOTALL,
)


def wrap(text: str, *, columns: int = COLUMNS, first: str = "", rest: str | None = None) -> str:
    """Return one paragraph in lines of at most `columns`, with a prefix before the first and the other lines.

    No line begins with 。 or ends with 「; an address is never broken, even if its line gets too long.
    """
    rest = first if rest is None else rest
    lines, line, taken, started = [], first, width(first), False
    for unit in UNIT.findall(text):
        if started and taken + width(unit.rstrip()) > columns:
            lines.append(line.rstrip())
            line = rest + unit.lstrip()
            taken = width(line)
        else:
            line += unit
            taken += width(unit)
        started = bool(line[len(rest) :].strip())
    return "\n".join([*lines, line.rstrip()])


def tidy(text: str) -> str:
    """Return a text template's output with its long lines wrapped and at most one blank line in a row."""
    lines = [wrap(line) if width(line) > COLUMNS else line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 or char in "\u200b\u200d\ufe0f" for char in text)


def table(rows: list[list[str]], *, headed: bool) -> str:
    """Return a table in columns; one that is too wide as lines of `heading：cell`, a blank line between rows."""
    if not rows:
        return ""
    columns = max(map(len, rows))
    widths = [max(width(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    if sum(widths) + 3 * (columns - 1) > COLUMNS:
        return _listed(rows, headed=headed)
    lines = ["   ".join(_padded(cell, widths[at]) for at, cell in enumerate(row)).rstrip() for row in rows]
    if headed:
        lines.insert(1, "   ".join("-" * size for size in widths))
    return "\n".join(lines)


def _listed(rows: list[list[str]], *, headed: bool) -> str:
    heads, body = (rows[0], rows[1:]) if headed else ([], rows)
    blocks = []
    for row in body:
        cells = [f"{heads[at]}：{cell}" if at < len(heads) and heads[at] else cell for at, cell in enumerate(row)]
        blocks.append("\n".join(wrap(cell) for cell in cells))
    return "\n\n".join(blocks)


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell))
