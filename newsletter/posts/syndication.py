"""A feed in its two forms, Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org/version/1.1), from the same entries."""

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

from newsletter.buckets import PicturesAway
from newsletter.posts.markdown import typed_tags
from newsletter.posts.models import Image
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import media
from newsletter.publication.sharing import icon_url, language_tag

_ILLEGAL_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PLAYER = re.compile(r'<details class="embed">.*?(<p>.*?</p>)\s*</details>', re.DOTALL)
_LOCAL_ADDRESS = re.compile(r'(<[a-z][^<>]*?\s(?:href|src|poster)=")(?=/(?!/)|#)')


@dataclass(frozen=True)
class Entry:
    """What a feed says of a post or an issue. path: its address; permanent_path: outlives the words in it."""

    path: str
    permanent_path: str
    title: str
    summary: str
    html: str  # as other programs show it: see at_large
    published_at: datetime
    changed_at: datetime
    tags: tuple[str, ...] = ()
    cover: Image | None = None


class AtomFeed(Atom1Feed):
    """Django's Atom feed takes a summary for HTML and has no room for the text, and our sign."""

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        handler.addQuickElement("icon", self.feed["icon"])

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("summary", item["summary"], {"type": "text"})
        handler.addQuickElement("content", item["content"], {"type": "html"})


def absolute(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def at_large(html: str, url: str) -> str:
    """Return the HTML of the page at `url` as other programs show it: absolute links, a link to each film.

    A frame from elsewhere is a risk in a reader's program, which leaves it out: the W3C's validator warns of it.
    """

    def at_home(match: re.Match[str]) -> str:
        return match[1] + (url if match.string[match.end()] == "#" else settings.SITE_URL)

    html = typed_tags.with_links_for_frames(_PLAYER.sub(r"\1", html), is_mail=True)
    return _LOCAL_ADDRESS.sub(at_home, html)


def legal[T](value: T) -> T:
    """Return what goes into a feed without control characters, which XML 1.0 forbids, in lists and dicts too.

    Every door takes them out; a row that was written before they did, or by hand, must not stop the whole feed.
    """
    if isinstance(value, str):
        return _ILLEGAL_IN_XML.sub("", value)  # type: ignore[return-value]
    if isinstance(value, list):
        return [legal(one) for one in value]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {name: legal(one) for name, one in value.items()}  # type: ignore[return-value]
    return value


def _enclosures(cover: Image | None) -> list[Enclosure]:
    """Return the cover as a file that belongs to the entry; none if its file is lost.

    A size that cannot be found out now is 0: https://www.rssboard.org/rss-profile#element-channel-item-enclosure
    """
    if cover is None:
        return []
    try:
        size = media.size(cover.path("fallback", cover.width))
    except PicturesAway:
        size = 0
    except OSError:
        return []
    kind = mimetypes.guess_type(cover.name)[0] or "application/octet-stream"
    return [Enclosure(absolute(cover.get_absolute_url()), str(size), kind)]


def atom_entry(entry: Entry) -> dict[str, Any]:
    said = {
        "title": entry.title,
        "link": absolute(entry.path),
        "description": None,  # what the stubs do not know; it would be HTML
        "summary": entry.summary,
        "unique_id": absolute(entry.permanent_path),
        "pubdate": entry.published_at,
        "updateddate": entry.changed_at,
        "categories": list(entry.tags),
        "content": entry.html,
        "enclosures": _enclosures(entry.cover),
    }
    return legal(said)


def atom(request: HttpRequest, entries: Iterable[Entry], *, subject: str = "", link: str = "/") -> HttpResponse:
    """Return the Atom feed of `entries`. subject: what of the publication it has; link: the page with the same."""
    publication = Publication.objects.current()
    about: dict[str, Any] = {
        "title": _title(publication, subject),
        "link": absolute(link),
        "description": publication.promise,
        "subtitle": publication.promise,
        "language": language_tag(publication),
        "author_name": publication.author,
        "author_link": absolute("/about/"),
        "icon": absolute(icon_url(publication, "icon-192.png")),
        "feed_url": absolute(request.path),
    }
    feed = AtomFeed(**legal(about))
    for entry in entries:
        feed.add_item(**atom_entry(entry))
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


def _title(publication: Publication, subject: str) -> str:
    return f"{subject} · {publication.name}" if subject else publication.name


def _item(entry: Entry) -> dict[str, Any]:
    image = {"image": absolute(entry.cover.get_absolute_url())} if entry.cover else {}
    files = [
        {"url": one.url, "mime_type": one.mime_type, "size_in_bytes": int(one.length)}
        for one in _enclosures(entry.cover)
    ]
    return (
        image
        | ({"attachments": files} if files else {})
        | {
            "id": absolute(entry.permanent_path),
            "url": absolute(entry.path),
            "title": entry.title,
            "summary": entry.summary,
            "content_html": entry.html,
            "date_published": entry.published_at,
            "date_modified": entry.changed_at,
            "tags": list(entry.tags),
        }
    )


def json(request: HttpRequest, entries: Iterable[Entry], *, subject: str = "", link: str = "/") -> HttpResponse:
    publication = Publication.objects.current()
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(publication, subject),
        "description": publication.promise,
        "home_page_url": absolute(link),
        "feed_url": absolute(request.path),
        "language": language_tag(publication),
        "authors": [{"name": publication.author, "url": absolute("/about/")}],
        "icon": absolute(icon_url(publication, "icon-512.png")),
        "favicon": absolute(icon_url(publication, "icon-192.png")),
        "items": [_item(entry) for entry in entries],
    }
    dumps = {"ensure_ascii": False}
    return JsonResponse(legal(feed), json_dumps_params=dumps, content_type="application/feed+json; charset=utf-8")
