"""The lane: claim a batch, commit the intent, hand over, record the answer, again.

Why nobody gets two copies: a row is handed over only by the holder of the token that durably moved the
cursor over it, and nothing moves a cursor back over a row that may have been handed over.
Why nobody is forgotten: every row without a final state is in an open or a leased batch, and every
leased batch has an owner that is known to be dead when it is (recovery.py).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from newsletter.delivery.models import Batch, BatchQuerySet, Delivery, Mailing
from newsletter.delivery.rendering import message
from newsletter.delivery.transports import Answer, Outcome, ProviderAway, ProviderRefuses, Transport
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)  # renewed with every window; it tells other machines that the owner died
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440)]  # about 72 h
DATABASE_PATIENCE = (0.2, 0.5, 1, 2, 5, 10)  # seconds between tries to save a result when the database is away
UNCERTAIN_IN_A_ROW = 3  # silences after the final dot, one after the other, before the author is asked
WAITING = [Delivery.State.QUEUED, Delivery.State.DEFERRED]
STATE_OF = {
    Answer.SENT: Delivery.State.SENT,
    Answer.FAILED: Delivery.State.FAILED,
    Answer.DEFERRED: Delivery.State.DEFERRED,
    Answer.UNCERTAIN: Delivery.State.UNCERTAIN,
}
COUNTER_OF = {
    Delivery.State.SENT: "sent",
    Delivery.State.FAILED: "failed",
    Delivery.State.UNCERTAIN: "uncertain",
    Delivery.State.SKIPPED: "skipped",
}


class LaneEnds(Exception):
    """The batch is another's now, the mailing was stopped, or the provider is away."""


@dataclass(frozen=True)
class Result:
    """What became of one row, to be recorded with the next commit."""

    seq: int
    state: Delivery.State
    reply: str = ""
    provider_id: str = ""


class Lane:
    """One worker's way through the batches of one mailing, over one connection.

    worker: names the owner in the ledger; its lock file says whether it lives.
    is_stopping: asked before each message; True ends the lane with everything recorded.
    """

    def __init__(
        self, mailing: Mailing, transport: Transport, *, worker: str, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.mailing = mailing
        self.transport = transport
        self.worker = worker
        self.is_stopping = is_stopping

    def run(self, seconds: float) -> int:
        """Work until nothing is ready, the mailing stops, or about `seconds` have passed; return rows answered."""
        until = time.monotonic() + seconds
        answered = 0
        try:
            while not self._is_over(until) and (batch := claim(self.mailing, self.worker, timezone.now())):
                answered += len(self._results(batch, until))
        except LaneEnds as reason:
            log.info("mailing %s: the lane ends: %s", self.mailing.pk, reason)
        finally:
            self.transport.close()
        return answered

    def _is_over(self, until: float) -> bool:
        return time.monotonic() >= until or self.is_stopping()

    def _results(self, batch: Batch, until: float) -> list[Result]:
        """Deliver the rows of a batch one after the other; each commit carries a result and the next intent."""
        results: list[Result] = []
        while not self._is_over(until):
            row = patiently(partial(intend, batch, results[-1] if results else None, timezone.now()))
            if row is None:
                patiently(partial(close, batch, timezone.now()))
                return results
            results.append(self._deliver(batch, row))
        patiently(partial(record, batch, results[-1] if results else None))
        release(batch)
        return results

    def _deliver(self, batch: Batch, row: Delivery) -> Result:
        subscriber = row.subscriber
        if subscriber is None or not Subscriber.objects.mailable(timezone.now()).filter(pk=subscriber.pk).exists():
            return Result(row.seq, Delivery.State.SKIPPED, reply="left, paused or suppressed since the issue was begun")
        try:
            outcome = self.transport.send(message(self.mailing, row, subscriber))
        except ProviderAway as problem:
            release(batch, unsent=row)
            self.mailing.wait_for_provider(timezone.now(), str(problem))
            raise LaneEnds("the provider is away") from problem
        except ProviderRefuses as problem:
            release(batch, unsent=row)
            self.mailing.pause(str(problem))
            raise LaneEnds("the provider refuses us") from problem
        result = Result(row.seq, STATE_OF[outcome.answer], outcome.reply, outcome.provider_id)
        if outcome.answer is Answer.UNCERTAIN:
            self._stop_after_silence(batch, result, outcome)
        self.mailing.provider_answers()
        return result

    def _stop_after_silence(self, batch: Batch, result: Result, outcome: Outcome) -> None:
        """Record an uncertain row and leave the provider alone, lest a broken one makes a row of them."""
        patiently(partial(record, batch, result))
        release(batch)
        self.mailing.wait_for_provider(timezone.now(), outcome.reply)
        if self.mailing.provider_failures >= UNCERTAIN_IN_A_ROW:
            self.mailing.pause(outcome.reply)
        raise LaneEnds("no answer after the final dot")


def patiently[T](action: Callable[[], T]) -> T:
    """Run a database step that can run twice, again and again while the database is away or locked."""
    for seconds in DATABASE_PATIENCE:
        try:
            return action()
        except OperationalError:
            log.warning("the database is away; a result waits %s s", seconds)
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(seconds)  # the only thing this worker has to do is not to lose this result
    return action()


def claim(mailing: Mailing, worker: str, now: datetime) -> Batch | None:
    """Take the first ready batch of `mailing` for `worker`, with a token of its own; None if there is none."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        ready = Batch.objects.ready(now).filter(mailing=mailing).order_by("no")
        batch = ready.select_for_update(skip_locked=skip).first()
        if batch is None:
            return None
        batch.token += 1
        batch.worker, batch.state, batch.lease_until = worker, Batch.State.LEASED, now + LEASE
        batch.save(update_fields=["token", "worker", "state", "lease_until"])
    return batch


def _held(batch: Batch) -> BatchQuerySet:
    return Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)


def intend(batch: Batch, result: Result | None, now: datetime) -> Delivery | None:
    """Record `result` and move the cursor over the next row that waits, in one transaction.

    Returns the row that may be handed over once this is committed, or None at the end of the batch.
    Raises LaneEnds, with the result recorded, when the batch is not ours or its mailing stopped.
    """
    with transaction.atomic():
        record(batch, result)
        row = (
            Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.cursor, seq__lt=batch.hi)
            .filter(state__in=WAITING, attempts__lt=batch.pass_no)
            .select_related("subscriber")
            .order_by("seq")
            .first()
        )
        cursor = row.seq + 1 if row else batch.hi
        is_ours = (
            _held(batch)
            .filter(mailing__state=Mailing.State.SENDING)
            .update(cursor=cursor, in_flight=1 if row else 0, lease_until=now + LEASE)
        )
    if not is_ours:
        release(batch)
        raise LaneEnds("the batch was taken over, or the mailing stopped")
    batch.cursor = cursor
    return row


def record(batch: Batch, result: Result | None) -> None:
    """Write one row's result and count it; results are applied by row, never by range.

    A row that recovery has called uncertain meanwhile is settled by its late answer.
    """
    if result is None:
        return
    with transaction.atomic():
        row = Delivery.objects.filter(mailing_id=batch.mailing_id, seq=result.seq)
        values: dict[str, object] = {
            "state": result.state,
            "attempts": batch.pass_no,
            "reply": result.reply,
            "provider_id": result.provider_id,
        }
        if result.state == Delivery.State.SENT:
            values["sent_at"] = timezone.now()
        if row.filter(state__in=WAITING, attempts__lt=batch.pass_no).update(**values):
            count(batch, result.state)
        elif row.filter(state=Delivery.State.UNCERTAIN).update(**values):
            count(batch, result.state)
            count(batch, Delivery.State.UNCERTAIN, -1)
        _held(batch).update(in_flight=0)


def count(batch: Batch, state: int, rows: int = 1) -> None:
    """Add to the counter of a final state; queued and deferred rows are what remains."""
    if counter := COUNTER_OF.get(Delivery.State(state)):
        Batch.objects.filter(pk=batch.pk).update(**{counter: F(counter) + rows})


def release(batch: Batch, *, unsent: Delivery | None = None) -> None:
    """Give a batch back. `unsent`: the row of the open window, if it was certainly not handed over."""
    values: dict[str, object] = {"state": Batch.State.OPEN, "worker": "", "lease_until": None, "in_flight": 0}
    if unsent is not None:
        values["cursor"] = unsent.seq
    _held(batch).update(**values)


def close(batch: Batch, now: datetime) -> None:
    """End a pass: done, or open again later for the rows that the provider deferred.

    After the last pass the deferred rows have failed, with the provider's last words as the reason.
    """
    values: dict[str, object] = {"worker": "", "lease_until": None, "in_flight": 0, "state": Batch.State.DONE}
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    deferred = rows.filter(state=Delivery.State.DEFERRED)
    is_last_pass = batch.pass_no > len(RETRY_AFTER)
    with transaction.atomic():
        if not is_last_pass and deferred.exists():
            not_before = now + RETRY_AFTER[batch.pass_no - 1]
            values |= {"state": Batch.State.OPEN, "cursor": batch.lo, "pass_no": batch.pass_no + 1}
            values |= {"not_before": not_before}
        if _held(batch).update(**values) and is_last_pass:
            count(batch, Delivery.State.FAILED, deferred.update(state=Delivery.State.FAILED))
