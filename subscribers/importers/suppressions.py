"""Suppresses the addresses of another program's list, known here or not."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import transaction

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.addresses import one_line
from subscribers.departures import DepartureKind
from subscribers.importers.merging import Rejected
from subscribers.importers.rows import MUST_NOT_BE_MAILED, InvalidRow, ReaderRow
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.suppressions import make_departure

# `rows` is the sum of the next four. readers: of `suppressed`, who was a reader here.
COUNT_NAMES: Final = ("rows", "suppressed", "known", "mailed", "rejected", "readers")
NOTE_LENGTH = 300  # characters of the list's own words
READER_STATES = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]


def suppress(
    rows: Collection[ReaderRow | InvalidRow], now: datetime, rejected: Rejected, *, dry_run: bool = False
) -> Counter[str]:
    """Suppress listed addresses in one transaction; an earlier reason stands. Idempotent."""
    counts = Counter(rows=len(rows))
    listed = _listed(rows, counts, rejected)
    with transaction.atomic():
        known = set(Suppression.objects.filter(address_hash__in=listed).values_list("address_hash", flat=True))
        new = [_suppression(known_as, row, now) for known_as, row in listed.items() if known_as not in known]
        hashes = [one.address_hash for one in new]
        counts["readers"] = Subscriber.objects.filter(address_hash__in=hashes, state__in=READER_STATES).count()
        if not dry_run:
            departures.write_departures(
                make_departure(DepartureKind(one.reason), one.address_hash, at=now) for one in new
            )
            Suppression.objects.bulk_create(new, ignore_conflicts=True)
    return counts + Counter(known=len(known), suppressed=len(new))


def _listed(rows: Collection[ReaderRow | InvalidRow], counts: Counter[str], rejected: Rejected) -> dict[str, ReaderRow]:
    """The rows that must not be mailed, by the hashes of their addresses, and count the others."""
    salt, listed = Publication.objects.current().salt, dict[str, ReaderRow]()
    for row in rows:
        if isinstance(row, InvalidRow):
            counts["rejected"] += 1
            rejected(row.line, row.reason)
        elif row.state not in MUST_NOT_BE_MAILED:
            counts["mailed"] += 1
        else:
            known_as = address_hash(row.email, salt)
            counts["known"] += known_as in listed
            listed.setdefault(known_as, row)
    return listed


def _suppression(known_as: str, row: ReaderRow, now: datetime) -> Suppression:
    words = f": {one_line(row.note.replace('\n', ', '))[:NOTE_LENGTH]}" if row.note else ""
    return Suppression(
        address_hash=known_as, email=row.email, reason=row.state, note=f"import on {now:%Y-%m-%d}{words}"
    )
