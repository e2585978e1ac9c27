"""Recovery: batches of lanes that died or stand still are opened again, and their rows settled.

On this machine a lane holds a lock file (flock) for as long as its process lives, however it dies, and its
flight recorder has, row by row, what it did. One that lives but has not renewed its lease is revoked: its recorder
is read in the same way, and it sends nothing more. A machine whose lease ran out longer ago is taken for dead, and
nobody here knows which rows of its open windows were sent.
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

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from newsletter.delivery.apart import apart
from newsletter.delivery.ledger import flight_recorder, uncertain
from newsletter.delivery.ledger.claims import LEASE, LEASE_END, WAITING, Result, write_results
from newsletter.delivery.ledger.flight_recorder import Mark, Record
from newsletter.delivery.ledger.uncertain import KNOWN_OF, Evidence, Known
from newsletter.delivery.models import Batch, Delivery, Mailing, MailingQuerySet
from newsletter.delivery.models.deliveries import WAITS_AGAIN
from newsletter.delivery.models.mailing import Step
from newsletter.mail.due import CLOCK_SLACK

log = logging.getLogger(__name__)

# How long a lease has been over, by the database's clock, when its holder is given up: by its own machine, which can
# read its recorder, and by others, which leave that machine time for many sweeps.
STILL = timedelta(seconds=15)
AWAY = timedelta(seconds=45)
# Without a record that counts, or with no other lane to go on: longer than the ten minutes that a final reply may
# take (RFC 5321 section 4.5.3.2.6).
HUNG = timedelta(minutes=11)


def machine() -> str:
    """Return this machine's name in the ledger, kept beside its lock files."""
    path: Path = settings.LOCK_DIR / "machine"
    if not path.exists():
        settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(secrets.token_hex(8))
        try:
            os.link(draft, path)  # the first one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


@contextmanager
def slot(number: int) -> Iterator[str | None]:
    """Hold slot `number` of this machine while inside; yield the worker's name, or None if another holds it.

    The kernel lets go of the lock when the process ends, even by SIGKILL. Whoever gets it knows that all
    that was leased under this slot belongs to the dead, or to a lane whose lock file somebody has deleted.
    """
    settings.LOCK_DIR.mkdir(parents=True, exist_ok=True)
    with _lock(number).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        is_there = os.fstat(lock.fileno()).st_ino == lock_file(number)
        yield f"{machine()}/{number}/" if is_there else None


def _lock(number: int) -> Path:
    path: Path = settings.LOCK_DIR / f"slot-{number}"
    return path


def lock_file(number: int) -> int | None:
    """Return the inode of a slot's lock file; None if it is gone. A lane whose lock is another file's holds nothing."""
    try:
        return _lock(number).stat().st_ino
    except FileNotFoundError:
        return None


def flight(number: int) -> Path:
    path: Path = settings.LOCK_DIR / f"slot-{number}.flight"
    return path


def sweep(slots: int) -> int:
    """Recover the batches of owners who are dead or stand still; return how many. Slots: how many this machine has."""
    if not Batch.objects.filter(state=Batch.State.LEASED).exists():  # as at rest: no lock is tried, no lane woken
        return 0
    _shorten_leases()
    recovered = 0
    for number in range(slots):
        with slot(number) as worker:
            if worker:
                with apart(f"recovering slot {number}"):
                    recovered += recover_slot(worker, number)
    here = Q(worker__startswith=f"{machine()}/")
    still = HUNG if connection.vendor == "sqlite" else STILL  # there nobody else could go on in its place
    for batch in _leased(here & _over_for(still)):
        with apart(f"recovering {batch}"):
            recovered += _revoke(batch)
    for batch in _leased(~here & _over_for(AWAY) | _over_for(HUNG)):
        with apart(f"recovering {batch}"):
            recovered += _give_up(batch, None)
    return recovered


def _shorten_leases() -> None:
    """Let a lease end in time that the database's clock wrote while it was ahead; a living owner renews it."""
    too_far = Batch.objects.filter(state=Batch.State.LEASED, lease_until__gt=Now() + LEASE + CLOCK_SLACK)
    if too_far.exists():
        too_far.update(lease_until=LEASE_END)


def _over_for(time: timedelta) -> Q:
    return Q(lease_until__lt=Now() - time)


def _revoke(batch: Batch) -> bool:
    """Take a batch from an owner on this machine that stands still, if its recorder is of this batch."""
    number = batch.worker.split("/")[1]
    record = flight_recorder.revoke(flight(int(number)), batch.pk, batch.token)
    return record is not None and _give_up(batch, record)


def _give_up(batch: Batch, record: Record | None) -> bool:
    """Recover a batch whose owner may live, unless it stands still in the middle of a transaction.

    Locked rows are skipped: a stopped owner may still hold them, and waiting would block this sweep.
    """
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        is_free = Batch.objects.filter(pk=batch.pk).select_for_update(skip_locked=skip).first()
        return bool(is_free) and recover(batch, record)


def recover_slot(worker: str, number: int) -> int:
    """Recover what a predecessor left leased. Only the holder of the slot may call this.

    It is dead, unless its lock file was deleted: so its record is revoked before it is read. What our recorder has no
    record of may be sent by a machine that was made as a copy of this one, with its name: its lease tells.
    """
    ours = Q(worker__startswith=worker)
    over = {batch.pk for batch in _leased(ours & Q(lease_until__lt=Now()))}
    recovered = 0
    for batch in _leased(ours):
        record = flight_recorder.revoke(flight(number), batch.pk, batch.token)
        if record or batch.pk in over:
            recovered += recover(batch, record)
    return recovered


def _leased(owners: Q) -> list[Batch]:
    return list(Batch.objects.filter(owners, state=Batch.State.LEASED).order_by("pk"))


def recover(batch: Batch, record: Record | None) -> bool:
    """Open the batch of an owner who was given up again, each row of its open windows settled by its recorder.

    Without a record of this very holding, all rows behind the cursor that have no answer are uncertain, but for those
    that the history of the recorder knows: the ledger may come from a backup of the moment when they were on their way.
    Rows before it stay in the queue. The new token makes a late intent of the old owner fail.
    Return False if another was first.
    """
    knows = record is not None and record.tells_of(batch.pk, batch.token)
    former = None if knows else _remembered(batch)
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)
        held = mine.select_for_update().first()  # an owner that lives may have moved its cursor since
        values = {"cursor": F("lo")} if knows else {}
        if held is None or not mine.update(
            state=Batch.State.OPEN, token=F("token") + 1, worker="", lease_until=None, in_flight=0, **values
        ):
            return False
        results = list(_known(held, record if knows else None, former))
        write_results(Batch.objects.get(pk=batch.pk), results)
    lost = sum(result.state == Delivery.State.UNCERTAIN for result in results)
    log.warning("batch %s: its owner was given up; %d answers recovered, %d uncertain", batch, len(results), lost)
    return True


RECORDED = "the worker died before the answer was written down"
UNRECORDED = "the worker died, and nothing tells whether this copy had left"
TOLD_LATE = "the worker's machine was cut off, and has told this of the copy since"
HOLDING_OF = "#"  # in the place of a provider's id, between the worker and the number of whose holding a row was
RESTORED = "on its way when the backup was made, and nothing tells whether this copy has left since"
STATE_OF = {
    Mark.HANDED_OVER: Delivery.State.UNCERTAIN,
    Mark.UNCERTAIN: Delivery.State.UNCERTAIN,
    Mark.SENT: Delivery.State.SENT,
    Mark.FAILED: Delivery.State.FAILED,
    Mark.DEFERRED: Delivery.State.DEFERRED,
}


def _remembered(batch: Batch) -> Record | None:
    """Return what the history of a slot of this machine has of a holding that has ended there."""
    name, _, rest = batch.worker.partition("/")
    number = rest.partition("/")[0]
    return (
        flight_recorder.remembered(flight(int(number)), batch.pk, batch.token) if name == machine() and number else None
    )


def _known(batch: Batch, record: Record | None, former: Record | None) -> Iterator[Result]:
    """Yield what is known of the rows of the open windows; a row that certainly never left yields nothing.

    A record counts for all rows: marks beyond the cursor are of a ledger that was restored, and have left. What has no
    mark in a former record may have left since.
    """
    known = record or former
    end = batch.hi if known else batch.cursor
    window = Delivery.objects.filter(
        mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=end, attempts__lt=batch.pass_no
    )
    for seq in window.filter(state__in=WAITING).values_list("seq", flat=True):
        mark = known.mark(seq) if known else Mark.WAITING
        if mark in STATE_OF:
            yield Result(seq, STATE_OF[mark], RECORDED)
        elif not record and seq < batch.cursor:
            words, holding = (RESTORED, "") if former else (UNRECORDED, f"{batch.worker}{HOLDING_OF}{batch.token}")
            yield Result(seq, Delivery.State.UNCERTAIN, words, holding)


def settle_unrecorded(worker: str, number: int, now: datetime) -> int:
    """Settle rows that another machine gave up without our record, by that record; return how many.

    worker: as of `slot`; only its holder may call this. What was handed over and has no answer stays uncertain, for
    that reason.
    """
    settled = 0
    for batch in Batch.objects.filter(uncertain__gt=0).order_by("pk"):
        rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
        ours = rows.filter(state=Delivery.State.UNCERTAIN, provider_id__startswith=worker).order_by(
            "provider_id", "attempts"
        )
        holdings = groupby(ours.values_list("provider_id", "attempts", "seq"), key=itemgetter(0, 1))
        for (holding, attempt), found in holdings:
            token = holding.rpartition(HOLDING_OF)[2]
            record = flight_recorder.revoke(flight(number), batch.pk, int(token)) if token.isdigit() else None
            if record:
                settled += _settle_by(record, batch, [seq for _holding, _attempt, seq in found], attempt, now)
    return settled


def _settle_by(record: Record, batch: Batch, rows: Sequence[int], attempt: int, now: datetime) -> int:
    """Let a record settle uncertain rows of a holding that was given up without it."""
    marks = {seq: record.mark(seq) for seq in rows}
    never_left = [seq for seq, mark in marks.items() if mark is Mark.WAITING]
    on_the_wire = [seq for seq, mark in marks.items() if STATE_OF.get(mark) == Delivery.State.UNCERTAIN]
    known = {
        seq: Evidence(KNOWN_OF[STATE_OF[mark]], now, TOLD_LATE, attempt=attempt)
        for seq, mark in marks.items()
        if STATE_OF.get(mark) in KNOWN_OF
    }
    with transaction.atomic():
        held = Batch.objects.select_for_update().get(pk=batch.pk)
        settled = uncertain.settle_late(held, known)
        settled += uncertain.take_back(held, never_left, Evidence(Known.NEVER_LEFT, now, attempt=attempt))
        left = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__in=on_the_wire, attempts=attempt)
        left.filter(state=Delivery.State.UNCERTAIN).update(reply=RECORDED, provider_id="")  # it is asked no more
    log.warning("batch %s: a machine that was cut off has told of %d of its copies", batch, settled)
    return settled


def reopen(now: datetime) -> None:
    """Go on with a closed mailing one of whose copies was, by a late answer, not accepted for now.

    Not beside another open mailing of its issue: then its turn comes when that one is closed.
    """
    for mailing in Mailing.objects.filter(state=Mailing.State.SENT, batches__state=Batch.State.OPEN).distinct():
        beside = Mailing.objects.open().filter(issue_id=mailing.issue_id, kind=mailing.kind)
        values = {"state": Mailing.State.SENDING, "finished_at": None, "counted_at": None}
        with suppress(IntegrityError), transaction.atomic():  # another one may be opened in this very moment
            mailing.lock()
            if Mailing.objects.filter(~Exists(beside), pk=mailing.pk, state=Mailing.State.SENT).update(**values):
                mailing.record(Step.What.RESUMED, at=now)


def settle_cancelled() -> None:
    """Skip what a cancelled mailing did not send, batch by batch, once no worker holds the batch."""
    left = Batch.objects.filter(mailing__state=Mailing.State.CANCELLED, state=Batch.State.OPEN)
    for batch in left.order_by("pk"):
        with apart(f"settling {batch}"), transaction.atomic():
            mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.OPEN)
            if mine.update(state=Batch.State.DONE, token=F("token") + 1):
                batch.count(_cancelled(batch))


def _cancelled(batch: Batch) -> Counter[Delivery.State]:
    """Give the rows that wait their end; one that waited to be sent again is what it was: uncertain."""
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    uncertain = rows.filter(WAITS_AGAIN).update(state=Delivery.State.UNCERTAIN)
    waiting = rows.filter(state__in=WAITING)
    skipped = waiting.update(state=Delivery.State.SKIPPED, reply="the mailing was cancelled")
    return Counter({Delivery.State.SKIPPED: skipped, Delivery.State.UNCERTAIN: uncertain})


STALLED_AFTER = timedelta(seconds=90)
MOVES = (Step.What.BEGUN, Step.What.RESUMED, Step.What.AGAIN)  # a lane has this long after each of these


def stalled_mailings(now: datetime) -> MailingQuerySet:
    """Return those that a lane could have gone on with for STILL; ask only when none has done anything for so long."""
    before = now - STALLED_AFTER
    waits = Q(retry_at__gt=before)
    rows = Batch.objects.filter(mailing=OuterRef("pk"))
    could = rows.filter(Q(state=Batch.State.LEASED) | Q(pk__in=Batch.objects.ready(before).values("pk")))
    moved = Step.objects.filter(mailing=OuterRef("pk"), what__in=MOVES, at__gt=before, at__lte=now)
    return Mailing.objects.filter(Exists(could), ~Exists(moved), state=Mailing.State.SENDING).exclude(waits)
