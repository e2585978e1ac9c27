"""The lane: claim a batch, commit the intent, hand over, record the answers, again.

Why nobody gets two copies: a row is handed over only by the holder of the token that durably moved the
cursor over it, and nothing moves a cursor back over a row that may have been handed over.
Why nobody is forgotten: every row without a final state is in an open or a leased batch, and every
leased batch has an owner that is known to be dead when it is (ledger/recovery.py).
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import LaneEnds, Result, Row
from newsletter.delivery.ledger.flight_recorder import Mark, Recorder
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.provider.outcomes import Answer, HandOverForbidden, Outcome, ProviderAway, ProviderRefuses
from newsletter.delivery.rate import NAP_SECONDS, Pacer, is_throttling
from newsletter.delivery.sending.couriers import Courier, Reports
from newsletter.publication.heartbeats import Part, beat, show

log = logging.getLogger(__name__)

DATABASE_RETRY_SECONDS = (0.2, 0.5, 1, 2, 5, 10)  # seconds between tries to save results when the database is away
LEASE_SECONDS = 10  # between the renewals of a lease while a window waits for its turn
GONE = "left, paused or suppressed since the issue was begun"


class DayIsFull(LaneEnds):
    """A new sender domain has sent what it may send today."""


class Holding:
    """The batch that this worker holds: commits intents ahead of the sending, and results behind it.

    writer: where the ledger is written, one step after the other; a thread of its own in a lane.
    """

    def __init__(self, batch: Batch, window: int, writer: Executor, pacer: Pacer) -> None:
        self.batch, self.window, self.writer, self.pacer = batch, window, writer, pacer
        self.results: list[Result] = []  # not yet recorded
        self.unanswered: dict[int, None] = {}  # intended, in order, and without a result
        self.pending: Future[list[Row]] | None = None
        self.is_through = False
        self.times: deque[float] = deque()  # when the rows of the window may leave
        self.renew_at = time.monotonic() + LEASE_SECONDS

    def _intend(self) -> None:
        results, self.results = self.results, []
        step = partial(claims.intend, self.batch, results, self.pacer.window(self.window), timezone.now())
        self.renew_at = time.monotonic() + LEASE_SECONDS
        self.pending = self.writer.submit(with_retries, step)

    def _intended(self) -> list[Row]:
        """Return the rows of the window that was asked for last, now that its intent is durable."""
        assert self.pending is not None  # noqa: S101 - asked for before, by `rows`
        pending, self.pending = self.pending, None
        rows = pending.result()
        self.unanswered.update((row.seq, None) for row in rows)
        return rows

    def rows(self, is_over: Callable[[], bool]) -> Iterator[Row]:
        """Yield the rows of the batch, each after its intent is durable, until they end or `is_over`.

        Raises LaneEnds when the batch is no longer ours, its mailing has stopped or its day is full.
        """
        self._intend()
        while rows := self._intended():
            self._reserve([row.email for row in rows if row.is_mailable], is_over)
            is_last = self.batch.cursor >= self.batch.hi
            if not is_last:
                self._intend()
            for row in rows:
                if is_over():
                    return
                if not row.is_mailable:
                    self.answer(Result(row.seq, Delivery.State.SKIPPED, GONE))
                elif self._has_come(row, is_over):
                    yield row
                else:
                    return
            if is_last:
                break
        self.is_through = True

    def _reserve(self, emails: list[str], is_over: Callable[[], bool]) -> None:
        """Wait until these messages have places, most of them near; or until `is_over`."""
        if self.pacer.is_free(len(emails)):
            self.times = deque([time.monotonic()] * len(emails))
            return
        while not is_over():
            places = self._written(partial(self.pacer.ask, emails))
            if not places.again_in:
                self.times = deque(places.times)
                return
            self._nap(places.again_in)

    def _has_come(self, row: Row, is_over: Callable[[], bool]) -> bool:
        """Wait for the row's turn; return False if it is over before."""
        if not self.times:
            raise DayIsFull("the day is full")
        while (left := self.times[0] - time.monotonic()) > 0:
            if is_over():
                return False
            self._nap(left)
        self.times.popleft()
        return True

    def _nap(self, seconds: float) -> None:
        """Wait a little, which is what a rate limit is, with the lease kept."""
        self._keep()
        time.sleep(min(seconds, NAP_SECONDS))  # short, so that a pause is noticed

    def _keep(self) -> None:
        show()
        if time.monotonic() >= self.renew_at:
            self.renew_at = time.monotonic() + LEASE_SECONDS
            self._written(partial(claims.renew, self.batch))

    def keep(self) -> None:
        """Renew the lease in time while answers are waited for; if it is lost, the next intent fails."""
        with suppress(LaneEnds):
            self._keep()

    def _written[T](self, step: Callable[[], T]) -> T:
        return self.writer.submit(with_retries, step).result()

    def _is_lost(self) -> bool:
        return self._written(partial(claims.is_lost, self.batch))

    def answer(self, result: Result) -> None:
        self.unanswered.pop(result.seq, None)
        self.results.append(result)

    def settle(self, never_left: Callable[[Iterable[int]], Sequence[int]] = tuple) -> None:
        """Record what is left; then close the batch, or give it back.

        Rows without an answer were certainly not handed over: the cursor goes back before the first of them.
        never_left: which of them the recorder confirms, asked after it is known that the batch is another's.
        """
        if self.pending is not None:
            with suppress(LaneEnds):
                self._intended()
        if self.times:
            self._written(partial(self.pacer.give_back, len(self.times)))
        if self.unanswered and self._is_lost():
            self._written(partial(claims.take_back, self.batch, never_left(self.unanswered)))
        results, self.results = self.results, []
        if self.is_through and not self.unanswered:
            step = partial(claims.close, self.batch, results, timezone.now())
        else:
            step = partial(claims.release, self.batch, results, cursor=min(self.unanswered, default=None))
        self._written(step)


def with_retries[T](step: Callable[[], T]) -> T:
    """Run a database step that can run twice, again and again while the database is away or locked."""
    for seconds in DATABASE_RETRY_SECONDS:
        show()
        try:
            _make_commits_durable()
            return step()
        except (OperationalError, InterfaceError):
            log.warning("the database is away; results wait %s s", seconds)
            hang_up()
            time.sleep(seconds)  # the only thing this worker has to do is not to lose these results
    return step()


def hang_up() -> None:
    """Close a database connection that may be dead: Django would go on using it."""
    if not connection.in_atomic_block:
        connection.close()


def _make_commits_durable() -> None:
    """Have SQLite wait for the disk at each commit: an intent must outlive a power cut.

    Asked before every step, because a new connection begins without.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


STATE_SECONDS = 1  # between looks at the mailing's state
UNCERTAIN_IN_A_ROW = 3  # wake-ups that ended in silence after a final dot before the author is asked
STATE_OF = {answer: Delivery.State[answer.name] for answer in Answer}
MARK_OF = {answer: Mark[answer.name] for answer in Answer}


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
        self.reports = Reports(on_answer=self._mark, on_throttling=self._slow_down)
        courier.stop_deadline.is_stopping = self._is_ending
        self.silence, self.is_revoked = "", False
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
        now = time.monotonic()
        return bool(self.silence) or now >= until or self._is_ending() or self._was_stopped(now)

    def _is_ending(self) -> bool:
        return self.is_revoked or self.is_stopping()

    def _was_stopped(self, now: float) -> bool:
        """Return whether the author stopped the mailing, asked anew each second: a window may last much longer."""
        if not self.has_stopped and now >= self.ask_at:
            self.ask_at = now + STATE_SECONDS
            try:
                self.has_stopped = not Mailing.objects.filter(pk=self.mailing.pk, state=Mailing.State.SENDING).exists()
            except (OperationalError, InterfaceError):  # the next intent fails too, or the next look succeeds
                hang_up()
        return self.has_stopped

    def _claim(self) -> Batch | None:
        step = partial(claims.claim, self.mailing, self.worker, timezone.now())
        return self.writer.submit(with_retries, step).result()

    def _work(self, batch: Batch, until: float) -> int:
        """Deliver one batch; raise LaneEnds, with everything recorded, when there is a reason to stop.

        Any other exception leaves the batch leased, as if the process had died: the ledger may know less
        than the flight recorder, by which recovery then finds out which rows left.
        """
        self.recorder.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        holding = Holding(batch, self.courier.window, self.writer, self.pacer)
        self.courier.stop_deadline.on_wait = holding.keep
        answered, end = 0, None
        try:
            rows = holding.rows(partial(self._is_over, until))
            for seq, outcome in self.courier.deliver(rows, self._hand_over, self.reports):
                holding.answer(self._result(seq, outcome))
                beat(Part.LANES)
                show()
                answered += 1
        except HandOverForbidden:
            end = LaneEnds("it stood still, and was given up")
        except (LaneEnds, ProviderAway, ProviderRefuses) as reason:
            end = self._end_for(reason)
        holding.settle(self.recorder.never_left)
        if end:
            raise end
        self._look_back(answered)
        return answered

    def _end_for(self, reason: LaneEnds | ProviderAway | ProviderRefuses) -> LaneEnds:
        """Write to the mailing why its provider takes no more; return what ends the lane."""
        if isinstance(reason, DayIsFull) and (end := self.pacer.end_of_day(timezone.now())):
            self._later(self.mailing.wait_until, *end)
        if isinstance(reason, LaneEnds):
            return reason
        if isinstance(reason, ProviderAway):
            self._slow_down(str(reason), at_once=True)
            self._later(self.mailing.wait_for_provider, timezone.now(), str(reason))
            return LaneEnds("the provider is away")
        self._later(self.mailing.pause, str(reason))
        return LaneEnds("the provider refuses us")

    def _slow_down(self, words: str, *, at_once: bool = False) -> None:
        """Slow all workers down when a provider's words ask for it."""
        if is_throttling(words):
            self._later(partial(self.pacer.slow_down, words, at_once=at_once))

    def _hand_over(self, seq: int) -> bool:
        """Return whether a message may leave: not if this lane stood still and was given up meanwhile."""
        self.is_revoked = not self.recorder.hand_over(seq)
        return not self.is_revoked

    def _mark(self, seq: int, outcome: Outcome) -> None:
        self.recorder.mark(seq, MARK_OF[outcome.answer])

    def _result(self, seq: int, outcome: Outcome) -> Result:
        self._mark(seq, outcome)
        if outcome.answer is Answer.UNCERTAIN:
            self.silence = outcome.reply
        if outcome.answer is Answer.DEFERRED:
            self._slow_down(outcome.reply)
        return Result(seq, STATE_OF[outcome.answer], outcome.reply, outcome.provider_id)

    def _look_back(self, answered: int) -> None:
        """Wait after a missing reply: a provider that is out of order would make one copy after the other uncertain."""
        if self.silence and not self._is_ending():
            self._later(self.mailing.wait_for_provider, timezone.now(), self.silence)
            if self.mailing.provider_failures >= UNCERTAIN_IN_A_ROW:
                self._later(self.mailing.pause, self.silence)
            raise LaneEnds("no answer after the final dot")
        if answered:
            self._later(self.mailing.provider_answers)

    def _later(self, step: Callable[..., object], *details: object) -> None:
        self.writer.submit(with_retries, partial(step, *details)).result()
