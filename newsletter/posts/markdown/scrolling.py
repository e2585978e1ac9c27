"""Tables that keys can scroll: each in a box that can be focused and has a name. Of sanitised HTML, for web pages."""

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Final

from django.utils.translation import gettext as _

PART: Final = re.compile(r"<(/?)table\b[^>]*>|<(h[1-6])\b[^>]*>(.*?)</\2>", re.DOTALL)
CAPTION: Final = re.compile(r"\s*<caption\b[^>]*>(.*?)</caption>", re.DOTALL)
TAG: Final = re.compile(r"<[^>]*>")
NAME_MAX: Final = 80  # characters


def with_boxes(html: str) -> str:
    """Return `html` with a box around each table but those within one, named by its caption, else the heading above.

    A group, not a region: a page may have many tables, and regions are what a screen reader's user jumps between.
    """
    return PART.sub(_boxes(html), html) if "<table" in html else html


def _boxes(html: str) -> Callable[[re.Match[str]], str]:
    heading, depth = "", 0

    def boxed(found: re.Match[str]) -> str:
        nonlocal heading, depth
        if found[2]:
            heading = heading if depth else _words(found[3])
            return found[0]
        if found[1]:
            depth -= 1
            return found[0] if depth else f"{found[0]}</div>"
        depth += 1
        return found[0] if depth > 1 else f"{_start(_caption(html, found.end()) or heading)}{found[0]}"

    return boxed


def _start(name: str) -> str:
    return f'<div class="scrolls" role="group" tabindex="0" aria-label="{escape(name or _("Table"))}">'


def _caption(html: str, at: int) -> str:
    found = CAPTION.match(html, at)
    return _words(found[1]) if found else ""


def _words(html: str) -> str:
    return " ".join(unescape(TAG.sub("", html)).split())[:NAME_MAX]
