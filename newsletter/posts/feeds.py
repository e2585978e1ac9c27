"""Atom and JSON feeds of the newest posts, with full text, and the Markdown source of each post."""

from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control

from newsletter.page_cache.pages import cached_page
from newsletter.posts import syndication
from newsletter.posts.models import Post, PostQuerySet, Tag, attach_covers, attach_renderings
from newsletter.posts.syndication import FeedEntry, absolute_url
from newsletter.posts.text.missing_text import strip_comments, visible_text
from newsletter.publication.models import Publication

FEED_POSTS = 20
MAX_AGE = 300  # seconds


def _newest(posts: PostQuerySet) -> list[FeedEntry]:
    found = attach_covers(attach_renderings(posts.prefetch_related("tags")[:FEED_POSTS]))
    return [feed_entry(post) for post in found]


def feed_entry(post: Post) -> FeedEntry:
    path = post.get_absolute_url()
    return FeedEntry(
        path=path,
        permanent_path=reverse("posts:post", args=[str(post.pk)]),
        title=post.title,
        summary=post.excerpt,
        html=syndication.html_for_feed(post.html, syndication.absolute_url(path)),
        published_at=post.published_at or post.updated_at,
        changed_at=post.updated_at,
        tags=tuple(tag.name for tag in post.tags.all()),
        cover=post.cover,
    )


@cached_page(until=Post.objects.next_change_at)
@cache_control(public=True, max_age=MAX_AGE)
def atom_feed(request: HttpRequest) -> HttpResponse:
    return syndication.atom_response(request, _newest(Post.objects.listed(timezone.now())))


@cached_page(until=Post.objects.next_change_at)
@cache_control(public=True, max_age=MAX_AGE)
def tag_atom_feed(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    tag = get_object_or_404(Tag.objects.in_use(now), slug=slug)
    posts = Post.objects.listed(now).filter(tags=tag)
    return syndication.atom_response(request, _newest(posts), subject=tag.name, link=tag.get_absolute_url())


@cached_page(until=Post.objects.next_change_at)
@cache_control(public=True, max_age=MAX_AGE)
def json_feed(request: HttpRequest) -> HttpResponse:
    return syndication.json_response(request, _newest(Post.objects.listed(timezone.now())))


@cached_page(until=Post.objects.next_change_at)
def markdown_source(request: HttpRequest, number: int) -> HttpResponse:
    """Serve the Markdown of a post with front matter; search engines are referred to its page.

    Source: RFC 7763 (text/markdown), RFC 6596 (canonical).
    """
    post = get_object_or_404(Post.objects.published(timezone.now()).select_related("cover"), pk=number)
    response = HttpResponse(post_markdown(post), content_type="text/markdown; charset=utf-8; variant=GFM")
    response.headers["Link"] = f'<{absolute_url(post.get_absolute_url())}>; rel="canonical"'
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def post_markdown(post: Post) -> str:
    """Front matter and body, without comments that readers do not see."""
    front = yaml.safe_dump(_front(post), allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{front}---\n\n{strip_comments(post.body, shown=visible_text(post.html)).strip()}\n"


def _front(post: Post) -> dict[str, Any]:
    publication = Publication.objects.current()
    known = {
        "title": post.title,
        "author": publication.author,
        "date": post.published_at and post.published_at.astimezone(publication.zone),
        "lastmod": post.updated_at.astimezone(publication.zone),
        "url": absolute_url(post.get_absolute_url()),
        "description": post.excerpt,
        "tags": [tag.name for tag in post.tags.all()],
        "cover": absolute_url(post.cover.get_absolute_url()) if post.cover else "",
    }
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in known.items() if value}
