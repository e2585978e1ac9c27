"""Numbers and time zones as people read them."""

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext

register = template.Library()


@register.filter
def thousands(count: int) -> str:
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
