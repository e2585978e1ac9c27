"""Which posts to read after one: those that share its tags, then the newest."""

from collections import Counter
from datetime import datetime

from django.core.cache import caches

from newsletter.posts.models import Post

RELATED_KEPT, RELATED_SECONDS = 12, 3600  # of a post: some may be withdrawn, new ones may wait an hour


def related(post: Post, *, now: datetime, limit: int = 3) -> list[int]:
    """Return the numbers of the posts to read after `post`: who shares most tags first, then the newest of all."""
    newest_first = Post.objects.listed(now).exclude(pk=post.pk).values_list("pk", flat=True)  # from an index alone
    tagged = Post.tags.through.objects.filter(tag__in=post.tags.values("pk"))
    shared = Counter(tagged.values_list("post_id", flat=True))
    return sorted(newest_first, key=lambda pk: -shared[pk])[:limit]


def related_lately(number: int) -> list[int] | None:
    """Return what was related to the post of this number at most an hour ago, and is perhaps no longer published.

    None if nobody asked: `relate` then.
    """
    known: list[int] | None = caches["pages"].get(f"related:{number}")
    return known


def relate(post: Post, *, now: datetime) -> list[int]:
    """Return what is related to `post`, more than a page needs, and remember it for `related_lately`."""
    found = related(post, now=now, limit=RELATED_KEPT)
    caches["pages"].set(f"related:{post.pk}", found, RELATED_SECONDS)
    return found
