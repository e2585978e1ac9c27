"""Digits and abbreviations in lines that run from top to bottom: they stand upright where they stand alone. Of XHTML.

One or two digits take the place of one character; a longer number, or an abbreviation, one for each of its own.
What belongs to Latin words, and what has other marks in it, such as 3.5 or GPT-4, lies on its side as they do.
"""

import re
from typing import Final

ASIDE: Final = frozenset({"head", "pre", "table", "code", "kbd", "samp"})  # horizontal, or in one piece
PIECE: Final = re.compile(r"<(/?)([a-z0-9]+)[^>]*?(/?)>|[^<]+")
ALONE: Final = re.compile(  # a year or a day belongs to the Chinese behind it, whatever stands before it
    r"(?<![!-~])(?:(?<![!-~][ \u00a0])|(?=[0-9]+[ \u00a0]?[年月日]))"
    r"(?:([0-9]{1,2}%?)|([0-9]{3,4}|[A-Z]{1,5}))(?![!-~])(?![ \u00a0][!-~])"
)


def set_upright(xhtml: str) -> str:
    """Return well-formed XHTML whose numbers and abbreviations stand upright: by the classes `one` and `each`."""
    aside = 0  # how many such elements are open

    def piece(found: re.Match[str]) -> str:
        nonlocal aside
        if found[2] is None:
            return found[0] if aside else ALONE.sub(_upright, found[0])
        if found[2] in ASIDE and not found[3]:
            aside += -1 if found[1] else 1
        return found[0]

    return PIECE.sub(piece, xhtml)


def _upright(found: re.Match[str]) -> str:
    return f'<span class="one">{found[1]}</span>' if found[1] else f'<span class="each">{found[2]}</span>'
