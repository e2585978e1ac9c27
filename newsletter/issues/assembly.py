"""The number and posts that a new issue starts with."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from newsletter.issues.models import NUMBER_MAX, Issue, IssueItem, in_no_issue
from newsletter.posts.models import Post

PROPOSED_MAX = 10  # newest posts


@dataclass(frozen=True)
class ProposedPost:
    """A post in a new issue. position: from 1; form: how much of it the mail shows."""

    post: int
    position: int
    form: IssueItem.Form


def next_number() -> int:
    last = Issue.objects.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def proposed_posts(before: datetime) -> list[ProposedPost]:
    """Posts of no issue that are public at `before`, oldest first, without an imported archive.

    The first one in full, the others as excerpts.
    """
    newest = list(in_no_issue(Post.objects.published(before)).values_list("pk", flat=True)[:PROPOSED_MAX])
    forms = [IssueItem.Form.FULL] + [IssueItem.Form.EXCERPT] * len(newest)
    places = enumerate(zip(reversed(newest), forms, strict=False), start=1)
    return [ProposedPost(pk, position, form) for position, (pk, form) in places]


def create_proposed_issue(before: datetime) -> Issue | None:
    """Create the next issue as a draft of the proposed posts; None without posts, or if numbers are used up.

    Without a subject, so that it cannot be sent before the author has written one.
    Raises IntegrityError if another issue took the number meanwhile.
    """
    rows, number = proposed_posts(before), next_number()
    if not rows or number > NUMBER_MAX:
        return None
    with transaction.atomic():
        issue = Issue.objects.create(number=number)
        IssueItem.objects.bulk_create(
            IssueItem(issue=issue, post_id=row.post, position=row.position, form=row.form) for row in rows
        )
    return issue


def add_post(issue: Issue, post: Post) -> bool:
    """Append `post`, in full if it is the first, else as an excerpt; False if it is in the issue already.

    Raises the issue's version, so that an open editor without the post cannot save.
    """
    with transaction.atomic():
        Issue.objects.select_for_update().get(pk=issue.pk)
        last = issue.items.aggregate(last=Max("position"))["last"]
        form = IssueItem.Form.FULL if last is None else IssueItem.Form.EXCERPT
        place = {"position": (last or 0) + 1, "form": form}
        _item, is_new = IssueItem.objects.get_or_create(issue=issue, post=post, defaults=place)
        if is_new:
            Issue.objects.filter(pk=issue.pk).update(version=F("version") + 1, updated_at=timezone.now())
    return is_new
