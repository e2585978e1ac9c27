"""Tables that are too wide for a phone, as a block of lines for each row. Pure.

A mail can neither scroll a table nor lay it out anew on a narrow screen: no CSS for that is known to every client.
"""

import re

TABLE = re.compile(r"<table>(?:(?!<table\b).)*?</table>", re.DOTALL)  # as Markdown makes it
ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<(t[hd])\b([^>]*)>(.*?)</\1>", re.DOTALL)
MERGED = re.compile(r"\b(?:col|row)span=")
BLOCK = re.compile(r"<(?:p|div|[ou]l|blockquote|pre|figure|h[1-6]|hr|details)\b")
COLUMNS_MANY = 5  # do not fit a phone with whole words
EMPTY = "—"


def stacked(html: str) -> str:
    """Return `html` in which each row of a table of five columns or more is a paragraph of `head：cell` lines.

    A table stays as it is if it has no heads, or has cells that lines cannot hold.
    """
    return TABLE.sub(lambda table: _records(table[0]) or table[0], html)


def _records(table: str) -> str:
    """Return the rows as paragraphs; "" for a table that has to stay one."""
    rows = [CELL.findall(row) for row in ROW.findall(table)]
    if len(rows) < 2 or len(rows[0]) < COLUMNS_MANY or BLOCK.search(table) or MERGED.search(table):
        return ""
    heads = [words.strip() for tag, _attributes, words in rows[0] if tag == "th"]
    if not all(heads) or any(len(row) != len(heads) for row in rows):
        return ""
    return "\n".join(_record(heads, [words.strip() for _tag, _attributes, words in row]) for row in rows[1:])


def _record(heads: list[str], cells: list[str]) -> str:
    lines = (f'<span class="head">{head}：</span>{cell or EMPTY}' for head, cell in zip(heads, cells, strict=True))
    return f'<p class="record">{"<br>".join(lines)}</p>'
