"""Atom and JSON feeds of the newest posts, with their full text and their covers."""

import mimetypes
import re
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed, Enclosure
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.cache import cache_control

from newsletter.posts.markdown import typed_tags
from newsletter.posts.models import Image, Post, PostQuerySet, Tag, with_renderings
from newsletter.publication.kept.pages import kept
from newsletter.publication.models import Publication
from newsletter.publication.sharing import icon_url, language_tag

FEED_POSTS = 20
SECONDS = 300  # that readers' programs and proxies may keep a feed

_ILLEGAL_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PLAYER = re.compile(r'<details class="embed">.*?(<p>.*?</p>)\s*</details>', re.DOTALL)
_LOCAL_ADDRESS = re.compile(r'(<[a-z][^<>]*?\s(?:href|src|poster)=")(?=/(?!/)|#)')


class AtomFeed(Atom1Feed):
    """Django's Atom feed takes a summary for HTML and has no room for the text, nor for our sign."""

    def add_root_elements(self, handler: SimplerXMLGenerator) -> None:
        super().add_root_elements(handler)
        handler.addQuickElement("icon", self.feed["icon"])

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item)
        handler.addQuickElement("summary", item["summary"], {"type": "text"})
        handler.addQuickElement("content", item["content"], {"type": "html"})


def _absolute(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def content_of(post: Post) -> str:
    """Return the text of a post as it can be read far from this site."""
    return at_large(post.html, _absolute(post.get_absolute_url()))


def at_large(html: str, url: str) -> str:
    """Return the HTML of the post at `url` as other programs show it: absolute links, a link to each film.

    A frame from elsewhere is a risk in a reader's program, which leaves it out: the W3C's validator warns of it.
    """

    def at_home(match: re.Match[str]) -> str:
        return match[1] + (url if match.string[match.end()] == "#" else settings.SITE_URL)

    html = typed_tags.with_links_for_frames(_PLAYER.sub(r"\1", html), is_mail=True)
    return _LOCAL_ADDRESS.sub(at_home, html)


def _legal[T](value: T) -> T:
    """Return what goes into a feed without control characters, which XML 1.0 forbids, in lists and dicts too.

    Every door takes them out; a row that was written before they did, or by hand, must not stop the whole feed.
    """
    if isinstance(value, str):
        return _ILLEGAL_IN_XML.sub("", value)  # type: ignore[return-value]
    if isinstance(value, list):
        return [_legal(one) for one in value]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {name: _legal(one) for name, one in value.items()}  # type: ignore[return-value]
    return value


def _unique_id(post: Post) -> str:
    """Return an identity that outlives the words in the address."""
    return _absolute(reverse("posts:post", args=[str(post.pk)]))


def _enclosures(cover: Image | None) -> list[Enclosure]:
    """Return the cover as a file that belongs to the entry; none if its file is lost."""
    if cover is None:
        return []
    try:
        size = default_storage.size(f"{cover.digest}/{cover.name}")
    except OSError:
        return []
    kind = mimetypes.guess_type(cover.name)[0] or "application/octet-stream"
    return [Enclosure(_absolute(cover.get_absolute_url()), str(size), kind)]


def _newest(posts: PostQuerySet) -> list[Post]:
    return with_renderings(posts.select_related("cover").prefetch_related("tags")[:FEED_POSTS])


def _add(feed: AtomFeed, post: Post) -> None:
    feed.add_item(**entry_of(post))


def entry_of(post: Post) -> dict[str, Any]:
    """Return what the Atom feed says of a post."""
    entry = {
        "title": post.title,
        "link": _absolute(post.get_absolute_url()),
        "description": None,  # what the stubs do not know; it would be HTML
        "summary": post.excerpt,
        "unique_id": _unique_id(post),
        "pubdate": post.published_at,
        "updateddate": post.updated_at,
        "categories": [tag.name for tag in post.tags.all()],
        "content": content_of(post),
        "enclosures": _enclosures(post.cover),
    }
    return _legal(entry)


def _atom(request: HttpRequest, posts: PostQuerySet, *, subject: str = "", link: str = "/") -> HttpResponse:
    publication = Publication.objects.current()
    about: dict[str, Any] = {
        "title": f"{subject} · {publication.name}" if subject else publication.name,
        "link": _absolute(link),
        "description": publication.promise,
        "subtitle": publication.promise,
        "language": language_tag(publication),
        "author_name": publication.author,
        "author_link": _absolute("/about/"),
        "icon": _absolute(icon_url(publication, "icon-192.png")),
        "feed_url": _absolute(request.path),
    }
    feed = AtomFeed(**_legal(about))
    for post in _newest(posts):
        _add(feed, post)
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def atom(request: HttpRequest) -> HttpResponse:
    return _atom(request, Post.objects.listed(timezone.now()))


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def tag_atom(request: HttpRequest, slug: str) -> HttpResponse:
    tag = get_object_or_404(Tag, slug=slug)
    posts = Post.objects.listed(timezone.now()).filter(tags=tag)
    return _atom(request, posts, subject=tag.name, link=tag.get_absolute_url())


def _item(post: Post) -> dict[str, Any]:
    image = {"image": _absolute(post.cover.get_absolute_url())} if post.cover else {}
    files = [
        {"url": one.url, "mime_type": one.mime_type, "size_in_bytes": int(one.length)}
        for one in _enclosures(post.cover)
    ]
    return (
        image
        | ({"attachments": files} if files else {})
        | {
            "id": _unique_id(post),
            "url": _absolute(post.get_absolute_url()),
            "title": post.title,
            "summary": post.excerpt,
            "content_html": content_of(post),
            "date_published": post.published_at,
            "date_modified": post.updated_at,
            "tags": [tag.name for tag in post.tags.all()],
        }
    )


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def json(request: HttpRequest) -> HttpResponse:
    """Return the newest posts as JSON Feed 1.1 (jsonfeed.org/version/1.1)."""
    publication = Publication.objects.current()
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": publication.name,
        "description": publication.promise,
        "home_page_url": _absolute("/"),
        "feed_url": _absolute(request.path),
        "language": language_tag(publication),
        "authors": [{"name": publication.author, "url": _absolute("/about/")}],
        "icon": _absolute(icon_url(publication, "icon-512.png")),
        "favicon": _absolute(icon_url(publication, "icon-192.png")),
        "items": [_item(post) for post in _newest(Post.objects.listed(timezone.now()))],
    }
    dumps = {"ensure_ascii": False}
    return JsonResponse(_legal(feed), json_dumps_params=dumps, content_type="application/feed+json; charset=utf-8")
