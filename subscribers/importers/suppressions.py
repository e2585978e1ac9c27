"""Suppresses the addresses of another program's list, known here or not."""

from collections import Counter
from datetime import datetime
from typing import Final

from django.db import transaction

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.addresses import one_line
from subscribers.departures import DepartureKind
from subscribers.importers.rows import MUST_NOT_BE_MAILED, InvalidRow, ReaderRow, RejectCallback, Rows
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.suppressions import make_departure

# `rows` is the sum of the next four. readers: of `suppressed`, who was a reader here.
COUNTED: Final = ("rows", "suppressed", "known", "mailed", "rejected", "readers")
NOTE_LENGTH = 300  # characters of the list's own words
READING = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]


def suppress(rows: Rows, now: datetime, on_reject: RejectCallback, *, dry_run: bool = False) -> Counter[str]:
    """Suppress listed addresses in one transaction; an earlier reason stands. Idempotent."""
    counts = Counter(rows=len(rows))
    listed = _listed(rows, counts, on_reject)
    with transaction.atomic():
        known = set(Suppression.objects.filter(address_hash__in=listed).values_list("address_hash", flat=True))
        new = [_suppression(digest, row, now) for digest, row in listed.items() if digest not in known]
        hashes = [one.address_hash for one in new]
        counts["readers"] = Subscriber.objects.filter(address_hash__in=hashes, state__in=READING).count()
        if not dry_run:
            gone = [make_departure(DepartureKind(one.reason), one.address_hash, at=now) for one in new]
            departures.append_to_file(gone)
            Suppression.objects.bulk_create(new, ignore_conflicts=True)
    return counts + Counter(known=len(known), suppressed=len(new))


def _listed(rows: Rows, counts: Counter[str], on_reject: RejectCallback) -> dict[str, ReaderRow]:
    """The rows that must not be mailed, by the hashes of their addresses, and count the others."""
    salt, listed = Publication.objects.current().salt, dict[str, ReaderRow]()
    for row in rows:
        if isinstance(row, InvalidRow):
            counts["rejected"] += 1
            on_reject(row.line, row.reason)
        elif row.state not in MUST_NOT_BE_MAILED:
            counts["mailed"] += 1
        else:
            digest = address_hash(row.email, salt)
            counts["known"] += digest in listed
            listed.setdefault(digest, row)
    return listed


def _suppression(digest: str, row: ReaderRow, now: datetime) -> Suppression:
    words = f": {one_line(row.note.replace('\n', ', '))[:NOTE_LENGTH]}" if row.note else ""
    note = f"import on {now:%Y-%m-%d}{words}"
    return Suppression(address_hash=digest, email=row.email, reason=row.state, note=note)
