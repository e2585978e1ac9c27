"""Events that nothing rests on any more: they become numbers, in small bites, each of them one transaction.

A mailing to a million has two million events that say that it arrived. Within WITHIN they tell whether an address
takes mail again; after ARRIVED_KEPT nobody asks for one of them. What came back, complaints and leavings are kept for
LONGEST. Why an address is suppressed stands beside the suppression, and stays. Of a reader who was erased nothing is
kept, however young.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from newsletter.delivery.events.facts import Kind
from newsletter.delivery.models import Event, EventCount, Mailing
from subscribers.models import Suppression

ARRIVED_KEPT = timedelta(days=90)  # not less than rules.WITHIN
LONGEST = timedelta(days=730)
COLUMNS = ("pk", "mailing_id", "kind", "verdict")
BITE = 1_000  # events of one transaction
SAYS_MORE = Q(kind__in=[Kind.COMPLAINED, Kind.UNSUBSCRIBED]) | ~Q(verdict="")


def thin_some(now: datetime, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Make numbers of old events for `seconds`; return of how many. Waits while a mailing is being sent."""
    if Mailing.objects.filter(state=Mailing.State.SENDING).exists():
        return 0
    until, thinned = time.monotonic() + seconds, 0
    for bite in _bites(now):
        thinned += bite
        if time.monotonic() >= until or not goes_on():
            break
    return thinned


def _bites(now: datetime) -> Iterator[int]:
    yield from _eaten(_of_erased())
    for mailing in _due(now):
        yield from _eaten(Event.objects.filter(mailing_id=mailing).exclude(SAYS_MORE))
        Mailing.objects.filter(pk=mailing).update(thinned_at=now)
    old = Mailing.objects.filter(planned_at__lt=now - LONGEST).values("pk")
    yield from _eaten(Event.objects.filter(mailing_id__in=old))
    nobodys = Event.objects.filter(mailing_id__isnull=True)
    yield from _eaten(nobodys.filter(at__lt=now - ARRIVED_KEPT).exclude(SAYS_MORE))
    yield from _eaten(nobodys.filter(at__lt=now - LONGEST))


def _of_erased() -> QuerySet[Event]:
    erased = Suppression.objects.filter(reason=Suppression.Reason.ERASED).order_by()
    return Event.objects.exclude(address_hash="").filter(address_hash__in=erased.values("address_hash"))


def _due(now: datetime) -> list[int]:
    """Return the mailings whose events may be thinned, the oldest first; none whose copies are still in question."""
    old = Mailing.objects.filter(planned_at__lt=now - ARRIVED_KEPT, thinned_at__isnull=True)
    return list(old.exclude(state__in=Mailing.OPEN_STATES).order_by("pk").values_list("pk", flat=True))


def _eaten(events: QuerySet[Event]) -> Iterator[int]:
    while events.exists() and (count := _bite(events)):  # else each look would open a transaction
        yield count


@transaction.atomic
def _bite(events: QuerySet[Event]) -> int:
    """Count some events and delete them; return how many. Another worker that takes the same counts none of them."""
    skip = connection.features.has_select_for_update_skip_locked
    rows = list(events.order_by().select_for_update(skip_locked=skip, of=("self",)).values_list(*COLUMNS)[:BITE])
    for (mailing, kind, verdict), count in Counter(row[1:] for row in rows if row[1] is not None).items():
        row, _is_new = EventCount.objects.get_or_create(mailing_id=mailing, kind=kind, verdict=verdict)
        EventCount.objects.filter(pk=row.pk).update(count=F("count") + count)
    Event.objects.filter(pk__in=[row[0] for row in rows]).delete()
    return len(rows)
