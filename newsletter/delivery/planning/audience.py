"""Who gets a mailing, and who has a copy of its issue already."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.issues.models import Issue
from subscribers.models import Subscriber, SubscriberQuerySet

HAD_IT = [Delivery.State.SENT, Delivery.State.UNCERTAIN]  # or may have had it


def copies(issue: Issue) -> int:
    """Return how many copies of `issue` readers have, or may have, as its batches have counted them."""
    have_it = F("sent") + F("uncertain")
    counted: int = Batch.objects.filter(mailing__in=former_of(issue)).aggregate(sum=Sum(have_it, default=0))["sum"]
    return counted


def former_of(issue: Issue) -> list[int]:
    """Return the planned mailings of `issue` itself, few: a reader's copy of each is one look into the index."""
    planned = issue.mailings.filter(kind=Mailing.Kind.ISSUE, planned_at__isnull=False)
    return list(planned.order_by("pk").values_list("pk", flat=True))


def _copies_in(mailings: list[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(mailing_id__in=mailings)


def audience(mailing: Mailing, now: datetime) -> SubscriberQuerySet:
    """Return who gets this mailing: of the mailable, a correction's are those who have a copy of the issue.

    An issue's are those of its segment without a copy, even one that failed. One that was skipped, because its
    reader rested or its mailing was cancelled, is none. Once copies of an issue
    are deleted nothing is planned: see `is_deleted`.
    """
    readers = Subscriber.objects.mailable(now)
    own = Q(subscriber=OuterRef("pk"))
    if mailing.kind == Mailing.Kind.CORRECTION:
        had_it = _copies_in(former_of(mailing.issue)).filter(state__in=HAD_IT)
        return readers.filter(Exists(had_it.filter(own)))
    if mailing.segment:
        tag = mailing.segment[1:]
        readers = readers.tagged(tag) if mailing.segment.startswith("+") else readers.untagged(tag)
    if not (former := [pk for pk in former_of(mailing.issue) if pk != mailing.pk]):
        return readers
    return readers.filter(~Exists(_copies_in(former).filter(own).exclude(state=Delivery.State.SKIPPED)))


def take_over(reader: Subscriber, other: Subscriber) -> None:
    """Give a reader the copies of another, whose address they get: this mailbox has them, and gets none again.

    A copy of the same issue that the reader never had loses its reader: if it waits, it is skipped as that of somebody
    who is gone.
    """
    theirs = Delivery.objects.filter(subscriber=other.pk, state__in=HAD_IT)
    own = Delivery.objects.filter(subscriber=reader.pk)
    for missed in own.exclude(state__in=HAD_IT).select_related("mailing"):
        same = theirs.filter(mailing__issue=missed.mailing.issue_id, mailing__kind=missed.mailing.kind)
        if same.exists():
            own.filter(mailing=missed.mailing_id).update(subscriber=None)
    theirs.exclude(mailing__in=list(own.values_list("mailing", flat=True))).update(subscriber=reader.pk)


def is_deleted(issue: Issue) -> bool:
    """Return whether copies of `issue` are no more; if not, none will be until the transaction ends."""
    former = Mailing.objects.select_for_update(no_key=True).filter(pk__in=former_of(issue)).order_by("pk")
    return any(former.values_list("copies_deleted_at", flat=True))


def is_unsettled(issue: Issue) -> bool:
    """Return whether a cancelled mailing of `issue` may still have copies in a worker's hands.

    Until they are settled nobody knows who has a copy, and whom a second mailing must not forget.
    """
    unsettled = Batch.objects.filter(mailing__issue=issue, mailing__state=Mailing.State.CANCELLED)
    return unsettled.exclude(state=Batch.State.DONE).exists()
