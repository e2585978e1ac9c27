"""What a page says of itself to machines: schema.org, for search engines."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from newsletter.publication.linked_data import Site, Thing
from newsletter.publication.models import Publication
from newsletter.publication.sharing import icon_url, language_tag

register = template.Library()
# A text must not end the element that it stands in: as Django's json_script.
_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def site() -> Site:
    """Return the publication in the words that schema.org needs."""
    publication = Publication.objects.current()
    return Site(
        url=settings.SITE_URL,
        name=publication.name,
        promise=publication.promise or publication.name,
        author=publication.author or publication.name,
        language=language_tag(publication),
        logo=settings.SITE_URL + icon_url(publication, "icon-512.png"),
    )


def script(thing: Thing) -> SafeString:
    """Return an element that holds data: no browser runs it, so that no content policy forbids it.

    Source: HTML Standard, "data block"; it is set aside before the policy is asked.
    """
    text = json.dumps(thing, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
    safe = mark_safe(text)  # noqa: S308  # nosec B308, B703  # < > & are escaped
    return format_html('<script type="application/ld+json">{}</script>', safe)


@register.simple_tag
def website_data() -> SafeString:
    return script(site().website())


@register.simple_tag(takes_context=True)
def page_data(context: Context, title: str, kind: str = "WebPage", *above: str) -> SafeString:
    """Describe a page that is no article. above: path and name of its parent, if that is not the home page."""
    trail = [(above[0], str(above[1]))] if above else []
    return script(site().page(kind, path=context["request"].path, title=str(title), trail=trail))


@register.filter
def mapped(urls: Iterable[dict[str, Any]]) -> SafeString:
    """Return the entries of a sitemap, as Django's own template would; each of hundreds has an address and a day."""
    changed = ((url["location"], f"{timezone.localtime(url['lastmod']):%Y-%m-%d}") for url in urls)
    return format_html_join("", "<url><loc>{}</loc><lastmod>{}</lastmod></url>", changed)


@register.filter(expects_localtime=True)
def moment(at: datetime) -> str:
    """Return a time as the `datetime` attribute wants it: HTML allows no microseconds."""
    return at.isoformat(timespec="seconds")


@register.filter(expects_localtime=True)
def day(at: datetime) -> SafeString:
    """Return the day of a time, in words for people and to the second for machines."""
    return format_html('<time datetime="{}">{}</time>', moment(at), date_format(at))
