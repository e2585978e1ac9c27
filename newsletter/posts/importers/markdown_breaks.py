"""Markdown of programs that end a line where the author did: here a line ends by a backslash. Pure."""

import re

from newsletter.posts.markdown.lines import FENCE, starts_block

_SPECIAL = re.compile(r"^\s*(?:$|\||\[[^\]\n]+\]:|<|:)|(?:\\|  |\|\s*|-->)$|^(?: {4}|\t)")
_UNDERLINE = re.compile(r"^ {0,3}(?:-+|=+)\s*$")


def with_hard_breaks(text: str) -> str:
    """Return `text` with a backslash at each end of a line inside a paragraph; code, tables and HTML stay."""
    lines = text.replace("\r\n", "\n").split("\n")
    found: list[str] = []
    fence = ""
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        mark = FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark["fence"]
            found.append(line)
        elif fence or not _breaks(line, following):
            found.append(line)
        else:
            found.append(f"{line.rstrip()}\\")
    return "\n".join(found)


def _breaks(line: str, following: str) -> bool:
    if _SPECIAL.search(line) or _SPECIAL.match(following) or _UNDERLINE.match(following):
        return False
    return not re.match(r"^ {0,3}#{1,6}", line) and not starts_block(following) and not FENCE.match(following)
