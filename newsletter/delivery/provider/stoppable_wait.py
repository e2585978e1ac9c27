"""Runs a blocking step in a thread, so that a stop can interrupt the wait. Does not use the database."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from threading import Thread

from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus

POLL_SECONDS = 0.25  # between calls of `call_while_waiting`
# After a stop, how long to wait for replies to messages already sent. Including the database writes that follow, a lane
# ends within five seconds; RFC 5321 would allow ten minutes.
STOP_GRACE_SECONDS = 2.2
STOPPED_REPLY = "the worker was stopped before an answer came"


class StopControl:
    """Limits the wait for replies after a stop to STOP_GRACE_SECONDS in total. Before a stop there is no limit."""

    def __init__(self) -> None:
        self.call_while_waiting: Callable[[], None] = lambda: None  # called regularly while waiting
        self.is_stopping: Callable[[], bool] = lambda: False
        self.deadline = float("inf")

    def run[T](self, step: Callable[[], T]) -> T | SendOutcome:
        """Run `step` and return or raise its result; UNCERTAIN if a stop ended the wait."""
        future = run_in_thread(step)
        while not wait([future], POLL_SECONDS).done:
            if not self._keep_waiting() and future.cancel():  # the thread continues, and its result is dropped
                return SendOutcome(SendStatus.UNCERTAIN, STOPPED_REPLY)
        return future.result()

    def sleep(self, seconds: float) -> None:
        """Sleep within a step, unless the worker is stopped."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_stopping():
            time.sleep(min(left, POLL_SECONDS))

    def wait_first[T](self, steps: Iterable[Future[T]]) -> set[Future[T]]:
        """Wait for at least one of the futures; return those done, or none if a stop ended the wait."""
        while not (done := wait(steps, POLL_SECONDS, FIRST_COMPLETED).done):
            if not self._keep_waiting():
                return set()
        return done

    def _keep_waiting(self) -> bool:
        self.call_while_waiting()
        if self.is_stopping():
            self.deadline = min(self.deadline, time.monotonic() + STOP_GRACE_SECONDS)
        return time.monotonic() < self.deadline


def run_in_thread[T](step: Callable[[], T], *, on_cancelled: Callable[[], None] = lambda: None) -> Future[T]:
    """Run `step` in a new thread; return its future. `on_cancelled` runs after the step if the future was cancelled."""
    future: Future[T] = Future()
    Thread(target=_settle_future, args=[step, future, on_cancelled], daemon=True).start()
    return future


def _settle_future[T](step: Callable[[], T], future: Future[T], on_cancelled: Callable[[], None]) -> None:
    try:
        try:
            result = step()
        except BaseException as error:  # noqa: BLE001 - raised by Future.result
            future.set_exception(error)
        else:
            future.set_result(result)
    except InvalidStateError:  # cancelled
        on_cancelled()
