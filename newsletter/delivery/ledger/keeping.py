"""How long copies are kept: those of mailings that ended long ago are deleted, if KEEP_DELIVERIES_DAYS says so."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from newsletter.delivery.ledger.breakdown import CLOSED
from newsletter.delivery.models import Arrival, Batch, Delivery, Mailing, MailingQuerySet, Refusal
from subscribers.addresses import without_addresses
from subscribers.models import Forgotten, Subscriber

DAYS_MIN = 90  # what comes back, and what arrives, is read for so long


def due(now: datetime) -> MailingQuerySet:
    """Return the mailings whose copies are to be deleted, oldest first.

    Not while the author has something to decide about a copy, nor while another mailing of the issue is open.
    """
    days = settings.KEEP_DELIVERIES_DAYS
    if days is None:
        return Mailing.objects.none()
    undecided = Batch.objects.filter(~Q(state=Batch.State.DONE) | Q(uncertain__gt=0), mailing=OuterRef("pk"))
    questions = Refusal.objects.waiting().filter(mailing=OuterRef("pk"))
    open_ones = Mailing.objects.open().filter(issue=OuterRef("issue"))
    old = Mailing.objects.filter(
        state__in=CLOSED,
        finished_at__lte=now - timedelta(days=days),
        planned_at__isnull=False,
        counted_at__isnull=False,
        copies_deleted_at__isnull=True,
    )
    return old.filter(~Exists(undecided), ~Exists(questions), ~Exists(open_ones)).order_by("finished_at")


def delete_some(now: datetime, seconds: float) -> int:
    """Delete copies for `seconds`, a batch at a time; return how many. What was begun is gone on with."""
    if settings.KEEP_DELIVERIES_DAYS is None:
        return 0
    until, deleted = time.monotonic() + seconds, 0
    for mailing in due(now).only("pk"):
        _mark(mailing, now)
    marked = Mailing.objects.filter(copies_deleted_at__isnull=False)
    left = marked.filter(Exists(Delivery.objects.filter(mailing=OuterRef("pk"))))
    for batch in Batch.objects.filter(mailing__in=left.values("pk")).order_by("mailing", "lo"):
        rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
        deleted += rows.delete()[0]
        if time.monotonic() >= until:
            break
    return deleted


def _mark(mailing: Mailing, now: datetime) -> None:
    """Write that the copies of a mailing are gone, before the first of them is: nothing is planned by them any more."""
    with transaction.atomic():
        mailing.lock()
        due(now).filter(pk=mailing.pk).update(copies_deleted_at=now)


def leave_no_words(reader: Subscriber) -> None:
    """Take a reader's address out of what servers said of their copies, before the reader is erased."""
    for copy in Delivery.objects.filter(subscriber=reader).exclude(reply=""):
        own = Delivery.objects.filter(mailing_id=copy.mailing_id, seq=copy.seq)
        own.update(reply=without_addresses(copy.reply))


def forget_mails() -> int:
    """Delete what came back of the copies of erased readers, and what they wrote; return how many were erased."""
    numbers = list(Forgotten.objects.values_list("number", flat=True))
    if numbers:
        copy = Delivery.objects.filter(mailing_id=OuterRef("mailing_id"), seq=OuterRef("seq"))
        nobodys = copy.filter(subscriber__isnull=True)
        Arrival.objects.filter(Exists(nobodys), mailing_id__isnull=False).delete()
        Forgotten.objects.filter(number__in=numbers).delete()
    return len(numbers)


class Copy(NamedTuple):
    """One copy, with the address of its reader; "" of one who was erased."""

    seq: int
    email: str
    state: int
    reply: str
    attempts: int
    sent_at: datetime | None


FIELDS = ("seq", "subscriber__email", "state", "reply", "attempts", "sent_at")


def copies_of(mailing: Mailing, *, batches: Q | None = None, states: frozenset[int] = frozenset()) -> Iterator[Copy]:
    """Yield the copies of a mailing; a batch of them is in memory at once.

    states: only copies in one of these; batches: which of them can hold one.
    """
    ranges = mailing.batches.filter(batches or Q()).order_by("lo").values_list("lo", "hi")
    for lo, hi in list(ranges):
        rows = Delivery.objects.filter(mailing=mailing, seq__gte=lo, seq__lt=hi).order_by("seq")
        rows = rows.filter(state__in=states) if states else rows
        yield from (Copy(seq, email or "", *rest) for seq, email, *rest in rows.values_list(*FIELDS))
