"""Whether the ledger is older than what the recorders of this machine know, and what is done about it.

A restored ledger has forgotten which copies have left since its backup. Recorders have not: a claim is committed before
it is recorded, and an intent before its row is marked, so a record with a younger token, of a batch that does
not exist, or with sent rows beyond the cursor cannot be of this ledger. Power cuts take nothing back but marks.
"""

import fcntl
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from newsletter.delivery.ledger import flight_recorder
from newsletter.delivery.ledger.claims import WAITING
from newsletter.delivery.ledger.flight_recorder import Mark, Record
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.models.deliveries import Restoration
from subscribers import remembering

log = logging.getLogger(__name__)

WORDS = "sent, as the recorder knows, before the database was restored"
STATE_OF = {
    Mark.SENT: Delivery.State.SENT,
    Mark.HANDED_OVER: Delivery.State.UNCERTAIN,
    Mark.UNCERTAIN: Delivery.State.UNCERTAIN,
}


def remember(now: datetime) -> bool:
    """Do forgotten departures again; if the database proves to be restored, let nothing be sent. Return whether it did.

    Called at each start, before anything is sent; of several processes of a machine, by one at a time.
    """
    with _alone():
        forgotten = remembering.replay()
        proofs = _proofs(flight_recorder.known(settings.LOCK_DIR))
        if not forgotten and not proofs:
            return False
        records = [record.packed() for record in proofs]
        Restoration.objects.create(noticed_at=now, departures=forgotten, records=records)
    log.error("this database comes from a backup: nothing is sent until it is decided on the desk what has left")
    return True


def lock(made_at: datetime, now: datetime) -> None:
    """Let nothing be sent: the database comes from a backup of `made_at`, as `manage.py restore` knows."""
    Restoration.objects.create(noticed_at=now, made_at=made_at)


@contextmanager
def _alone() -> Iterator[None]:
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.LOCK_DIR / "restored").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_undecided() -> bool:
    return Restoration.undecided().exists()


def _proofs(records: Iterable[Record]) -> list[Record]:
    """Return the records that the ledger is too old for, but for those that the author was shown before.

    A record is known by its marks as well: a ledger that was restored twice gives a token for the second time.
    """
    packed = Restoration.objects.values_list("records", flat=True)
    known = {tuple(record) for found in packed for record in found}
    new = [record for record in records if tuple(record.packed()) not in known]
    batches = Batch.objects.in_bulk([record.batch_id for record in new])  # asked after the records were read
    return [record for record in new if _is_younger(record, batches.get(record.batch_id))]


def _is_younger(record: Record, batch: Batch | None) -> bool:
    has_left = any(mark in STATE_OF for mark in record.found)
    if batch is None or (batch.lo, batch.hi) != (record.lo, record.hi) or batch.token < record.token:
        return has_left
    sent = [seq for seq, mark in record.rows() if mark == Mark.SENT and seq >= batch.cursor]
    return batch.token == record.token and bool(sent) and _waiting(batch, sent).exists()


def _waiting(batch: Batch, rows: list[int]) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=rows, state__in=WAITING)


def known_copies() -> int:
    """Return how many copies wait in the ledger that have left, as the recorders know."""
    return len({(batch.pk, seq) for batch, record in _undecided() for seq in _forgotten(batch, record)})


def count(now: datetime) -> int:
    """Count what the recorders know as sent, or uncertain where the answer is missing; then go on. Return how many."""
    with transaction.atomic():
        counted = sum(_count(batch, found, now) for batch, found in _undecided())
        Restoration.decide(Restoration.Decision.COUNTED, now)
    return counted


def go_on(now: datetime) -> None:
    """Send what the ledger says is to be sent, though some readers may have it."""
    Restoration.decide(Restoration.Decision.WENT_ON, now)


def cancel(now: datetime) -> None:
    """Send nothing of what was open at the time of the backup."""
    with transaction.atomic():
        for mailing in Mailing.objects.open():
            mailing.cancel(now, _("The database was restored."))
        Restoration.decide(Restoration.Decision.CANCELLED, now)


def _undecided() -> list[tuple[Batch, Record]]:
    """Return the records of undecided restores, each with its batch, if the ledger has it."""
    packed = Restoration.undecided().values_list("records", flat=True)
    records = [Record.unpacked(one) for found in packed for one in found]
    batches = Batch.objects.in_bulk([record.batch_id for record in records])
    found = [(batches[one.batch_id], one) for one in records if one.batch_id in batches]
    return [(batch, record) for batch, record in found if (batch.lo, batch.hi) == (record.lo, record.hi)]


def _forgotten(batch: Batch, record: Record) -> dict[int, Mark]:
    """Return the rows that have left, by their marks, and that the ledger has waiting."""
    left = {seq: mark for seq, mark in record.rows() if mark in STATE_OF}
    waiting = set(_waiting(batch, list(left)).values_list("seq", flat=True))
    return {seq: mark for seq, mark in left.items() if seq in waiting}


def _count(batch: Batch, record: Record, now: datetime) -> int:
    batch.mailing.lock()
    Batch.objects.select_for_update().get(pk=batch.pk)
    found = _forgotten(batch, record)
    for state in (Delivery.State.SENT, Delivery.State.UNCERTAIN):
        rows = [seq for seq, mark in found.items() if STATE_OF[mark] == state]
        values = {"state": state, "reply": WORDS, "sent_at": now, "attempts": batch.pass_no}
        batch.count(Counter({state: _waiting(batch, rows).update(**values)}))
    return len(found)
