"""Posts for other programs: Atom and JSON feeds of the newest, with their full text, and the Markdown of each."""

from typing import Any

import yaml
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control

from newsletter.posts import syndication
from newsletter.posts.models import Post, PostQuerySet, Tag, with_covers, with_renderings
from newsletter.posts.syndication import Entry, absolute
from newsletter.posts.text.comparison import without_hidden, words_of
from newsletter.publication.kept import kept
from newsletter.publication.models import Publication

FEED_POSTS = 20
SECONDS = 300  # that readers' programs and proxies may keep a feed


def _newest(posts: PostQuerySet) -> list[Entry]:
    found = with_covers(with_renderings(posts.prefetch_related("tags")[:FEED_POSTS]))
    return [entry_of(post) for post in found]


def entry_of(post: Post) -> Entry:
    path = post.get_absolute_url()
    return Entry(
        path=path,
        permanent_path=reverse("posts:post", args=[str(post.pk)]),
        title=post.title,
        summary=post.excerpt,
        html=syndication.at_large(post.html, syndication.absolute(path)),
        published_at=post.published_at or post.updated_at,
        changed_at=post.updated_at,
        tags=tuple(tag.name for tag in post.tags.all()),
        cover=post.cover,
    )


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def atom(request: HttpRequest) -> HttpResponse:
    return syndication.atom(request, _newest(Post.objects.listed(timezone.now())))


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def tag_atom(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    tag = get_object_or_404(Tag.objects.in_use(now), slug=slug)
    posts = Post.objects.listed(now).filter(tags=tag)
    return syndication.atom(request, _newest(posts), subject=tag.name, link=tag.get_absolute_url())


@kept(Post.objects.next_change)
@cache_control(public=True, max_age=SECONDS)
def json(request: HttpRequest) -> HttpResponse:
    return syndication.json(request, _newest(Post.objects.listed(timezone.now())))


@kept(Post.objects.next_change)
def source(request: HttpRequest, number: str) -> HttpResponse:
    """Return the Markdown of a post, with what is known of it in front; its page is the one for search engines.

    Source: RFC 7763 (text/markdown), RFC 6596 (canonical).
    """
    if len(number) > 18:
        raise Http404
    post = get_object_or_404(Post.objects.published(timezone.now()).select_related("cover"), pk=int(number))
    if request.path != (address := reverse("posts:source", args=[post.pk])):
        return redirect(address, permanent=True)
    response = HttpResponse(markdown_of(post), content_type="text/markdown; charset=utf-8; variant=GFM")
    response.headers["Link"] = f'<{absolute(post.get_absolute_url())}>; rel="canonical"'
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def markdown_of(post: Post) -> str:
    """Return front matter and body. What the body hides from readers, as in comments, is left out."""
    front = yaml.safe_dump(_front(post), allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{front}---\n\n{without_hidden(post.body, shown=words_of(post.html)).strip()}\n"


def _front(post: Post) -> dict[str, Any]:
    publication = Publication.objects.current()
    known = {
        "title": post.title,
        "author": publication.author,
        "date": post.published_at and post.published_at.astimezone(publication.zone),
        "lastmod": post.updated_at.astimezone(publication.zone),
        "url": absolute(post.get_absolute_url()),
        "description": post.excerpt,
        "tags": [tag.name for tag in post.tags.all()],
        "cover": absolute(post.cover.get_absolute_url()) if post.cover else "",
    }
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in known.items() if value}
