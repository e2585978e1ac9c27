"""Link URLs for print: numbered in the text, and listed at the end."""

import re
from html import unescape

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

register = template.Library()
# As nh3 writes links: values in double quotes, which they cannot contain.
_LINK = re.compile(r'(<a(?: [a-z-]+="[^"]*")*? href="([^"]*)")([^>]*>(.*?)</a>)', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SHOWN = re.compile(r"(?:https?://|mailto:|tel:)?(?:www\.)?")


class NumberedLinks:
    """The numbered URLs of a page."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, address: str) -> int:
        """The number of a URL, the same for each occurrence."""
        return self._numbers.setdefault(address, len(self._numbers) + 1)

    @property
    def addresses(self) -> list[str]:
        return list(self._numbers)


@register.simple_tag
def notes() -> NumberedLinks:
    """An empty list, filled by `noted` and `note`."""
    return NumberedLinks()


@register.filter
def noted(html: str, notes: NumberedLinks) -> SafeString:
    """Number the links of sanitised HTML, except those within the page and those whose text is the URL."""

    def numbered(found: re.Match[str]) -> str:
        to_address, address, rest, words = found.groups()
        address = unescape(address)
        if _is_plain(address, words):
            return found[0]
        return f'{to_address} data-note="{notes.number(_typeable(address))}"{rest}'

    return mark_safe(_LINK.sub(numbered, html))  # noqa: S308  # nosec B308, B703  # as safe as what came


@register.simple_tag
def note(notes: NumberedLinks, path: str) -> SafeString:
    """The attribute that numbers a link to one of our own pages."""
    return format_html(' data-note="{}"', notes.number(_typeable(path)))


@register.simple_tag
def printed_addresses(notes: NumberedLinks) -> SafeString:
    """The list, visible in print only; "" if empty."""
    if not notes.addresses:
        return SafeString("")
    items = format_html_join("", "<li>{}</li>", ((address,) for address in notes.addresses))
    return format_html('<div class="addresses"><p class="label">{}</p><ol>{}</ol></div>', _("Addresses"), items)


def _is_plain(address: str, html: str) -> bool:
    """Does print need no URL, because the link stays on the page or its text is the URL?"""
    if not address or address.startswith("#"):
        return True
    words = unescape(_TAG.sub("", html)).strip() if "<" in html or "&" in html else html.strip()
    return words.rstrip("/")[-1:] == address.rstrip("/")[-1:] and _bare(address) == _bare(words)


def _bare(address: str) -> str:
    return _SHOWN.sub("", address, count=1).rstrip("/")


def _typeable(address: str) -> str:
    """A URL that a person can type."""
    return settings.SITE_URL + address if address.startswith("/") else address.removeprefix("mailto:")
