"""Atom and JSON feeds of the newest posts, with their full text and their covers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control

from newsletter.posts import syndication
from newsletter.posts.models import Post, PostQuerySet, Tag, with_covers, with_renderings
from newsletter.posts.syndication import Entry
from newsletter.publication.kept import kept

FEED_POSTS = 20
SECONDS = 300  # that readers' programs and proxies may keep a feed


def _newest(posts: PostQuerySet) -> list[Entry]:
    found = with_covers(with_renderings(posts.prefetch_related("tags")[:FEED_POSTS]))
    return [entry_of(post) for post in found]


def entry_of(post: Post) -> Entry:
    """Return what a feed says of a post that has its tags at hand."""
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
