"""A post as a program reads it: the text that its author sees, with what was changed and is not published yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from django.conf import settings
from django.utils import timezone

from newsletter.api.endpoint import Told
from newsletter.api.times import told as told_time
from newsletter.posts.models import Image, Post, WorkingCopy, tag_names

State = Literal["draft", "scheduled", "published"]


class PostOut(Told):
    """is_changed: its author has changed what readers do not see yet. cover: the id of a picture."""

    id: int
    state: State
    title: str
    summary: str
    words: str
    tags: list[str]
    cover: str | None
    published_at: datetime | None
    is_web_only: bool
    is_unlisted: bool
    is_changed: bool
    author: str
    url: str
    created_at: datetime
    changed_at: datetime
    body: str
    html: str


FIELDS = tuple(PostOut.model_fields)
USUAL_OF_ONE = tuple(name for name in FIELDS if name != "html")
USUAL_OF_MANY = tuple(name for name in USUAL_OF_ONE if name != "body")


def told(posts: Sequence[Post]) -> list[dict[str, Any]]:
    """Return posts as they are told, without HTML; their tags and authors must be at hand. Two queries for all."""
    WorkingCopy.objects.lay_over_all(posts)
    covers = dict(Image.objects.filter(pk__in={post.cover_id for post in posts}).values_list("pk", "digest"))
    now = timezone.now()
    return [_told(post, covers, now) for post in posts]


def _told(post: Post, covers: dict[int, str], now: datetime) -> dict[str, Any]:
    pending = post.pending
    return {
        "id": post.pk,
        "state": post.state(now).value,
        "title": post.title,
        "summary": post.summary,
        "words": post.words,
        "tags": tag_names(pending.tag_names) if pending else [tag.name for tag in post.tags.all()],
        "cover": covers.get(post.cover_id or 0),
        "published_at": told_time(post.published_at),
        "is_web_only": post.is_web_only,
        "is_unlisted": post.is_unlisted,
        "is_changed": pending is not None,
        "author": post.created_by.get_username() if post.created_by else "",
        "url": f"{settings.SITE_URL}{post.get_absolute_url()}",
        "created_at": told_time(post.created_at),
        "changed_at": told_time((pending or post).updated_at),
        "body": post.body,
    }
