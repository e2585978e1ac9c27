"""Detects that the database was restored from a backup, and applies the author's decision about it.

A restored ledger does not know which deliveries were sent since its backup; the flight recorders do. A claim is
committed before it is recorded, and an intent before its row is marked, so a record with a newer token, of a missing
batch, or with sent rows beyond the cursor proves a restore. A power cut only loses marks.

Recorders prove it only where they are, and not if they were put back with the ledger. So the ledger also stores in
which database it is. A move looks like a copy: while something waits to be sent, the author is asked.
"""

import fcntl
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from newsletter.delivery.ledger import downtime, flight_recorder, places
from newsletter.delivery.ledger.claims import WAITING_STATES
from newsletter.delivery.ledger.flight_recorder import FlightRecord, RowMark
from newsletter.delivery.models import Batch, Delivery, LedgerPlace, Mailing
from newsletter.delivery.models.deliveries import Restoration
from subscribers import replay_departures

log = logging.getLogger(__name__)

RECORDED_REPLY = "sent, as the recorder knows, before the database was restored"
STATE_OF_MARK = {
    RowMark.SENT: Delivery.State.SENT,
    RowMark.HANDED_OVER: Delivery.State.UNCERTAIN,
    RowMark.UNCERTAIN: Delivery.State.UNCERTAIN,
}


def detect_restore(now: datetime) -> bool:
    """Replay forgotten departures; block sending if the database was restored, and return whether it was.

    Where it only may have been, it counts as restored if anything may leave. Called at each start, before anything is
    sent, by one process of a machine at a time.
    """
    with _exclusive_lock():
        forgotten = replay_departures.replay()
        proofs = _newer_records(flight_recorder.all_records(settings.LOCK_DIR))
        with transaction.atomic():
            is_in_doubt = _store_place() and _may_anything_leave(now)
            if is_restored := is_in_doubt or bool(forgotten or proofs):
                records = [record.packed() for record in proofs]
                Restoration.objects.create(noticed_at=now, departures=forgotten, records=records)
    if is_restored:
        log.error("this database was put back, copied or moved: nothing is sent until the author decides on the desk")
    elif not is_restore_undecided():
        downtime.check_at_start(now)
    return is_restored


def block_sending(made_at: datetime, now: datetime) -> None:
    """Block sending after `manage.py restore`. made_at: of the backup."""
    _store_place()  # or `detect_restore` would record this restore again
    Restoration.objects.create(noticed_at=now, made_at=made_at)


@contextmanager
def _exclusive_lock() -> Iterator[None]:
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.LOCK_DIR / "restored").open("a") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


def _store_place() -> bool:
    """Store where the ledger is; return whether it was elsewhere before: True for one of several callers."""
    place = places.ledger_place()
    return places.is_elsewhere(LedgerPlace.move(place), place)


def _may_anything_leave(now: datetime) -> bool:
    """Whether a mailing is open, or a letter waits that is sent without an answer."""
    return Mailing.objects.open().exists() or downtime.unanswered_letters(now - timedelta(days=1)).exists()


def is_restore_undecided() -> bool:
    return Restoration.undecided().exists()


def _newer_records(records: Iterable[FlightRecord]) -> list[FlightRecord]:
    """The records that are newer than the ledger, except those already decided.

    Records are compared with their marks: a ledger that was restored twice issues a token twice.
    """
    packed = Restoration.objects.values_list("records", flat=True)
    known = {tuple(record) for found in packed for record in found}
    new = [record for record in records if tuple(record.packed()) not in known]
    batches = Batch.objects.in_bulk([record.batch_id for record in new])  # queried after the records were read
    return [record for record in new if _is_newer(record, batches.get(record.batch_id))]


def _is_newer(record: FlightRecord, batch: Batch | None) -> bool:
    has_left = any(mark in STATE_OF_MARK for mark in set(record.marks))
    if batch is None or (batch.lo, batch.hi) != (record.lo, record.hi) or batch.token < record.token:
        return has_left
    sent = [seq for seq, mark in record.rows() if mark == RowMark.SENT and seq >= batch.cursor]
    return batch.token == record.token and bool(sent) and _waiting_rows(batch, sent).exists()


def _waiting_rows(batch: Batch, rows: list[int]) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=rows, state__in=WAITING_STATES)


def count_forgotten() -> int:
    """Deliveries that wait in the ledger although a recorder says that they were handed over."""
    return len({(batch.pk, seq) for batch, record in _undecided_records() for seq in _forgotten_marks(batch, record)})


def count_as_sent(now: datetime) -> int:
    """Settle what the recorders know, as sent or uncertain, and allow sending; return how many deliveries."""
    with transaction.atomic():
        counted = sum(_settle_record(batch, found, now) for batch, found in _undecided_records())
        Restoration.decide(Restoration.Handling.COUNTED, now)
    return counted


def resume_sending(now: datetime) -> None:
    """Allow sending by the ledger as it is, though some readers may get a second copy."""
    Restoration.decide(Restoration.Handling.WENT_ON, now)


def cancel_open_mailings(now: datetime) -> None:
    """Cancel everything that was open at the time of the backup."""
    with transaction.atomic():
        for mailing in Mailing.objects.open():
            mailing.cancel(now, _("The database was put back, copied or moved."))
        Restoration.decide(Restoration.Handling.CANCELLED, now)


def _undecided_records() -> list[tuple[Batch, FlightRecord]]:
    """The records of undecided restores, with their batches, if these exist."""
    packed = Restoration.undecided().values_list("records", flat=True)
    records = [FlightRecord.unpacked(one) for found in packed for one in found]
    batches = Batch.objects.in_bulk([record.batch_id for record in records])
    found = [(batches[one.batch_id], one) for one in records if one.batch_id in batches]
    return [(batch, record) for batch, record in found if (batch.lo, batch.hi) == (record.lo, record.hi)]


def _forgotten_marks(batch: Batch, record: FlightRecord) -> dict[int, RowMark]:
    """Rows that their marks say were handed over, but that wait in the ledger."""
    left = {seq: mark for seq, mark in record.rows() if mark in STATE_OF_MARK}
    waiting = set(_waiting_rows(batch, list(left)).values_list("seq", flat=True))
    return {seq: mark for seq, mark in left.items() if seq in waiting}


def _settle_record(batch: Batch, record: FlightRecord, now: datetime) -> int:
    batch.mailing.lock()
    Batch.objects.select_for_update().get(pk=batch.pk)
    found = _forgotten_marks(batch, record)
    for state in (Delivery.State.SENT, Delivery.State.UNCERTAIN):
        rows = [seq for seq, mark in found.items() if STATE_OF_MARK[mark] == state]
        values = {"state": state, "reply": RECORDED_REPLY, "sent_at": now, "attempts": batch.pass_no}
        batch.add_counts(Counter({state: _waiting_rows(batch, rows).update(**values)}))
    return len(found)
