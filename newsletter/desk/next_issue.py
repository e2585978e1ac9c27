"""The issue that is put together now, and whether a post still has to go into one."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse

from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueQuerySet, in_no_issue
from newsletter.posts.models import Post


@dataclass(frozen=True)
class Place:
    """Where a post could go. number: of the issue that is put together now, 0 if there is none; url: what to open.

    With a number the address takes a POST, which puts the post in; without one it begins an issue.
    """

    number: int
    url: str


def in_the_making() -> IssueQuerySet:
    """Return the issues that were not sent and that no mailing waits for, the lowest number first."""
    waits = Mailing.objects.open().filter(issue=OuterRef("pk"))
    return Issue.objects.unsent().filter(~Exists(waits))


def place_for(post: Post, user: Any) -> Place | None:
    """Return where a post that has a date and is in no issue could go; None if `user` can put it nowhere."""
    if post.published_at is None or not in_no_issue(Post.objects.filter(pk=post.pk)).exists():
        return None
    issue = in_the_making().only("number").first()
    if issue and user.has_perm("issues.change_issue"):
        return Place(issue.number, reverse("admin:issue_take_in", args=[issue.pk, post.pk]))
    may_begin = issue is None and user.has_perm("issues.add_issue")
    return Place(0, reverse("admin:issues_issue_add")) if may_begin else None
