"""Rows of Ghost's tables, as its importer takes them. Pure: no query.

Ghost gives everything new ids, and finds what is joined by those in the file: they are made of our numbers.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from newsletter.issues.models import Issue
from newsletter.posts.models import Post, Tag

type Row = dict[str, Any]
VERSION = "5.130.0"  # whose tables these are; 6 takes them too
ISSUES, USERS = 1, 2  # kinds of ids, beside posts and tags of ours
INTERNAL = "#issue"  # a tag that Ghost's readers never see


def identity(number: int, kind: int = 0) -> str:
    """Return an id of 24 hexadecimal digits."""
    return f"{kind:08x}{number:016x}"


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post_row(post: Post, html: str, slug: str, cover: str | None, now: datetime) -> Row:
    """Return a post, or a page if no list shows it; nothing is mailed of it, whenever it is published."""
    return _row(
        id=identity(post.pk),
        title=post.title or "(Untitled)",
        slug=slug,
        html=html,
        feature_image=cover,
        type="page" if post.is_unlisted else "post",
        status=str(post.state(now)),
        custom_excerpt=post.summary or None,
        created_at=moment(post.created_at),
        updated_at=moment(post.updated_at),
        published_at=moment(post.published_at) if post.published_at else None,
    )


def issue_row(issue: Issue, html: str, slug: str) -> Row:
    """Return an issue as a post: its own words, and the titles of its posts."""
    return _row(
        id=identity(issue.number, ISSUES),
        title=issue.subject or str(issue.number),
        slug=slug,
        html=html,
        feature_image=None,
        type="post",
        status="published" if issue.sent_at else "draft",
        custom_excerpt=issue.preheader or None,
        created_at=moment(issue.created_at),
        updated_at=moment(issue.updated_at),
        published_at=moment(issue.sent_at) if issue.sent_at else None,
    )


def _row(**columns: Any) -> Row:
    return {"visibility": "public", "featured": False, "email_recipient_filter": "none"} | columns


def post_meta(post: Post) -> Row | None:
    """Return what Ghost keeps of a post in another table, or None if there is nothing."""
    return {"post_id": identity(post.pk), "feature_image_alt": post.cover.alt} if post.cover else None


def issue_mail(issue: Issue) -> Row | None:
    """Return that an issue was mailed, as Ghost's own exports say it; its importer leaves that aside."""
    if not issue.sent_at:
        return None
    told = {"post_id": identity(issue.number, ISSUES), "subject": issue.subject}
    return told | {"status": "submitted", "submitted_at": moment(issue.sent_at)}


def tag_row(tag: Tag) -> Row:
    return {"id": identity(tag.pk), "name": tag.name, "slug": tag.slug, "visibility": "public"}


def issue_tag() -> Row:
    return {"id": identity(0), "name": INTERNAL, "slug": "hash-issue", "visibility": "internal"}


def user_row(number: int, name: str, slug: str, email: str) -> Row:
    return {"id": identity(number, USERS), "name": name, "slug": slug, "email": email}


def joined(post_id: str, key: str, other_id: str, order: int) -> Row:
    """Return what joins a post to a tag or an author. key: tag_id or author_id."""
    return {"post_id": post_id, key: other_id, "sort_order": order}


def settings(facts: Mapping[str, str]) -> list[Row]:
    return [{"key": key, "value": value, "group": "site", "type": "string"} for key, value in facts.items()]
