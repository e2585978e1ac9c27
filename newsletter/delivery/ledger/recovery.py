"""Recovery: reopens batches of lanes that died or stalled, and settles their rows.

On this machine a lane holds a lock file (flock) until its process ends, however it ends, and its flight recorder has
the state of each row. A lane that is alive but has not renewed its lease is revoked: its recorder is read in the same
way, and it sends nothing more. A machine whose leases ended longer ago counts as dead; which rows of its open windows
were sent is not known here.
"""

import fcntl
import logging
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from newsletter.delivery.error_logging import log_errors
from newsletter.delivery.ledger import claims, flight_recorder, places, uncertain
from newsletter.delivery.ledger.claims import WAITING_STATES, DeliveryResult, write_results
from newsletter.delivery.ledger.flight_recorder import FlightRecord, RowMark
from newsletter.delivery.ledger.uncertain import RESOLUTION_OF_STATE, DeliveryReport, Resolution
from newsletter.delivery.models import Batch, Delivery, Mailing, MailingQuerySet, Restoration
from newsletter.delivery.models.deliveries import IS_REQUEUED
from newsletter.delivery.models.mailing import MailingStep
from newsletter.mail.mail_queue import CLOCK_SLACK
from newsletter.mail.tokens import load_or_create_secret

log = logging.getLogger(__name__)

# A holder is given up so long after its lease ended, by the database's clock: STALLED_LEASE by its own machine, which
# can read its recorder; DEAD_MACHINE by others, longer, so that its own machine can sweep several times first.
STALLED_LEASE = timedelta(seconds=15)
DEAD_MACHINE = timedelta(seconds=45)
# If the holder has no valid record, or no other machine exists (SQLite): longer than the ten minutes that a final reply
# may take (RFC 5321 section 4.5.3.2.6).
HUNG_LEASE = timedelta(minutes=11)


def machine_id() -> str:
    """This machine's id in the ledger. Belongs to a file beside the lock files: a copy of that file is another machine.

    Its lanes would otherwise hold the same slots under other lock files, and take the original's batches for their own.
    """
    path = settings.LOCK_DIR / "machine"
    secret = load_or_create_secret(path, secrets.token_hex(8))
    return places.digest(secret, path.stat().st_dev, *places.file_identity(path))[:16]


@contextmanager
def hold_slot(number: int) -> Iterator[str | None]:
    """Hold slot `number` of this machine; yields a prefix of workers' names, or None if another process holds it.

    The kernel releases the lock when the process ends, even by SIGKILL. So all batches leased under this slot belong
    to dead processes, or to a lane whose lock file was deleted.
    """
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    with _lock_file(number).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        is_there = os.fstat(lock.fileno()).st_ino == lock_file_inode(number)
        yield f"{machine_id()}/{number}/" if is_there else None


def _lock_file(number: int) -> Path:
    return Path(settings.LOCK_DIR, f"slot-{number}")


def lock_file_inode(number: int) -> int | None:
    """The inode of a slot's lock file; None if it is gone. A lane that has locked another inode holds nothing."""
    try:
        return _lock_file(number).stat().st_ino
    except FileNotFoundError:
        return None


def recorder_path(number: int) -> Path:
    return Path(settings.LOCK_DIR, f"slot-{number}.flight")


def sweep(slots: int) -> int:
    """Recover the batches of dead and stalled owners; return how many. slots: the number of slots of this machine."""
    if not Batch.objects.filter(state=Batch.State.LEASED).exists():  # idle: no slot lock is tried
        return 0
    _shorten_leases()
    recovered = 0
    for number in range(slots):
        with hold_slot(number) as worker_prefix:
            if worker_prefix:
                with log_errors(f"recovering slot {number}"):
                    recovered += recover_slot(worker_prefix, number)
    here = Q(worker__startswith=f"{machine_id()}/")
    stalled_for = HUNG_LEASE if connection.vendor == "sqlite" else STALLED_LEASE  # no other machine takes over
    for batch in _leased(here & _lease_over_for(stalled_for)):
        with log_errors(f"recovering {batch}"):
            recovered += _revoke(batch)
    for batch in _leased(~here & _lease_over_for(DEAD_MACHINE) | _lease_over_for(HUNG_LEASE)):
        with log_errors(f"recovering {batch}"):
            recovered += _recover_unlocked(batch, None)
    return recovered


def _shorten_leases() -> None:
    """Shorten leases written while the database's clock was ahead; a living owner renews them."""
    too_far = Batch.objects.filter(state=Batch.State.LEASED, lease_until__gt=claims.RENEWED_LEASE_END + CLOCK_SLACK)
    if too_far.exists():
        too_far.update(lease_until=claims.RENEWED_LEASE_END)


def _lease_over_for(time: timedelta) -> Q:
    return Q(lease_until__lt=Now() - time)


def _revoke(batch: Batch) -> bool:
    """Take a batch from a stalled owner on this machine, if its recorder is of this batch."""
    number = batch.worker.split("/")[1]
    record = flight_recorder.revoke(recorder_path(int(number)), batch.pk, batch.token)
    return record is not None and _recover_unlocked(batch, record)


def _recover_unlocked(batch: Batch, record: FlightRecord | None) -> bool:
    """Recover a batch whose owner may be alive, unless it was stopped while it holds the lock of the batch's row.

    Locked rows are skipped: a stopped owner may still hold them, and waiting would block this sweep.
    """
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        unlocked = Batch.objects.filter(pk=batch.pk).select_for_update(skip_locked=skip).first()
        return bool(unlocked) and recover_batch(batch, record)


def recover_slot(worker_prefix: str, number: int) -> int:
    """Recover batches that former holders of the slot left leased. Only the holder of the slot may call this.

    A former holder is dead, unless its lock file was deleted; so its record is revoked before it is read. A batch
    without a record may belong to a clone of this machine with the same id: then its lease decides.
    """
    ours = Q(worker__startswith=worker_prefix)
    expired = {batch.pk for batch in _leased(ours & Q(lease_until__lt=Now()))}
    recovered = 0
    for batch in _leased(ours):
        record = flight_recorder.revoke(recorder_path(number), batch.pk, batch.token)
        if record or batch.pk in expired:
            recovered += recover_batch(batch, record)
    return recovered


def _leased(owners: Q) -> list[Batch]:
    return list(Batch.objects.filter(owners, state=Batch.State.LEASED).order_by("pk"))


def recover_batch(batch: Batch, record: FlightRecord | None) -> bool:
    """Reopen the batch of an owner who was given up, with the rows of its open windows settled by its recorder.

    Without a record of this lease, a row's mark in the recorder's history counts: the ledger may come from a backup
    taken while it was sent. Of the unmarked rows, those before the cursor become uncertain, the others stay queued. The
    new token makes a late intent of the old owner fail. Returns False if another process was first.
    """
    is_own = record is not None and record.is_of(batch.pk, batch.token)
    former = None if is_own else _past_record(batch)
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)
        held = mine.select_for_update().first()  # a living owner may have moved its cursor
        values = {"cursor": F("lo")} if is_own else {}
        if held is None or not mine.update(
            state=Batch.State.OPEN, token=F("token") + 1, worker="", lease_until=None, in_flight=0, **values
        ):
            return False
        results = list(_results_by_record(held, record if is_own else None, former))
        write_results(Batch.objects.get(pk=batch.pk), results)
    lost = sum(result.state == Delivery.State.UNCERTAIN for result in results)
    log.warning("batch %s: taken from its owner; %d results recovered, %d uncertain", batch, len(results), lost)
    return True


RECORDED_REPLY = "the worker died before the answer was written down"
UNRECORDED_REPLY = "the worker died, and nothing tells whether this copy had left"
LATE_REPLY = "reported by the worker's machine, which had been cut off"
HOLDING_SEPARATOR = "#"  # in provider_id of an uncertain row, between the worker and the token of its holding
RESTORED_REPLY = "on its way when the backup was made, and nothing tells whether this copy has left since"
STATE_OF_MARK = {
    RowMark.HANDED_OVER: Delivery.State.UNCERTAIN,
    RowMark.UNCERTAIN: Delivery.State.UNCERTAIN,
    RowMark.SENT: Delivery.State.SENT,
    RowMark.FAILED: Delivery.State.FAILED,
    RowMark.DEFERRED: Delivery.State.DEFERRED,
}


def _past_record(batch: Batch) -> FlightRecord | None:
    name, _, rest = batch.worker.partition("/")
    number = rest.partition("/")[0]
    if name != machine_id() or not number:
        return None
    return flight_recorder.past_record(recorder_path(int(number)), batch.pk, batch.token)


def _results_by_record(
    batch: Batch, record: FlightRecord | None, former: FlightRecord | None
) -> Iterator[DeliveryResult]:
    """Yield the results of rows of the open windows; nothing for a row that was certainly not handed over.

    A mark beyond the cursor means that the row was handed over before the ledger was restored. With only a former
    record, an unmarked row before the cursor is uncertain: it may have been sent since.
    """
    known = record or former
    end = batch.hi if known else batch.cursor
    window = Delivery.objects.filter(
        mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=end, attempts__lt=batch.pass_no
    )
    for seq in window.filter(state__in=WAITING_STATES).values_list("seq", flat=True):
        mark = known.mark(seq) if known else RowMark.WAITING
        if mark in STATE_OF_MARK:
            yield DeliveryResult(seq, STATE_OF_MARK[mark], RECORDED_REPLY)
        elif not record and seq < batch.cursor:
            holding = "" if former else f"{batch.worker}{HOLDING_SEPARATOR}{batch.token}"
            reply = RESTORED_REPLY if former else UNRECORDED_REPLY
            yield DeliveryResult(seq, Delivery.State.UNCERTAIN, reply, holding)


class Holding(NamedTuple):
    """Uncertain rows of one lease of a batch (token and attempt) that was taken away without reading its record."""

    batch: Batch
    token: int
    attempt: int
    seqs: list[int]

    def explain(self, seqs: Sequence[int], reply: str) -> None:
        """Store why rows stay uncertain, so that they are not settled again."""
        left = Delivery.objects.filter(mailing_id=self.batch.mailing_id, seq__in=seqs, attempts=self.attempt)
        left.filter(state=Delivery.State.UNCERTAIN).update(reply=reply, provider_id="")


def settle_unrecorded(worker_prefix: str, number: int, now: datetime, mailing: Mailing | None = None) -> int:
    """Settle uncertain rows of our batches that another machine took over without reading our record; return how many.

    worker_prefix: of `hold_slot`; only its holder may call this, and before it begins another record. mailing: only
    its rows. Rows handed over without a result stay uncertain, for that reason.
    """
    batches = Batch.objects.filter(uncertain__gt=0).order_by("pk")
    mine = batches.filter(mailing=mailing) if mailing else batches
    return sum(_settle_holding(holding, number, now) for batch in mine for holding in _holdings(batch, worker_prefix))


def _holdings(batch: Batch, worker_prefix: str) -> list[Holding]:
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    ours = rows.filter(state=Delivery.State.UNCERTAIN, provider_id__startswith=worker_prefix)
    ordered = ours.order_by("provider_id", "attempts").values_list("provider_id", "attempts", "seq")
    names = groupby(ordered, key=itemgetter(0, 1))
    tokens = ((name.rpartition(HOLDING_SEPARATOR)[2], attempt, list(rows)) for (name, attempt), rows in names)
    found = ((token, attempt, [seq for *_, seq in rows]) for token, attempt, rows in tokens)
    return [Holding(batch, int(token), attempt, seqs) for token, attempt, seqs in found if token.isdigit()]


def _settle_holding(holding: Holding, number: int, now: datetime) -> int:
    """Settle rows by the record of their holding, or by its history: then the ledger was restored meanwhile."""
    batch, attempt = holding.batch, holding.attempt
    path = recorder_path(number)
    known = record = flight_recorder.revoke(path, batch.pk, holding.token)
    if record is None and Restoration.objects.exists():  # a restored ledger may have given it up
        known = flight_recorder.past_record(path, batch.pk, holding.token)
    if known is None:
        return 0
    marks = {seq: known.mark(seq) for seq in holding.seqs}
    unmarked = [seq for seq, mark in marks.items() if mark is RowMark.WAITING]
    states = {seq: STATE_OF_MARK[mark] for seq, mark in marks.items() if mark in STATE_OF_MARK}
    results = {
        seq: DeliveryReport(RESOLUTION_OF_STATE[state], now, LATE_REPLY, attempt=attempt)
        for seq, state in states.items()
        if state in RESOLUTION_OF_STATE
    }
    with transaction.atomic():
        held = Batch.objects.select_for_update().get(pk=batch.pk)
        settled = uncertain.settle_late(held, results)
        if record:
            never_left = DeliveryReport(Resolution.NEVER_LEFT, now, attempt=attempt)
            settled += uncertain.requeue_never_left(held, unmarked, never_left)
        else:
            holding.explain(unmarked, RESTORED_REPLY)
        holding.explain([seq for seq in states if seq not in results], RECORDED_REPLY)
    log.warning("batch %s: a machine that had been cut off reported the results of %d copies", batch, settled)
    return settled


def reopen_mailings(now: datetime) -> None:
    """Reopen closed mailings with a delivery that a late reply has deferred.

    Not while another mailing of the issue is open: then it is reopened after that one.
    """
    for mailing in Mailing.objects.filter(state=Mailing.State.SENT, batches__state=Batch.State.OPEN).distinct():
        beside = Mailing.objects.open().filter(issue_id=mailing.issue_id, kind=mailing.kind)
        values = {"state": Mailing.State.SENDING, "finished_at": None, "counted_at": None}
        with suppress(IntegrityError), transaction.atomic():  # another one may be opened at the same time
            mailing.lock()
            if Mailing.objects.filter(~Exists(beside), pk=mailing.pk, state=Mailing.State.SENT).update(**values):
                mailing.record(MailingStep.Kind.RESUMED, at=now)


def settle_cancelled() -> None:
    """Skip the unsent deliveries of cancelled mailings, batch by batch, once no worker holds the batch."""
    left = Batch.objects.filter(mailing__state=Mailing.State.CANCELLED, state=Batch.State.OPEN)
    for batch in left.order_by("pk"):
        with log_errors(f"settling {batch}"), transaction.atomic():
            mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.OPEN)
            if mine.update(state=Batch.State.DONE, token=F("token") + 1):
                batch.add_counts(_skip_rows(batch))


def _skip_rows(batch: Batch) -> Counter[Delivery.State]:
    """Skip waiting rows; a row that was queued again becomes uncertain again."""
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    uncertain_count = rows.filter(IS_REQUEUED).update(state=Delivery.State.UNCERTAIN)
    waiting = rows.filter(state__in=WAITING_STATES)
    skipped = waiting.update(state=Delivery.State.SKIPPED, reply="the mailing was cancelled")
    return Counter({Delivery.State.SKIPPED: skipped, Delivery.State.UNCERTAIN: uncertain_count})


STALLED_AFTER = timedelta(seconds=90)
# Each gives a lane STALLED_AFTER to start.
START_STEPS = (MailingStep.Kind.BEGUN, MailingStep.Kind.RESUMED, MailingStep.Kind.SEND_AGAIN)


def stalled_mailings(now: datetime) -> MailingQuerySet:
    """Mailings that a lane could have worked on for STALLED_AFTER. Call only if no lane was active for so long."""
    before = now - STALLED_AFTER
    rows = Batch.objects.filter(mailing=OuterRef("pk"))
    workable = rows.filter(Q(state=Batch.State.LEASED) | Q(pk__in=Batch.objects.ready(before).values("pk")))
    just_started = MailingStep.objects.filter(mailing=OuterRef("pk"), what__in=START_STEPS, at__gt=before, at__lte=now)
    stalled = Mailing.objects.filter(Exists(workable), ~Exists(just_started), state=Mailing.State.SENDING)
    return stalled.exclude(retry_at__gt=before)
