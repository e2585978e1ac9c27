"""Numbers and time zones as people read them."""

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, ngettext

register = template.Library()


@register.filter
def thousands(count: int) -> str:
    return f"{count:,}"


def reader_count_text(count: int) -> str:
    return ngettext("%(count)s reader", "%(count)s readers", count) % {"count": thousands(count)}


@register.filter
def file_size(count: int) -> str:
    """Django's filesizeformat with a thousands separator; "" if unknown."""
    if not isinstance(count, int):
        return ""
    return filesizeformat(count).replace(str(count), thousands(count)) if count < 1024 else filesizeformat(count)


@register.filter
def zone_name(zone: object) -> str:
    return gettext(str(zone))
