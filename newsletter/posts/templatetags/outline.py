"""The headings of a long post, as a table of contents has them."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Final

from django import template
from django.utils.html import strip_tags

register = template.Library()

FEWEST: Final = 3  # headings: a shorter list says nothing that scrolling does not
HEADING: Final = re.compile(r'<h([1-3]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
NOTE: Final = re.compile(r"<sup\b.*?</sup>", re.DOTALL)  # the number of a footnote is no word of the heading


@dataclass(frozen=True)
class Heading:
    level: int  # 1 for the highest of this post
    id: str
    text: str


@register.simple_tag
def outline(html: str) -> list[Heading]:
    """Return the two highest levels of headings; none where they are few, or the author has set their own contents."""
    found = [(int(level), anchor, _words(inner)) for level, anchor, inner in HEADING.findall(html)]
    if 'class="toc"' in html or not found:
        return []
    top = min(level for level, _anchor, _text in found)
    shown = [Heading(level - top + 1, anchor, text) for level, anchor, text in found if text and level <= top + 1]
    return shown if len(shown) >= FEWEST else []


def _words(html: str) -> str:
    return " ".join(unescape(strip_tags(NOTE.sub("", html))).split())
