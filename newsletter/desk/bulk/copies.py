"""What was sent to readers: who has no copy of the last issue, and the copies of one of them."""

from django.db.models import Exists, OuterRef

from newsletter.delivery.models import Delivery, Mailing
from subscribers.models import Subscriber, SubscriberQuerySet

NONE_OF = "none-of-"
NONE_OF_LAST = f"{NONE_OF}last"
READING = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]


def last_sent() -> Mailing | None:
    """Return the last mailing of an issue whose copies have been sent; None if they were deleted since."""
    ended = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SENT).defer("html", "text")
    last = ended.order_by("-finished_at").first()
    return last if last and last.copies_deleted_at is None else None


def named(value: str) -> str:
    """Return the same value with the number of the mailing that is the last one now: it stays the one that was seen."""
    last = last_sent() if value == NONE_OF_LAST else None
    return f"{NONE_OF}{last.pk}" if last else value


def without_last_copy(readers: SubscriberQuerySet, value: str) -> SubscriberQuerySet:
    """Return who has confirmed, has not left, and has no sent copy of the last issue, whatever hindered it.

    value: NONE_OF_LAST, or what `named` has made of it.
    """
    last = last_sent() if value == NONE_OF_LAST else _numbered(value)
    if last is None:
        return readers.none()
    sent = Delivery.objects.filter(mailing__in=_mailings_of(last), state=Delivery.State.SENT)
    return readers.filter(~Exists(sent.filter(subscriber=OuterRef("pk"))), state__in=READING)


def _numbered(value: str) -> Mailing | None:
    number = value.removeprefix(NONE_OF)
    if not number.isdecimal():
        return None
    return Mailing.objects.filter(pk=number, copies_deleted_at=None).defer("html", "text").first()


def _mailings_of(last: Mailing) -> list[int]:
    """Return the numbers of all mailings of an issue: the second of them goes to who was left out by the first."""
    of_issue = Mailing.objects.filter(issue=last.issue_id, kind=Mailing.Kind.ISSUE)
    return list(of_issue.values_list("pk", flat=True))
