"""Template tags for JSON-LD (schema.org), the sitemap and dates."""

import json
from datetime import datetime

from django import template
from django.conf import settings
from django.template.context import Context
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from newsletter.publication.linked_data import SchemaSite, Thing
from newsletter.publication.models import Publication
from newsletter.publication.sharing import icon_url, language_tag

register = template.Library()
# As in Django's json_script: text must not end the element.
_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def schema_site() -> SchemaSite:
    publication = Publication.objects.current()
    return SchemaSite(
        url=settings.SITE_URL,
        name=publication.name,
        promise=publication.promise or publication.name,
        author=publication.author or publication.name,
        language=language_tag(publication),
        logo=settings.SITE_URL + icon_url(publication, "icon-512.png"),
    )


def script(thing: Thing) -> SafeString:
    """A JSON-LD element. CSP does not apply to it: HTML Standard, "data block"."""
    text = json.dumps(thing, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
    safe = mark_safe(text)  # noqa: S308  # nosec B308, B703  # < > & are escaped
    return format_html('<script type="application/ld+json">{}</script>', safe)


@register.simple_tag
def website_data() -> SafeString:
    return script(schema_site().website())


@register.simple_tag(takes_context=True)
def page_data(context: Context, title: str, kind: str = "WebPage", *above: str) -> SafeString:
    """Describe a page that is no article. above: path and name of its parent, unless the home page."""
    trail = [(above[0], str(above[1]))] if above else []
    return script(schema_site().page(kind, path=context["request"].path, title=str(title), trail=trail))


@register.filter(expects_localtime=True)
def moment(at: datetime) -> str:
    """For the `datetime` attribute, which allows no microseconds."""
    return at.isoformat(timespec="seconds")


@register.filter(expects_localtime=True)
def day_element(at: datetime) -> SafeString:
    """A <time> element that shows the day."""
    return format_html('<time datetime="{}">{}</time>', moment(at), date_format(at))
