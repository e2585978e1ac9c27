"""The lane: claim a batch, commit the intent, hand over, record the answers, again.

Why nobody gets two copies: a row is handed over only by the holder of the token that durably moved the
cursor over it, and nothing moves a cursor back over a row that may have been handed over.
Why nobody is forgotten: every row without a final state is in an open or a leased batch, and every
leased batch has an owner that is known to be dead when it is (recovery.py).

While one window of rows is on the wire, the ledger's own thread commits the intent for the next one
together with the answers that have come in: one wait for the disk a window, none of it on the wire's time.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from newsletter.delivery import ledger
from newsletter.delivery.couriers import Courier
from newsletter.delivery.ledger import LaneEnds, Recipient, Result
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.pace import Pacer
from newsletter.delivery.recorder import Mark, Recorder
from newsletter.delivery.transports import Answer, Outcome, ProviderAway, ProviderRefuses

log = logging.getLogger(__name__)

DATABASE_PATIENCE = (0.2, 0.5, 1, 2, 5, 10)  # seconds between tries to save results when the database is away
STATE_SECONDS = 1  # between looks at the mailing's state
UNCERTAIN_IN_A_ROW = 3  # wake-ups that ended in silence after a final dot before the author is asked
STATE_OF = {
    Answer.SENT: Delivery.State.SENT,
    Answer.FAILED: Delivery.State.FAILED,
    Answer.DEFERRED: Delivery.State.DEFERRED,
    Answer.UNCERTAIN: Delivery.State.UNCERTAIN,
}
MARK_OF = {
    Answer.SENT: Mark.SENT,
    Answer.FAILED: Mark.FAILED,
    Answer.DEFERRED: Mark.DEFERRED,
    Answer.UNCERTAIN: Mark.UNCERTAIN,
}
GONE = "left, paused or suppressed since the issue was begun"


class Holding:
    """A batch in this worker's hands: intents ahead of the wire, results behind it.

    writer: where the ledger is written, one step after the other; a thread of its own in a lane.
    """

    def __init__(self, batch: Batch, window: int, writer: Executor, pacer: Pacer) -> None:
        self.batch, self.window, self.writer, self.pacer = batch, pacer.window(window), writer, pacer
        self.results: list[Result] = []  # not yet recorded
        self.unanswered: dict[int, None] = {}  # intended, in order, and without a result
        self.pending: Future[list[Recipient]] | None = None
        self.is_through = False

    def _intend(self) -> None:
        results, self.results = self.results, []
        step = partial(ledger.intend, self.batch, results, self.window, timezone.now())
        self.pending = self.writer.submit(patiently, step)

    def _intended(self) -> list[Recipient]:
        """Return the rows of the window that was asked for last, now that its intent is durable."""
        assert self.pending is not None  # noqa: S101 - asked for before, by `rows`
        pending, self.pending = self.pending, None
        rows = pending.result()
        self.unanswered.update((row.seq, None) for row in rows)
        return rows

    def rows(self, is_over: Callable[[], bool]) -> Iterator[Recipient]:
        """Yield the rows of the batch, each after its intent is durable, until they end or `is_over`.

        Raises LaneEnds when the batch is no longer ours or its mailing has stopped.
        """
        self._intend()
        while rows := self._intended():
            self.writer.submit(patiently, partial(self.pacer.wait, len(rows), is_over)).result()
            self._intend()
            for row in rows:
                if is_over():
                    return
                if row.is_mailable:
                    yield row
                else:
                    self.answer(Result(row.seq, Delivery.State.SKIPPED, GONE))
        self.is_through = True

    def answer(self, result: Result) -> None:
        self.unanswered.pop(result.seq, None)
        self.results.append(result)

    def settle(self) -> None:
        """Record what is left; then close the batch, or give it back.

        Rows without an answer were certainly not handed over: the cursor goes back before the first of them.
        """
        if self.pending is not None:
            with suppress(LaneEnds):
                self._intended()
        results, self.results = self.results, []
        if self.is_through and not self.unanswered:
            step = partial(ledger.close, self.batch, results, timezone.now())
        else:
            step = partial(ledger.release, self.batch, results, cursor=min(self.unanswered, default=None))
        self.writer.submit(patiently, step).result()


class Lane:
    """One worker's way through the batches of one mailing, with one courier.

    worker: names the owner in the ledger; its lock file says whether it lives.
    is_stopping: asked before each message; True ends the lane with everything recorded.
    """

    def __init__(
        self,
        mailing: Mailing,
        courier: Courier,
        *,
        recorder: Recorder,
        writer: Executor,
        worker: str,
        is_stopping: Callable[[], bool] = lambda: False,
        pacer: Pacer | None = None,
    ) -> None:
        self.pacer = pacer or Pacer(None)
        self.mailing, self.courier, self.recorder, self.writer = mailing, courier, recorder, writer
        self.worker, self.is_stopping = worker, is_stopping
        self.silence = ""
        self.has_stopped, self.ask_at = False, time.monotonic() + STATE_SECONDS

    def run(self, seconds: float) -> int:
        """Work until nothing is ready, the mailing stops, or about `seconds` have passed; return rows answered."""
        until = time.monotonic() + seconds
        answered = 0
        try:
            while not self._is_over(until) and (batch := self._claim()):
                answered += self._work(batch, until)
        except LaneEnds as reason:
            log.info("mailing %s: the lane ends: %s", self.mailing.pk, reason)
        finally:
            self.courier.close()
        return answered

    def _is_over(self, until: float) -> bool:
        return bool(self.silence) or time.monotonic() >= until or self.is_stopping() or self._was_stopped()

    def _was_stopped(self) -> bool:
        """Return whether the author stopped the mailing, asked anew each second: a window may last much longer."""
        if not self.has_stopped and time.monotonic() >= self.ask_at:
            self.ask_at = time.monotonic() + STATE_SECONDS
            try:
                self.has_stopped = not Mailing.objects.filter(pk=self.mailing.pk, state=Mailing.State.SENDING).exists()
            except (OperationalError, InterfaceError):  # the next intent will tell, or the next look
                _hang_up()
        return self.has_stopped

    def _claim(self) -> Batch | None:
        step = partial(ledger.claim, self.mailing, self.worker, timezone.now())
        return self.writer.submit(patiently, step).result()

    def _work(self, batch: Batch, until: float) -> int:
        """Deliver one batch; raise LaneEnds, with everything recorded, when there is a reason to stop.

        Any other exception leaves the batch leased, as if the process had died: the ledger may know less
        than the flight recorder, by which recovery then tells the rows that left from those that did not.
        """
        self.recorder.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        holding = Holding(batch, self.courier.window, self.writer, self.pacer)
        answered, end = 0, None
        try:
            for seq, outcome in self.courier.deliver(holding.rows(partial(self._is_over, until)), self._hand_over):
                holding.answer(self._heard(seq, outcome))
                answered += 1
        except (LaneEnds, ProviderAway, ProviderRefuses) as reason:
            end = self._told(reason)
        holding.settle()
        if end:
            raise end
        self._look_back(answered)
        return answered

    def _told(self, reason: LaneEnds | ProviderAway | ProviderRefuses) -> LaneEnds:
        """Tell the mailing about its provider; return what ends the lane."""
        if isinstance(reason, LaneEnds):
            return reason
        if isinstance(reason, ProviderAway):
            self._later(self.mailing.wait_for_provider, timezone.now(), str(reason))
            return LaneEnds("the provider is away")
        self._later(self.mailing.pause, str(reason))
        return LaneEnds("the provider refuses us")

    def _hand_over(self, seq: int) -> None:
        self.recorder.mark(seq, Mark.HANDED_OVER)

    def _heard(self, seq: int, outcome: Outcome) -> Result:
        self.recorder.mark(seq, MARK_OF[outcome.answer])
        if outcome.answer is Answer.UNCERTAIN:
            self.silence = outcome.reply
        return Result(seq, STATE_OF[outcome.answer], outcome.reply, outcome.provider_id)

    def _look_back(self, answered: int) -> None:
        """Leave a provider alone that fell silent, lest a broken one makes a row of uncertain rows."""
        if self.silence:
            self._later(self.mailing.wait_for_provider, timezone.now(), self.silence)
            if self.mailing.provider_failures >= UNCERTAIN_IN_A_ROW:
                self._later(self.mailing.pause, self.silence)
            raise LaneEnds("no answer after the final dot")
        if answered:
            self._later(self.mailing.provider_answers)

    def _later(self, step: Callable[..., object], *details: object) -> None:
        self.writer.submit(patiently, partial(step, *details)).result()


def patiently[T](step: Callable[[], T]) -> T:
    """Run a database step that can run twice, again and again while the database is away or locked."""
    for seconds in DATABASE_PATIENCE:
        try:
            _make_commits_durable()
            return step()
        except (OperationalError, InterfaceError):
            log.warning("the database is away; results wait %s s", seconds)
            _hang_up()
            time.sleep(seconds)  # the only thing this worker has to do is not to lose these results
    return step()


def _hang_up() -> None:
    """Give a connection up that may be dead, which Django would ask again and again."""
    if not connection.in_atomic_block:
        connection.close()


def _make_commits_durable() -> None:
    """Have SQLite wait for the disk at each commit: an intent must outlive a power cut.

    Asked before every step, because a new connection begins without.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
