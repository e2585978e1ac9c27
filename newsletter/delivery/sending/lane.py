"""The lane: claim a batch, commit the intent, hand over, record the answers, again.

Why nobody gets two copies: a row is handed over only by the holder of the token that durably moved the
cursor over it, and nothing moves a cursor back over a row that may have been handed over.
Why nobody is forgotten: every row without a final state is in an open or a leased batch, and every
leased batch has an owner that is known to be dead when it is (ledger/recovery.py).
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import LaneEnds
from newsletter.delivery.ledger.flight_recorder import Mark, Recorder
from newsletter.delivery.ledger.results import Result
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.provider.outcomes import Answer, HandOverForbidden, Outcome, ProviderAway, ProviderRefuses
from newsletter.delivery.rate.limiter import Pacer, is_throttling
from newsletter.delivery.sending.batch_run import DayIsFull, Holding, hang_up, with_retries
from newsletter.delivery.sending.couriers import Courier, Reports
from newsletter.publication.heartbeats import Part, beat

log = logging.getLogger(__name__)

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
        if isinstance(reason, DayIsFull):
            self._wait_for_tomorrow()
        if isinstance(reason, LaneEnds):
            return reason
        if isinstance(reason, ProviderAway):
            self._slow_down(str(reason), at_once=True)
            self._later(self.mailing.wait_for_provider, timezone.now(), str(reason))
            return LaneEnds("the provider is away")
        self._later(self.mailing.pause, str(reason))
        return LaneEnds("the provider refuses us")

    def _wait_for_tomorrow(self) -> None:
        if end := self.pacer.end_of_day(timezone.now()):
            self._later(self.mailing.wait_until, *end)

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
