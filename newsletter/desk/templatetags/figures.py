"""Numbers, time zones and addresses as people read them."""

import re
from collections.abc import Iterator

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

register = template.Library()

SHORT = 24  # characters of an address that stand in one line of any screen


@register.filter
def thousands(count: int) -> str:
    """Return a number with a comma after each thousand."""
    return f"{count:,}"


@register.filter
def octets(count: int) -> str:
    """Return a size as Django says it, with a comma in a thousand bytes as well; "" where none is known."""
    if not isinstance(count, int):
        return ""
    return filesizeformat(count).replace(str(count), thousands(count)) if count < 1024 else filesizeformat(count)


@register.filter
def zone_words(zone: object) -> str:
    """Return a time zone as its country says it, if the catalogue knows that; its key otherwise."""
    return gettext(str(zone))


@register.filter
def breaks(text: str) -> SafeString:
    """Let a server's words go on in a new line behind the slashes of a link, rather than within its words."""
    pieces = format_html_join(SafeString("/<wbr>"), "{}", ((piece,) for piece in text.split("/")))
    return SafeString(pieces.replace("/<wbr>/<wbr>", "//<wbr>"))


@register.filter
def broken_well(text: object) -> object:
    """Let long e-mail addresses go on in a new line behind their @ and before their dots, not within a word."""
    words = re.split(r"(\s+)", str(text))
    if not any(map(_is_long_address, words)):
        return text
    pieces = (piece for word in words for piece in _pieces(word))
    return format_html_join("", "{}{}", pieces)


def _is_long_address(word: str) -> bool:
    return "@" in word and len(word) > SHORT


def _pieces(word: str) -> Iterator[tuple[str, str]]:
    """Yield a word, or the parts of a long address; before each part what lets a line break there."""
    first, *others = re.split(r"(?<=@)|(?=\.)", word) if _is_long_address(word) else [word]
    yield "", first
    yield from ((SafeString("<wbr>"), part) for part in others)
