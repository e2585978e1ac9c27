"""Putting an issue together: which number and which posts the next one begins with."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from newsletter.issues.models import NUMBER_MAX, Issue, IssueItem, in_no_issue
from newsletter.posts.models import Post

PROPOSED_MAX = 10  # of the posts that wait, the newest


@dataclass(frozen=True)
class Proposed:
    """A post's place in an issue that begins, counted from 1, and how much of it the mail shows."""

    post: int
    position: int
    form: IssueItem.Form


def next_number() -> int:
    last = Issue.objects.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def proposals(before: datetime) -> list[Proposed]:
    """Return the posts that a new issue begins with: in no issue yet and public at `before`, oldest first.

    An archive that was imported waits for nothing. The first post is shown in full, the others by an excerpt.
    """
    newest = list(in_no_issue(Post.objects.published(before)).values_list("pk", flat=True)[:PROPOSED_MAX])
    forms = [IssueItem.Form.FULL] + [IssueItem.Form.EXCERPT] * len(newest)
    places = enumerate(zip(reversed(newest), forms, strict=False), start=1)
    return [Proposed(pk, position, form) for position, (pk, form) in places]


def propose(before: datetime) -> Issue | None:
    """Make the next issue as a draft of the posts that wait; return None when none does, or no number is left.

    It has no subject, so that it cannot leave before its author has given it one.
    Raises IntegrityError when another issue took the number in this moment.
    """
    rows, number = proposals(before), next_number()
    if not rows or number > NUMBER_MAX:
        return None
    with transaction.atomic():
        issue = Issue.objects.create(number=number)
        IssueItem.objects.bulk_create(
            IssueItem(issue=issue, post_id=row.post, position=row.position, form=row.form) for row in rows
        )
    return issue


def take_in(issue: Issue, post: Post) -> bool:
    """Put `post` at the end of `issue`, in full if it is the first, else as an excerpt; False if it is there already.

    The version of the issue goes up: a page that shows it without the post is refused its next save.
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
