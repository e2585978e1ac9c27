"""Markdown of programs that end a line where the author did: here a line ends by a backslash. Pure."""

import re
from collections.abc import Callable, Iterator

from newsletter.posts.markdown.lines import FENCE, HTML_BLOCK, HTML_LONG, QUOTE, RULE, Marker, starts_block

DEEPEST = 20  # quotes and items inside each other; what is deeper keeps its lines as they are
_TAB = 4  # columns
# What no backslash may stand behind, or before: the marks of blocks, and lines that end by themselves.
_WHOLE = re.compile(r"^\s*(?:$|\||\[[^\]\n]+\]:|:\s|\[!\w+\]|\[toc\]\s*$|#{1,6}(?:\s|$))|^(?: {4}|\t)|^ {0,3}#{2,6}")
_ENDED = re.compile(r"(?:\\|  |\|\s*|-->|<br\s*/?>)$", re.IGNORECASE)
_UNDERLINE = re.compile(r"^ {0,3}(?:-+|=+)\s*$")
_SIDES = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")  # the second row of a table
_NOTE = re.compile(r"^\[\^[^\]\n]{1,100}\]:[ \t]*")
_OPEN_TAG = re.compile(r"<[a-zA-Z][^<>]*$")


def with_hard_breaks(text: str) -> str:
    """Return `text` with a backslash at each end of a line inside a paragraph; code, tables and HTML stay."""
    return "\n".join(_broken(text.replace("\r\n", "\n").split("\n"), 0))


def _broken(lines: list[str], depth: int) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if (end := _whole(lines, place)) > place:
            yield from lines[place:end]
            place = end
        elif depth < DEEPEST and (prefixes := _held(lines, place)):
            inner = [lines[place + index][len(prefix) :] for index, prefix in enumerate(prefixes)]
            yield from map(str.__add__, prefixes, _broken(inner, depth + 1))
            place += len(prefixes)
        else:
            following = lines[place + 1] if place + 1 < len(lines) else ""
            yield f"{line.rstrip()}\\" if _breaks(line, following) else line
            place += 1


def _breaks(line: str, following: str) -> bool:
    if _WHOLE.match(line) or _ENDED.search(line) or _WHOLE.match(following) or _UNDERLINE.match(following):
        return False
    is_mark = RULE.match(line) or _UNDERLINE.match(line)
    return not is_mark and not starts_block(following) and not FENCE.match(following)


# --- Parts that stay as they are ---


def _whole(lines: list[str], place: int) -> int:
    """Return where a block of code, a table or HTML ends that begins on this line; `place` itself if none does."""
    line = lines[place]
    if fence := FENCE.match(line):
        return _until(lines, place, lambda one: one.strip().startswith(fence["fence"]) and not one.strip(" `~"))
    if long := HTML_LONG.match(line):
        end = "-->" if long["comment"] else f"</{long['tag'].lower()}>"
        return place + 1 if end in line.lower() else _until(lines, place, lambda one: end in one.lower())
    if HTML_BLOCK.match(line) or _is_table(lines, place):
        return _until(lines, place, lambda one: not one.strip())
    return _until(lines, place, lambda one: ">" in one) if _OPEN_TAG.search(line) else place


def _until(lines: list[str], place: int, is_end: Callable[[str], bool]) -> int:
    """Return the place behind the first line after this one that ends it, or behind them all."""
    found = (index for index in range(place + 1, len(lines)) if is_end(lines[index]))
    return next(found, len(lines) - 1) + 1


def _is_table(lines: list[str], place: int) -> bool:
    sides = lines[place + 1] if place + 1 < len(lines) else ""
    return "|" in lines[place] and "|" in sides and bool(_SIDES.match(sides))


# --- Parts that hold others: quotes, items of lists, notes ---


def _held(lines: list[str], place: int) -> list[str]:
    """Return what stands before the text in each line of the quote, item or note that begins here; [] if none does."""
    if QUOTE.match(lines[place]):
        return list(_of_quote(lines, place))
    if marker := Marker.of(lines[place]):
        return list(_of_item(lines, place, marker.offset))
    note = _NOTE.match(lines[place])
    return list(_of_item(lines, place, len(note[0]), inner=_TAB)) if note else []


def _of_quote(lines: list[str], place: int) -> Iterator[str]:
    for line in lines[place:]:
        if not (mark := QUOTE.match(line)):
            return
        yield mark[0]


def _of_item(lines: list[str], place: int, offset: int, *, inner: int = 0) -> Iterator[str]:
    """Yield the space before each line of an item. Lines that go on without any are its own as long as none is blank.

    inner: columns of the lines after the first; as many as the first has if none are given.
    """
    yield lines[place][:offset]
    is_blank = not lines[place][offset:].strip()
    for line in lines[place + 1 :]:
        prefix = _indent(line, inner or offset)
        is_within = _columns(prefix) >= min(inner or offset, 2)
        if line.strip() and not is_within and (is_blank or starts_block(line) or Marker.of(line)):
            return
        is_blank = not line.strip()
        yield prefix


def _indent(line: str, most: int) -> str:
    """Return the white space at the beginning of a line, up to so many columns; a tab may go beyond them."""
    end = 0
    while line.strip() and line[end] in " \t" and _columns(line[:end]) < most:
        end += 1
    return line[:end]


def _columns(space: str) -> int:
    return len(space.expandtabs(_TAB))
