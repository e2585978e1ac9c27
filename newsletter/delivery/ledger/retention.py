"""Deletes the deliveries of old mailings, if KEEP_DELIVERIES_DAYS is set, and data of erased readers."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from newsletter.delivery.ledger.breakdown import CLOSED_STATES
from newsletter.delivery.models import Batch, Delivery, InboundMessage, Mailing, MailingQuerySet, Refusal
from subscribers.addresses import mask_addresses
from subscribers.models import Forgotten, Subscriber

DAYS_MIN = 90  # bounces and replies refer to deliveries for so long


def mailings_to_delete(now: datetime) -> MailingQuerySet:
    """The mailings whose deliveries are to be deleted, oldest first.

    Not while the author has a decision to make about one, nor while another mailing of the issue is open.
    """
    days = settings.KEEP_DELIVERIES_DAYS
    if days is None:
        return Mailing.objects.none()
    undecided = Batch.objects.filter(~Q(state=Batch.State.DONE) | Q(uncertain__gt=0), mailing=OuterRef("pk"))
    questions = Refusal.objects.waiting().filter(mailing=OuterRef("pk"))
    open_ones = Mailing.objects.open().filter(issue=OuterRef("issue"))
    old = Mailing.objects.filter(
        state__in=CLOSED_STATES,
        finished_at__lte=now - timedelta(days=days),
        planned_at__isnull=False,
        counted_at__isnull=False,
        copies_deleted_at__isnull=True,
    )
    return old.filter(~Exists(undecided), ~Exists(questions), ~Exists(open_ones)).order_by("finished_at")


def delete_old_batches(now: datetime, seconds: float) -> int:
    """Delete deliveries for `seconds`, batch by batch; return how many. Continues mailings that were begun."""
    if settings.KEEP_DELIVERIES_DAYS is None:
        return 0
    until, deleted = time.monotonic() + seconds, 0
    for mailing in mailings_to_delete(now).only("pk"):
        with transaction.atomic():  # before the first row is deleted: planning must not rely on the rest
            mailing.lock()
            mailings_to_delete(now).filter(pk=mailing.pk).update(copies_deleted_at=now)
    marked = Mailing.objects.filter(copies_deleted_at__isnull=False)
    left = marked.filter(Exists(Delivery.objects.filter(mailing=OuterRef("pk"))))
    for batch in Batch.objects.filter(mailing__in=left.values("pk")).order_by("mailing", "lo"):
        rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
        deleted += rows.delete()[0]
        if time.monotonic() >= until:
            break
    return deleted


def redact_replies(reader: Subscriber) -> None:
    """Remove a reader's address from the replies of servers, before the reader is erased."""
    for copy in Delivery.objects.filter(subscriber=reader).exclude(reply=""):
        own = Delivery.objects.filter(mailing_id=copy.mailing_id, seq=copy.seq)
        own.update(reply=mask_addresses(copy.reply))


def delete_erased_mails() -> int:
    """Delete inbound mails about deliveries of erased readers; return how many readers were erased."""
    numbers = list(Forgotten.objects.values_list("number", flat=True))
    if numbers:
        copy = Delivery.objects.filter(mailing_id=OuterRef("mailing_id"), seq=OuterRef("seq"))
        nobodys = copy.filter(subscriber__isnull=True)
        InboundMessage.objects.filter(Exists(nobodys), mailing_id__isnull=False).delete()
        Forgotten.objects.filter(number__in=numbers).delete()
    return len(numbers)


class CopyRow(NamedTuple):
    """A delivery with its reader's address; "" if the reader was erased."""

    seq: int
    email: str
    state: int
    reply: str
    attempts: int
    sent_at: datetime | None


COPY_FIELDS = ("seq", "subscriber__email", "state", "reply", "attempts", "sent_at")


def iterate_copies(
    mailing: Mailing, *, batches: Q | None = None, states: frozenset[int] = frozenset()
) -> Iterator[CopyRow]:
    """Yield a mailing's deliveries, with one batch in memory at a time.

    states: only these; batches: limits the batches that are read.
    """
    ranges = mailing.batches.filter(batches or Q()).order_by("lo").values_list("lo", "hi")
    for lo, hi in list(ranges):
        rows = Delivery.objects.filter(mailing=mailing, seq__gte=lo, seq__lt=hi).order_by("seq")
        rows = rows.filter(state__in=states) if states else rows
        yield from (CopyRow(seq, email or "", *rest) for seq, email, *rest in rows.values_list(*COPY_FIELDS))
