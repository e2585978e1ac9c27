"""A lane: claims a batch, commits intents, hands messages over, records results, and repeats.

Why nobody gets two copies: a row is handed over only by the holder of the token that durably moved the
cursor over it, and nothing moves a cursor back over a row that may have been handed over.
Why nobody is forgotten: every row without a final state is in an open or leased batch, and the owner of every leased
batch is known to be dead if it is (ledger/recovery.py).
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from newsletter.background import machines
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import DeliveryResult, DeliveryRow, LaneEnded
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.provider.outcomes import (
    HandOverForbidden,
    ProviderRejection,
    ProviderUnavailable,
    SendOutcome,
    SendStatus,
)
from newsletter.delivery.rate import NAP_SECONDS, RateLimiter, is_throttling
from newsletter.delivery.sending.couriers import Courier, CourierCallbacks
from newsletter.mail.mailers import provider_label
from newsletter.publication.heartbeats import Component, beat, record_heartbeat
from subscribers import pending_unsubscribes

log = logging.getLogger(__name__)

DATABASE_RETRY_SECONDS = (0.2, 0.5, 1, 2, 5, 10)  # between tries to save results while the database is away
LEASE_SECONDS = 10  # between renewals of the lease while a window waits for its rate limit
SKIPPED_REPLY = "left, paused or suppressed since the issue was begun"


class DailyLimitReached(LaneEnded):
    """The warm-up's limit for today is reached."""


class HeldBatch:
    """The leased batch: commits intents before sending, and results after it.

    writer: executes ledger writes in order; a thread in a lane.
    """

    def __init__(self, batch: Batch, window: int, writer: Executor, rate_limiter: RateLimiter) -> None:
        self.batch, self.window, self.writer, self.rate_limiter = batch, window, writer, rate_limiter
        self.results: list[DeliveryResult] = []  # not committed yet
        self.without_result: dict[int, None] = {}  # seqs of intended rows without a result, in order
        self.pending: Future[list[DeliveryRow]] | None = None
        self.is_finished = False
        self.times: deque[float] = deque()  # when the rows of the window may leave
        self.renew_at = time.monotonic() + LEASE_SECONDS

    def _request_intent(self) -> None:
        results, self.results = self.results, []
        size = self.rate_limiter.window_size(self.window)
        step = partial(_commit_intent, self.batch, results, size, timezone.now())
        self.renew_at = time.monotonic() + LEASE_SECONDS
        self.pending = self.writer.submit(run_with_retries, step)

    def _await_intent(self) -> list[DeliveryRow]:
        assert self.pending is not None  # noqa: S101 - asked for before, by `rows`
        pending, self.pending = self.pending, None
        rows = pending.result()
        self.without_result.update((row.seq, None) for row in rows)
        return rows

    def rows(self, is_over: Callable[[], bool]) -> Iterator[DeliveryRow]:
        """Yield the rows of the batch, each after its intent is durable, until the end or `is_over`.

        Raises LaneEnded if the batch was taken over, the mailing stopped, or the daily limit is reached.
        """
        self._request_intent()
        while rows := self._await_intent():
            self._reserve([row.email for row in rows if row.is_mailable], is_over)
            is_last = self.batch.cursor >= self.batch.hi
            if not is_last:
                self._request_intent()
            for row in rows:
                if is_over():
                    return
                if not row.is_mailable:
                    self.add_result(DeliveryResult(row.seq, Delivery.State.SKIPPED, SKIPPED_REPLY))
                elif self._wait_for_turn(row, is_over):
                    yield row
                else:
                    return
            if is_last:
                break
        self.is_finished = True

    def _reserve(self, emails: list[str], is_over: Callable[[], bool]) -> None:
        """Wait until sending times are reserved for these messages, or `is_over`."""
        if self.rate_limiter.count_if_unlimited(len(emails)):
            self.times = deque([time.monotonic()] * len(emails))
            return
        while not is_over():
            reserved = self._run_in_writer(partial(self.rate_limiter.reserve_times, emails))
            if not reserved.retry_in:
                self.times = deque(reserved.times)
                return
            self._sleep_and_renew(reserved.retry_in)

    def _wait_for_turn(self, row: DeliveryRow, is_over: Callable[[], bool]) -> bool:
        if not self.times:
            raise DailyLimitReached("the day is full")
        while (left := self.times[0] - time.monotonic()) > 0:
            if is_over():
                return False
            self._sleep_and_renew(left)
        self.times.popleft()
        return True

    def _sleep_and_renew(self, seconds: float) -> None:
        self._renew_lease()
        time.sleep(min(seconds, NAP_SECONDS))  # short, to notice a pause

    def _renew_lease(self) -> None:
        record_heartbeat()
        if time.monotonic() >= self.renew_at:
            self.renew_at = time.monotonic() + LEASE_SECONDS
            self._run_in_writer(partial(claims.renew_lease, self.batch))

    def keep(self) -> None:
        """Renew the lease while waiting for replies. If it is lost, the next intent fails."""
        with suppress(LaneEnded):
            self._renew_lease()

    def _run_in_writer[T](self, step: Callable[[], T]) -> T:
        return self.writer.submit(run_with_retries, step).result()

    def add_result(self, result: DeliveryResult) -> None:
        self.without_result.pop(result.seq, None)
        self.results.append(result)

    def settle(self, never_left: Callable[[Iterable[int]], Sequence[int]] = tuple) -> None:
        """Commit the remaining results; then close the batch, or give it back.

        Rows without a result were certainly not handed over: the cursor moves back to the first of them.
        never_left: the rows that the recorder confirms; called if the batch was taken over.
        """
        if self.pending is not None:
            with suppress(LaneEnded):
                self._await_intent()
        if self.times:
            self._run_in_writer(partial(self.rate_limiter.uncount_unsent, len(self.times)))
        if bool(self.without_result) and self._run_in_writer(partial(claims.has_lost_batch, self.batch)):
            self._run_in_writer(partial(claims.requeue_never_left, self.batch, never_left(self.without_result)))
        results, self.results = self.results, []
        if self.is_finished and not self.without_result:
            step = partial(claims.close_pass, self.batch, results, timezone.now())
        else:
            step = partial(claims.release_batch, self.batch, results, cursor=min(self.without_result, default=None))
        self._run_in_writer(step)


def _commit_intent(batch: Batch, results: Sequence[DeliveryResult], size: int, now: datetime) -> list[DeliveryRow]:
    """Commit an intent, without those who left by this machine while the database could not be written."""
    pending_unsubscribes.process_pending()
    return claims.commit_intent(batch, results, size, now)


def run_with_retries[T](step: Callable[[], T]) -> T:
    """Run an idempotent database step, with retries while the database is away or locked."""
    for seconds in DATABASE_RETRY_SECONDS:
        record_heartbeat()
        try:
            _make_commits_durable()
            return step()
        except (OperationalError, InterfaceError):
            log.warning("the database is unavailable; results are saved in %s s", seconds)
            close_dead_connection()
            time.sleep(seconds)  # nothing matters more than these results
    return step()


def close_dead_connection() -> None:
    """Close a database connection that may be dead: Django would keep using it."""
    if not connection.in_atomic_block:
        connection.close()


def _make_commits_durable() -> None:
    """Let SQLite sync the disk at each commit: an intent must survive a power cut.

    Set before every step, because a new connection starts without it.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


STATE_SECONDS = 1  # between checks of the mailing's state
SILENT_LANES_MAX = 3  # lanes in a row that ended without a final reply, until the mailing is paused
STATE_OF_STATUS = {status: Delivery.State[status.name] for status in SendStatus}
MARK_OF_STATUS = {status: RowMark[status.name] for status in SendStatus}


type EndReason = LaneEnded | ProviderUnavailable | ProviderRejection


class Lane:
    """Works through the batches of one mailing with one courier.

    worker: the owner's name in the ledger; its lock file shows whether it is alive.
    is_stopping: checked before each message; True ends the lane after recording everything.
    """

    def __init__(
        self,
        mailing: Mailing,
        courier: Courier,
        *,
        recorder: FlightRecorder,
        writer: Executor,
        worker: str,
        is_stopping: Callable[[], bool] = lambda: False,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        self.rate_limiter = rate_limiter or RateLimiter(None)
        self.mailing, self.courier, self.recorder, self.writer = mailing, courier, recorder, writer
        self.worker, self.is_stopping = worker, is_stopping
        courier.callbacks = CourierCallbacks(on_reply=self._mark, on_throttling=self._slow_down)
        courier.stop_control.is_stopping = self._is_ending
        self.missing_reply, self.is_revoked = "", False
        self.has_stopped, self.check_at = False, time.monotonic() + STATE_SECONDS

    def run(self, seconds: float) -> int:
        """Work until nothing is ready, the mailing stops, or about `seconds` have passed; return rows with results."""
        until = time.monotonic() + seconds
        count = 0
        try:
            while not self._is_over(until) and (batch := self._claim()):
                count += self._work(batch, until)
        except LaneEnded as reason:
            log.info("mailing %s: the lane ends: %s", self.mailing.pk, reason)
        finally:
            self.courier.close()
        return count

    def _is_over(self, until: float) -> bool:
        now = time.monotonic()
        return bool(self.missing_reply) or now >= until or self._is_ending() or self._was_stopped(now)

    def _is_ending(self) -> bool:
        return self.is_revoked or self.is_stopping()

    def _was_stopped(self, now: float) -> bool:
        """Whether the author stopped the mailing, or this machine differs from the web server.

        Queried every STATE_SECONDS, as a window may last much longer.
        """
        if not self.has_stopped and now >= self.check_at:
            self.check_at = now + STATE_SECONDS
            try:
                is_sending = Mailing.objects.filter(pk=self.mailing.pk, state=Mailing.State.SENDING).exists()
                self.has_stopped = not is_sending or not machines.may_send()
            except (OperationalError, InterfaceError):  # the next intent fails too, or the next check succeeds
                close_dead_connection()
        return self.has_stopped

    def _claim(self) -> Batch | None:
        return self._run_in_writer(claims.claim_batch, self.mailing, self.worker, timezone.now())

    def _work(self, batch: Batch, until: float) -> int:
        """Deliver one batch; raise LaneEnded, after recording everything, if the lane must stop.

        Any other exception leaves the batch leased, as if the process had died: recovery then settles the rows by the
        flight recorder, which may know more than the ledger.
        """
        self.recorder.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        holding = HeldBatch(batch, self.courier.window, self.writer, self.rate_limiter)
        self.courier.stop_control.call_while_waiting = holding.keep
        count = 0
        reason: EndReason | None = None
        try:
            rows = holding.rows(partial(self._is_over, until))
            for seq, outcome in self.courier.deliver(rows, self._hand_over):
                holding.add_result(self._result(seq, outcome))
                beat(Component.LANES)
                record_heartbeat()
                count += 1
        except HandOverForbidden:
            reason = LaneEnded("it stalled, and its batch was taken over")
        except (LaneEnded, ProviderUnavailable, ProviderRejection) as problem:
            reason = problem
        end = self._record_end(reason)
        holding.settle(self.recorder.never_left)
        if end:
            raise end
        if count:
            self._run_in_writer(self.mailing.reset_backoff)
        return count

    def _record_end(self, reason: EndReason | None) -> LaneEnded | None:
        """Record on the mailing why sending stops; return the exception that ends the lane, None if nothing does.

        A missing reply counts whatever else the courier raised: where every connection breaks, the provider counts as
        unavailable too.
        """
        if isinstance(reason, ProviderUnavailable):
            self._slow_down(str(reason), at_once=True)
        if isinstance(reason, ProviderRejection):
            self._run_in_writer(self.mailing.pause, str(reason))
            return LaneEnded("the provider refuses us")
        if self.missing_reply and not self._is_ending():
            return self._record_silence()
        if isinstance(reason, ProviderUnavailable):
            self._run_in_writer(self.mailing.wait_for_provider, timezone.now(), str(reason))
            return LaneEnded("the provider is unavailable")
        if isinstance(reason, DailyLimitReached) and (wait := self.rate_limiter.daily_limit_wait(timezone.now())):
            self._run_in_writer(self.mailing.wait_until, *wait)
        return reason

    def _record_silence(self) -> LaneEnded:
        """Back off, and in the end pause: a broken provider would make more and more deliveries uncertain.

        The log names the provider: a mail to the author would go by the same one.
        """
        mailing, reply, mailer = self.mailing, self.missing_reply, self.mailing.mailer
        self._run_in_writer(mailing.wait_for_provider, timezone.now(), reply)
        is_too_often = mailing.provider_failures >= SILENT_LANES_MAX
        if is_too_often and self._run_in_writer(mailing.pause, reply, Mailing.Cause.SILENT):
            about = (mailing.issue.number, mailing.pk, provider_label(settings.MAILERS[mailer]), reply)
            log.error("issue %d, mailing %s: paused, because %s takes mails without an answer: %s", *about)
        return LaneEnded("no answer after the final dot")

    def _slow_down(self, reply: str, *, at_once: bool = False) -> None:
        if is_throttling(reply):
            self._run_in_writer(partial(self.rate_limiter.slow_down, reply, at_once=at_once))

    def _hand_over(self, seq: int) -> bool:
        """Record the hand-over; return False if this lane was revoked meanwhile."""
        self.is_revoked = not self.recorder.hand_over(seq)
        return not self.is_revoked

    def _mark(self, seq: int, outcome: SendOutcome) -> None:
        self.recorder.mark(seq, MARK_OF_STATUS[outcome.status])

    def _result(self, seq: int, outcome: SendOutcome) -> DeliveryResult:
        self._mark(seq, outcome)
        if outcome.status is SendStatus.UNCERTAIN:
            self.missing_reply = outcome.reply
        if outcome.status is SendStatus.DEFERRED:
            self._slow_down(outcome.reply)
        return DeliveryResult(seq, STATE_OF_STATUS[outcome.status], outcome.reply, outcome.provider_id)

    def _run_in_writer[**P, T](self, step: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        return self.writer.submit(run_with_retries, partial(step, *args, **options)).result()
