"""Where lines end: some programs end one where the author did, and here a backslash says so. Pure."""

import re
from collections.abc import Callable, Iterator

from newsletter.moving.converters.markdown.code import Code
from newsletter.posts.markdown.lines import FENCE, HTML_BLOCK, RULE, Marker, starts_block

# By program whose pages end a line where the text does: the file of its settings, and the words that say otherwise.
# Sources: hexo-renderer-marked, -kramed and -markdown-it (`breaks`), Obsidian ("Strict line breaks").
_SETTINGS = {
    "Hexo": ("_config.yml", r"^\s+breaks:\s*false\b"),
    "Obsidian": (".obsidian/app.json", r"\"strictLineBreaks\"\s*:\s*true\b"),
}


def ends_lines(program: str, settings: Callable[[str], str]) -> bool:
    """Return whether its pages end a line where the text does; Markdown by itself goes on with the next.

    settings: returns the text of a file; "" if there is none.
    """
    name, otherwise = _SETTINGS.get(program, ("", ""))
    return bool(name) and not re.search(otherwise, settings(name), re.MULTILINE)


_WHOLE_HTML = re.compile(
    r"<(?P<name>pre|script|style|textarea)\b.*?</(?P=name)\s*>|<!--.*?-->|<[a-zA-Z][^<>\n]*\n[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_OUTER = re.compile(  # of quotes, items, notes
    r"^[ \t>]*(?:(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)|\[\^[^\]\n]{1,100}\]:[ \t]*)*"
)
# What no backslash may stand behind, or before: the marks of blocks, and lines that end by themselves.
_WHOLE = re.compile(r"\s*$|\||\[[^\]\n]+\]:|:\s|\[!\w+\]|\[toc\]\s*$|#{1,6}(?:\s|$)|#{2,6}|(?:-+|=+)\s*$")
_ENDED = re.compile(r"(?:\\|  |\|\s*|\0|<br\s*/?>)$", re.IGNORECASE)
_SIDES = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")  # the second row of a table


def with_hard_breaks(text: str) -> str:
    """Return `text` with a backslash at each end of a line inside a paragraph; code, tables and HTML stay."""
    code = Code()
    text = _WHOLE_HTML.sub(lambda found: code.hide(found[0]), text.replace("\r\n", "\n"))
    lines = text.split("\n")
    plain = [*_are_prose(lines), False]
    ends = (
        f"{line.rstrip()}\\" if plain[place] and plain[place + 1] and _breaks(line, lines[place + 1]) else line
        for place, line in enumerate(lines)
    )
    return code.put_back("\n".join(ends))


def _breaks(line: str, following: str) -> bool:
    inner, below = _OUTER.sub("", line), _OUTER.sub("", following)
    is_mark = _WHOLE.match(inner) or RULE.match(line.strip()) or _ENDED.search(line)
    is_start = _WHOLE.match(below) or FENCE.match(below) or _is_marked(following)
    return not (is_mark or is_start or starts_block(following.lstrip(" \t>")))


def _are_prose(lines: list[str]) -> Iterator[bool]:
    """Yield of each line whether it may be one of a paragraph: neither code, nor in a table, nor a block of HTML."""
    fence, is_block, is_in_list = "", False, False
    for place, line in enumerate(lines):
        inner, is_blank = _OUTER.sub("", line), not line.strip(" \t>")
        if fence:
            yield False
            fence = "" if inner.startswith(fence) and not inner.strip(" `~") else fence
            continue
        found = FENCE.match(inner)
        fence = found["fence"] if found else ""
        is_in_list = _is_marked(line) or (is_in_list and (is_blank or line[0] in " \t>"))
        begins = HTML_BLOCK.match(inner) or ("|" in line and _SIDES.match("".join(lines[place + 1 : place + 2])))
        is_block = not is_blank and (is_block or bool(begins and ("|" not in line or "|" in lines[place + 1])))
        yield not (fence or is_block or (line.startswith(("    ", "\t")) and not is_in_list))


def _is_marked(line: str) -> bool:
    return Marker.of(line.lstrip(" \t>")) is not None or line.startswith("[^")
