"""Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org/version/1.1) from the same entries."""

import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.xmlutils import SimplerXMLGenerator

from newsletter.posts.markdown import typed_tags
from newsletter.posts.models import Image
from newsletter.publication.models import Publication
from newsletter.publication.sharing import icon_url, language_tag

_ILLEGAL_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PLAYER = re.compile(r'<details class="embed">.*?(<p>.*?</p>)\s*</details>', re.DOTALL)
_LOCAL_ADDRESS = re.compile(r'(<[a-z][^<>]*?\s(?:href|src|poster)=")(?=/(?!/)|#)')


@dataclass(frozen=True)
class FeedEntry:
    """A post or an issue in a feed. permanent_path: does not change with the slug."""

    path: str
    permanent_path: str
    title: str
    summary: str
    html: str  # see html_for_feed
    published_at: datetime
    changed_at: datetime
    tags: tuple[str, ...] = ()
    cover: Image | None = None


class AtomFeed(Atom1Feed):
    """Adds icon, plain-text summary and HTML content, which Django's Atom feed lacks."""

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        handler.addQuickElement("icon", self.feed["icon"])

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("summary", item["summary"], {"type": "text"})
        handler.addQuickElement("content", item["content"], {"type": "html"})


def absolute_url(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def html_for_feed(html: str, url: str) -> str:
    """HTML with absolute links, and a link instead of each embedded video: feed readers drop iframes.

    url: of the page that the HTML stands on.
    """

    def make_absolute(match: re.Match[str]) -> str:
        return match[1] + (url if match.string[match.end()] == "#" else settings.SITE_URL)

    html = typed_tags.replace_iframes(_PLAYER.sub(r"\1", html), is_mail=True)
    return _LOCAL_ADDRESS.sub(make_absolute, html)


def without_illegal_xml[T](value: T) -> T:
    """Remove control characters, which XML 1.0 forbids, from strings in lists and dicts too.

    Input is cleaned on entry; an old row, or one edited by hand, must not break the whole feed.
    """
    if isinstance(value, str):
        return _ILLEGAL_IN_XML.sub("", value)  # type: ignore[return-value]
    if isinstance(value, list):
        return [without_illegal_xml(one) for one in value]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {name: without_illegal_xml(one) for name, one in value.items()}  # type: ignore[return-value]
    return value


def _enclosures(cover: Image | None) -> list[Enclosure]:
    """The cover, of unknown size: https://www.rssboard.org/rss-profile#element-channel-item-enclosure"""
    if cover is None:
        return []
    kind = mimetypes.guess_type(cover.name)[0] or "application/octet-stream"
    return [Enclosure(absolute_url(cover.get_absolute_url()), "0", kind)]


def atom_entry(entry: FeedEntry) -> dict[str, Any]:
    fields = {
        "title": entry.title,
        "link": absolute_url(entry.path),
        "description": None,  # the stubs require it
        "summary": entry.summary,
        "unique_id": absolute_url(entry.permanent_path),
        "pubdate": entry.published_at,
        "updateddate": entry.changed_at,
        "categories": list(entry.tags),
        "content": entry.html,
        "enclosures": _enclosures(entry.cover),
    }
    return without_illegal_xml(fields)


def atom_response(
    request: HttpRequest, entries: Iterable[FeedEntry], *, subject: str = "", link: str = "/"
) -> HttpResponse:
    """Atom feed of `entries`. subject: title prefix, such as a tag; link: path of the matching HTML page."""
    publication = Publication.objects.current()
    about: dict[str, Any] = {
        "title": _title(publication, subject),
        "link": absolute_url(link),
        "description": publication.promise,
        "subtitle": publication.promise,
        "language": language_tag(publication),
        "author_name": publication.author,
        "author_link": absolute_url("/about/"),
        "icon": absolute_url(icon_url(publication, "icon-192.png")),
        "feed_url": absolute_url(request.path),
    }
    feed = AtomFeed(**without_illegal_xml(about))
    for entry in entries:
        feed.add_item(**atom_entry(entry))
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


def _title(publication: Publication, subject: str) -> str:
    return f"{subject} · {publication.name}" if subject else publication.name


def _item(entry: FeedEntry) -> dict[str, Any]:
    item = {
        "id": absolute_url(entry.permanent_path),
        "url": absolute_url(entry.path),
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.html,
        "date_published": entry.published_at,
        "date_modified": entry.changed_at,
        "tags": list(entry.tags),
    }
    return item | ({"image": absolute_url(entry.cover.get_absolute_url())} if entry.cover else {})


def json_response(
    request: HttpRequest, entries: Iterable[FeedEntry], *, subject: str = "", link: str = "/"
) -> HttpResponse:
    publication = Publication.objects.current()
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(publication, subject),
        "description": publication.promise,
        "home_page_url": absolute_url(link),
        "feed_url": absolute_url(request.path),
        "language": language_tag(publication),
        "authors": [{"name": publication.author, "url": absolute_url("/about/")}],
        "icon": absolute_url(icon_url(publication, "icon-512.png")),
        "favicon": absolute_url(icon_url(publication, "icon-192.png")),
        "items": [_item(entry) for entry in entries],
    }
    dumps = {"ensure_ascii": False}
    return JsonResponse(
        without_illegal_xml(feed), json_dumps_params=dumps, content_type="application/feed+json; charset=utf-8"
    )
