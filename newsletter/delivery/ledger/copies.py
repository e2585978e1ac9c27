"""All copies of a mailing in the order of their numbers, read a batch at a time, as rows or packed."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from newsletter.delivery.models import Batch, Delivery, Mailing, Pack
from subscribers.models import Subscriber


class Copy(NamedTuple):
    """One copy, with the address of its reader; "" of one who was erased."""

    seq: int
    email: str
    state: int
    reply: str
    attempts: int
    sent_at: datetime | None


FIELDS = ("seq", "subscriber__email", "state", "reply", "attempts", "sent_at")


def of(mailing: Mailing, *, batches: Q | None = None, states: frozenset[int] = frozenset()) -> Iterator[Copy]:
    """Yield the copies of a mailing; a batch of them is in memory at once.

    states: only copies in one of these; batches: which of them can hold one.
    """
    numbers = mailing.batches.filter(batches or Q()).order_by("lo").values_list("pk", flat=True)
    for number in list(numbers):
        batch = Batch.objects.get(pk=number)
        # What is packed or unpacked between two looks is found by the third.
        yield from _rows(batch, states) or _packed(batch, states) or _rows(batch, states)


def _rows(batch: Batch, states: frozenset[int]) -> list[Copy]:
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi).order_by("seq")
    rows = rows.filter(state__in=states) if states else rows
    return [Copy(seq, email or "", *rest) for seq, email, *rest in rows.values_list(*FIELDS)]


def _packed(batch: Batch, states: frozenset[int]) -> list[Copy]:
    pack = Pack.objects.filter(pk=batch.pk).first()
    copies = [copy for copy in pack.copies() if not states or copy.state in states] if pack else []
    readers = [copy.subscriber_id for copy in copies if copy.subscriber_id is not None]
    emails = dict(Subscriber.objects.filter(pk__in=readers).values_list("pk", "email"))
    return [
        Copy(one.seq, emails.get(one.subscriber_id or 0, ""), one.state, one.reply, one.attempts, one.sent_at)
        for one in copies
    ]
