"""The last issues that were sent, with what became of their copies: the same few queries, however many there are."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, IntegerField, OuterRef, Q, Subquery, Sum

from newsletter.delivery.models import Batch, Feedback, Mailing, MailingQuerySet

LAST = 6  # issues


def counted() -> MailingQuerySet:
    """Return the mailings with what became of their copies, as their batches have counted."""
    batches = Batch.objects.filter(mailing=OuterRef("pk")).order_by().values("mailing")
    sums = {
        f"{name}_copies": Subquery(batches.annotate(sum=Sum(name)).values("sum"), output_field=IntegerField())
        for name in ("sent", "failed", "uncertain")
    }
    return Mailing.objects.defer("html", "text", "note").select_related("issue").annotate(**sums)


def copies(mailing: Mailing, state: str) -> int:
    """Return how many copies of a mailing of `counted` are `state`: "sent", "failed" or "uncertain"."""
    return getattr(mailing, f"{state}_copies") or 0


def last(before: Mailing | None = None) -> list[Mailing]:
    """Return the last mailings that were sent, one an issue, the latest first: never one that is only planned.

    before: only those of other issues that were closed before it.
    """
    over = counted().filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    if before is not None:
        over = over.exclude(issue=before.issue_id).filter(finished_at__lt=before.finished_at)
    latest = over.order_by("-finished_at", "-pk")[: 2 * LAST]
    return list({one.issue_id: one for one in reversed(latest)}.values())[::-1][:LAST]


def answers(until: Mapping[int, datetime]) -> dict[tuple[int, str], int]:
    """Return how many readers gave each answer before a moment, by issue and answer. until: by the key of the issue."""
    if not until:
        return {}
    within = Q()
    for issue, end in until.items():
        within |= Q(issue=issue, given_at__lt=end)
    given = Feedback.objects.filter(within).order_by().values_list("issue", "answer")
    return {(issue, answer): count for issue, answer, count in given.annotate(Count("pk"))}
