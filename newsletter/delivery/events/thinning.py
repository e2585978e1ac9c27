"""Reduces old events to counts, in small chunks, each of them one transaction.

A mailing to a million has two million events of arrival. Within rules.BOUNCE_WINDOW they show whether an address takes
mail again; after ARRIVED_KEPT they are not needed. Bounces, complaints and unsubscribes are kept for KEPT_LONGEST. The
reason of a suppression is stored with the suppression, and stays. Events of erased readers are deleted at once.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from newsletter.delivery.events.parsed import EventKind
from newsletter.delivery.models import Event, EventCount, Mailing
from subscribers.models import Suppression

ARRIVED_KEPT = timedelta(days=90)  # not less than rules.BOUNCE_WINDOW
KEPT_LONGEST = timedelta(days=730)
CHUNK_SIZE = 1_000  # events per transaction
IS_KEPT_LONGER = Q(kind__in=[EventKind.COMPLAINED, EventKind.UNSUBSCRIBED]) | ~Q(verdict="")


def thin_old_events(now: datetime, seconds: float) -> int:
    """Reduce old events for `seconds`; return how many. Does nothing while a mailing is being sent."""
    if Mailing.objects.filter(state=Mailing.State.SENDING).exists():
        return 0
    until, thinned = time.monotonic() + seconds, 0
    for count in _reduce_in_chunks(now):
        thinned += count
        if time.monotonic() >= until:
            break
    return thinned


def _reduce_in_chunks(now: datetime) -> Iterator[int]:
    erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED).order_by().values("address_hash")
    yield from _reduce(Event.objects.exclude(address_hash="").filter(address_hash__in=erased))
    to_thin = Mailing.objects.filter(planned_at__lt=now - ARRIVED_KEPT, thinned_at__isnull=True)
    closed = to_thin.exclude(state__in=Mailing.OPEN_STATES).order_by("pk")
    for mailing in list(closed.values_list("pk", flat=True)):
        yield from _reduce(Event.objects.filter(mailing_id=mailing).exclude(IS_KEPT_LONGER))
        Mailing.objects.filter(pk=mailing).update(thinned_at=now)
    old = Mailing.objects.filter(planned_at__lt=now - KEPT_LONGEST).values("pk")
    yield from _reduce(Event.objects.filter(mailing_id__in=old))
    unmatched = Event.objects.filter(mailing_id__isnull=True)
    yield from _reduce(unmatched.filter(at__lt=now - ARRIVED_KEPT).exclude(IS_KEPT_LONGER))
    yield from _reduce(unmatched.filter(at__lt=now - KEPT_LONGEST))


def _reduce(events: QuerySet[Event]) -> Iterator[int]:
    while events.exists() and (count := _reduce_chunk(events)):  # otherwise each check would open a transaction
        yield count


@transaction.atomic
def _reduce_chunk(events: QuerySet[Event]) -> int:
    """Count a chunk of events and delete them; return how many. Locked rows are skipped, so none is counted twice."""
    skip = connection.features.has_select_for_update_skip_locked
    locked = events.order_by().select_for_update(skip_locked=skip, of=("self",))
    rows = list(locked.values_list("pk", "mailing_id", "kind", "verdict")[:CHUNK_SIZE])
    kinds = Counter((mailing, kind, verdict) for _pk, mailing, kind, verdict in rows if mailing is not None)
    for (mailing, kind, verdict), count in kinds.items():
        row, _is_new = EventCount.objects.get_or_create(mailing_id=mailing, kind=kind, verdict=verdict)
        EventCount.objects.filter(pk=row.pk).update(count=F("count") + count)
    Event.objects.filter(pk__in=[row[0] for row in rows]).delete()
    return len(rows)
