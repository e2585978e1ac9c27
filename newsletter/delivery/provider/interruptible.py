"""Run a step that may take minutes in a thread of its own, so that a stop can end the wait for it. No database."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from threading import Thread

from newsletter.delivery.provider.outcomes import Answer, Outcome

LOOK_SECONDS = 0.25  # between calls of `on_wait` while no reply comes
# How long replies to messages already sent are awaited after a stop. With all that is written to the database after
# it, a lane ends within five seconds; RFC 5321 would allow ten minutes.
STOP_SECONDS = 2.2
STOPPED = "the worker was stopped before an answer came"


class StopDeadline:
    """Limits the wait for replies after a stop to STOP_SECONDS in total. Before a stop there is no limit."""

    def __init__(self) -> None:
        self.on_wait: Callable[[], None] = lambda: None  # called while no reply comes
        self.is_stopping: Callable[[], bool] = lambda: False
        self.until = float("inf")

    def answer[T](self, step: Callable[[], T]) -> T | Outcome:
        """Return what `step` returns, or raise what it raises; UNCERTAIN when a stop ended the wait."""
        end = begun(step)
        while not wait([end], LOOK_SECONDS).done:
            if not self._goes_on() and end.cancel():  # the step goes on in its thread, and its result is dropped
                return Outcome(Answer.UNCERTAIN, STOPPED)
        return end.result()

    def rest(self, seconds: float) -> None:
        """Let time pass in a step's thread, unless the worker is stopped."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_stopping():
            time.sleep(min(left, LOOK_SECONDS))

    def first[T](self, steps: Iterable[Future[T]]) -> set[Future[T]]:
        """Return those that have ended, one at least; none after a stop, when the time is over."""
        while not (ended := wait(steps, LOOK_SECONDS, FIRST_COMPLETED).done):
            if not self._goes_on():
                return set()
        return ended

    def _goes_on(self) -> bool:
        self.on_wait()
        if self.is_stopping():
            self.until = min(self.until, time.monotonic() + STOP_SECONDS)
        return time.monotonic() < self.until


def begun[T](step: Callable[[], T], clean_up: Callable[[], None] = lambda: None) -> Future[T]:
    """Start `step` in a thread; return its future. If the future is cancelled, `clean_up` runs after the step."""
    end: Future[T] = Future()
    Thread(target=_run, args=[step, end, clean_up], daemon=True).start()
    return end


def _run[T](step: Callable[[], T], end: Future[T], clean_up: Callable[[], None]) -> None:
    try:
        try:
            result = step()
        except BaseException as error:  # noqa: BLE001 - raised again by the caller that waits
            end.set_exception(error)
        else:
            end.set_result(result)
    except InvalidStateError:  # cancelled
        clean_up()
