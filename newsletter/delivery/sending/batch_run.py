"""One batch that a worker holds: rows whose intent is committed, each when its turn has come, and their results.

While one window of rows is on the wire, the ledger's own thread commits the intent for the next one
together with the answers that have come in: one wait for the disk a window, none of it on the wire's time.
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
from newsletter.delivery.ledger.claims import LaneEnds, Row
from newsletter.delivery.ledger.results import Result
from newsletter.delivery.models import Batch, Delivery
from newsletter.delivery.rate.limiter import NAP_SECONDS, Pacer

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
