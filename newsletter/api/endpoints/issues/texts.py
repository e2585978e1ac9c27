"""An issue as a program reads it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import OuterRef, Prefetch, Subquery
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Told
from newsletter.api.times import told as told_time
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueItem, IssueQuerySet

Form = Literal["full", "excerpt", "link"]
State = Literal["draft", "scheduled", "sending", "paused", "sent"]


class ItemIn(Schema):
    """A post of an issue, and how much of it the mail shows: an excerpt of a new one, unless it is named."""

    model_config = ConfigDict(extra="forbid")
    post: Annotated[int, Field(ge=1, le=2**63 - 1)]
    form: Form = "excerpt"


class ItemOut(Schema):
    post: int
    title: str
    form: Form


class IssueOut(Told):
    """state: draft also if every mailing of it was cancelled. posts: in their order."""

    number: int
    state: State
    subject: str
    preheader: str
    introduction: str
    closing: str
    posts: list[ItemOut]
    sent_at: datetime | None
    url: str
    created_at: datetime
    changed_at: datetime


FIELDS = tuple(IssueOut.model_fields)


def tellable(issues: IssueQuerySet) -> IssueQuerySet:
    """Return issues with what `told` needs of them."""
    under_way = Mailing.objects.open().filter(issue=OuterRef("pk"), kind=Mailing.Kind.ISSUE)
    under_way_state = Subquery(under_way.order_by("-pk").values("state")[:1])
    items = IssueItem.objects.select_related("post").only("issue", "position", "form", "post__title")
    return issues.annotate(under_way=under_way_state).prefetch_related(Prefetch("items", queryset=items))


def told(issues: Iterable[Issue]) -> list[dict[str, Any]]:
    """Return issues as they are told: of `tellable`."""
    return [_told(issue) for issue in issues]


def _told(issue: Any) -> dict[str, Any]:
    return {
        "number": issue.number,
        "state": issue.under_way or ("sent" if issue.sent_at else "draft"),
        "subject": issue.subject,
        "preheader": issue.preheader,
        "introduction": issue.introduction,
        "closing": issue.closing,
        "posts": [{"post": one.post_id, "title": one.post.title, "form": one.form} for one in issue.items.all()],
        "sent_at": told_time(issue.sent_at),
        "url": f"{settings.SITE_URL}{issue.get_absolute_url()}",
        "created_at": told_time(issue.created_at),
        "changed_at": told_time(issue.updated_at),
    }
