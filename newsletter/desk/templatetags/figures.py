"""Numbers and time zones as people read them."""

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

register = template.Library()


@register.filter
def thousands(count: int) -> str:
    """Return a number with a comma after each thousand."""
    return f"{count:,}"


@register.filter
def zone_words(zone: object) -> str:
    """Return a time zone as its country says it, if the catalogue knows that; its key otherwise."""
    return gettext(str(zone))


@register.filter
def breaks(text: str) -> SafeString:
    """Let a server's words go on in a new line behind the slashes of a link, rather than within its words."""
    pieces = format_html_join(SafeString("/<wbr>"), "{}", ((piece,) for piece in text.split("/")))
    return SafeString(pieces.replace("/<wbr>/<wbr>", "//<wbr>"))
