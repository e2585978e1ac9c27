"""A post among those that its page leads to: one query for all of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q, Subquery

from newsletter.posts.models import Post, PostQuerySet

OTHERS_MAX = 12


@dataclass(frozen=True)
class Company:
    """A post, those published before and after it, and others."""

    post: Post
    older: Post | None
    newer: Post | None
    others: list[Post]


def company(number: int, now: datetime, others: Iterable[int] = ()) -> Company | None:
    """Return the post of this number with its company; None if it is not listed.

    others: numbers, of which the first OTHERS_MAX count; those that are not listed are left out, the rest keep their
        order.
    """
    others = list(others)[:OTHERS_MAX]
    line = list(_line(Post.objects.listed(now), number, others))
    place = next((place for place, post in enumerate(line) if post.pk == number), None)
    if place is None:
        return None
    by_number = {post.pk: post for post in line}
    return Company(
        post=line[place],
        older=line[place + 1] if place + 1 < len(line) else None,
        newer=line[place - 1] if place else None,
        others=[by_number[other] for other in others if other in by_number],
    )


def alone(posts: PostQuerySet, number: int) -> Company | None:
    """Return the post of this number without company; None if it is not among `posts`."""
    post = posts.filter(pk=number).first()
    return Company(post, older=None, newer=None, others=[]) if post else None


def joined(found: Company, posts: PostQuerySet, others: Iterable[int]) -> Company:
    """Return the company with others, as they are ordered; those that are not among `posts` are left out."""
    numbers = list(others)
    by_number = posts.in_bulk(numbers)
    return replace(found, others=[by_number[number] for number in numbers if number in by_number])


def _line(posts: PostQuerySet, number: int, others: list[int]) -> PostQuerySet:
    """Return the post, its two neighbours and the others; a union of slices is refused by SQLite."""
    at = Subquery(posts.filter(pk=number).order_by().values("published_at")[:1])
    before = posts.filter(published_at__lte=at).exclude(published_at=at, pk__gte=number).values("pk")
    after = posts.filter(published_at__gte=at).exclude(published_at=at, pk__lte=number).values("pk").reverse()
    return posts.filter(Q(pk__in=[number, *others]) | Q(pk=Subquery(before[:1])) | Q(pk=Subquery(after[:1])))
