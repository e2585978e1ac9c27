"""Numbers and time zones as people read them."""

from django import template
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
