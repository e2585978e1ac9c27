"""The issue being composed, and whether a post can be added to one."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse

from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueQuerySet, in_no_issue
from newsletter.posts.models import Post


@dataclass(frozen=True)
class PostDestination:
    """Where a post could go. number: of the issue being composed, 0 if there is none.

    url: with a number it takes a POST that adds the post; without one it opens a new issue.
    """

    number: int
    url: str


def unscheduled_issues() -> IssueQuerySet:
    """Issues that are neither sent nor scheduled, the lowest number first."""
    waits = Mailing.objects.open().filter(issue=OuterRef("pk"))
    return Issue.objects.unsent().filter(~Exists(waits))


def destination_for(post: Post, user: Any) -> PostDestination | None:
    """Where a dated post that is in no issue could go; None if `user` may not add it anywhere."""
    if post.published_at is None or not in_no_issue(Post.objects.filter(pk=post.pk)).exists():
        return None
    issue = unscheduled_issues().only("number").first()
    if issue and user.has_perm("issues.change_issue"):
        return PostDestination(issue.number, reverse("admin:issue_take_in", args=[issue.pk, post.pk]))
    may_begin = issue is None and user.has_perm("issues.add_issue")
    return PostDestination(0, reverse("admin:issues_issue_add")) if may_begin else None
