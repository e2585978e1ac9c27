"""All copies of a mailing in the order of their numbers, read a batch at a time."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from newsletter.delivery.models import Delivery, Mailing


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
    ranges = mailing.batches.filter(batches or Q()).order_by("lo").values_list("lo", "hi")
    for lo, hi in list(ranges):
        rows = Delivery.objects.filter(mailing=mailing, seq__gte=lo, seq__lt=hi).order_by("seq")
        rows = rows.filter(state__in=states) if states else rows
        yield from (Copy(seq, email or "", *rest) for seq, email, *rest in rows.values_list(*FIELDS))
