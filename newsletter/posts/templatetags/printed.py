"""The addresses of links on paper, where nobody can press one: numbered in the text, and listed at its end."""

import re
from html import unescape

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

register = template.Library()
# As nh3 writes a link: each value in double quotes, in which no other can stand.
_LINK = re.compile(r'(<a(?: [a-z-]+="[^"]*")*? href="([^"]*)")([^>]*>(.*?)</a>)', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SHOWN = re.compile(r"(?:https?://|mailto:|tel:)?(?:www\.)?")


class Notes:
    """The addresses that a page names, in the order of their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, address: str) -> int:
        """Return the number of an address; one that is named again keeps its own."""
        return self._numbers.setdefault(address, len(self._numbers) + 1)

    @property
    def addresses(self) -> list[str]:
        return list(self._numbers)


@register.simple_tag
def notes() -> Notes:
    """Return an empty list of addresses, for `noted` to fill."""
    return Notes()


@register.filter
def noted(html: str, notes: Notes) -> SafeString:
    """Return sanitised HTML whose links carry their numbers; one within the page or that shows its address has none."""

    def numbered(found: re.Match[str]) -> str:
        to_address, address, rest, words = found.groups()
        address = unescape(address)
        if _is_plain(address, words):
            return found[0]
        return f'{to_address} data-note="{notes.number(_whole(address))}"{rest}'

    return mark_safe(_LINK.sub(numbered, html))  # noqa: S308  # nosec B308, B703  # as safe as what came


@register.simple_tag
def note(notes: Notes, path: str) -> SafeString:
    """Return the number of one of our own pages, as an attribute of its link."""
    return format_html(' data-note="{}"', notes.number(_whole(path)))


@register.simple_tag
def printed_addresses(notes: Notes) -> SafeString:
    """Return the list, which only paper shows; "" if it is empty."""
    if not notes.addresses:
        return SafeString("")
    items = format_html_join("", "<li>{}</li>", ((address,) for address in notes.addresses))
    return format_html('<div class="addresses"><p class="label">{}</p><ol>{}</ol></div>', _("Addresses"), items)


def _is_plain(address: str, html: str) -> bool:
    """Return whether paper needs no address: it leads nowhere else, or the words of the link are the address."""
    if not address or address.startswith("#"):
        return True
    words = unescape(_TAG.sub("", html)).strip() if "<" in html or "&" in html else html.strip()
    return words.rstrip("/")[-1:] == address.rstrip("/")[-1:] and _bare(address) == _bare(words)


def _bare(address: str) -> str:
    return _SHOWN.sub("", address, count=1).rstrip("/")


def _whole(address: str) -> str:
    """Return an address as somebody can type it."""
    return settings.SITE_URL + address if address.startswith("/") else address.removeprefix("mailto:")
