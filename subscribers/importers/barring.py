"""Suppress the addresses of a list that another program kept: known here or not. Nobody is brought back by it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import batched

from django.db import transaction

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Why
from subscribers.importers.rows import Unreadable
from subscribers.importers.suppression_file import Listed, Mailed, Read
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.suppressions import departure

BATCH = 2_000  # rows in one transaction
NOTE_LENGTH = 500
READING = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]

type Rejected = Callable[[int, str], None]


@dataclass
class Summary:
    """What became of the rows: `rows` is the sum of the next four. readers: of `suppressed`, who was a reader here."""

    rows: int = 0
    suppressed: int = 0
    known: int = 0
    mailed: int = 0
    rejected: int = 0
    readers: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


def bar(rows: Iterable[Read], now: datetime, rejected: Rejected, *, reason: str = Suppression.Reason.MANUAL) -> Summary:
    """Suppress what is listed, in transactions of BATCH rows; an earlier reason stands, a second run changes nothing.

    reason: where the list gives none.
    """
    summary = Summary()
    for some in batched(rows, BATCH, strict=False):
        with transaction.atomic():
            new = _new(some, summary, now, rejected, reason)
            departures.write(departure(Why(one.reason), one.address_hash, at=now) for one in new)
            Suppression.objects.bulk_create(new, ignore_conflicts=True)
    return summary


def rehearse(
    rows: Iterable[Read], now: datetime, rejected: Rejected, *, reason: str = Suppression.Reason.MANUAL
) -> Summary:
    """Say what `bar` would do, and write nothing. An address that stands far apart twice is counted twice."""
    summary = Summary()
    for some in batched(rows, BATCH, strict=False):
        _new(some, summary, now, rejected, reason)
    return summary


def _new(rows: Iterable[Read], summary: Summary, now: datetime, rejected: Rejected, reason: str) -> list[Suppression]:
    """Count some rows, and return the suppressions that are to be made of them."""
    salt = Publication.objects.current().salt
    found = dict[str, Listed]()
    for row in rows:
        summary.rows += 1
        if isinstance(row, Unreadable):
            summary.rejected += 1
            rejected(row.line, row.reason)
        elif isinstance(row, Mailed):
            summary.mailed += 1
        else:
            known_as = address_hash(row.email, salt)
            summary.known += known_as in found
            found.setdefault(known_as, row)
    barred = set(Suppression.objects.filter(address_hash__in=found).values_list("address_hash", flat=True))
    new = [_suppression(who, one, now, reason) for who, one in found.items() if who not in barred]
    summary.known += len(barred)
    summary.suppressed += len(new)
    hashes = [one.address_hash for one in new]
    summary.readers += Subscriber.objects.filter(address_hash__in=hashes, state__in=READING).count()
    return new


def _suppression(who: str, row: Listed, now: datetime, reason: str) -> Suppression:
    since = f" ({row.since:%Y-%m-%d})" if row.since else ""
    words = f": {row.words}" if row.words else ""
    note = f"import on {now:%Y-%m-%d}{since}{words}"[:NOTE_LENGTH]
    return Suppression(address_hash=who, email=row.email, reason=row.reason or reason, note=note)
