"""A step that may take minutes, in a thread that nobody has to wait for: who waits can be told to stop. No database."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, wait
from threading import Thread

from newsletter.delivery.provider.outcomes import Answer, Outcome

LOOK_SECONDS = 0.25  # between looks at what else there is, while nothing is heard
# For the answers to what is handed over when the worker is stopped. With the look before it and all that is written
# down after it, a lane ends within five seconds; nobody can wait here for the ten minutes of RFC 5321.
STOP_SECONDS = 2.2
STOPPED = "the worker was stopped before an answer came"


class Interrupted(Exception):
    """The step goes on in its thread, for nobody."""


class StopDeadline:
    """How long answers are waited for: as long as it takes; once the worker is stopped, STOP_SECONDS in all."""

    def __init__(self) -> None:
        self.on_wait: Callable[[], None] = lambda: None  # called while nothing is heard
        self.is_stopping: Callable[[], bool] = lambda: False
        self.until = float("inf")

    def answer[T](self, step: Callable[[], T]) -> T | Outcome:
        """Return what `step` returns, or raise what it raises; after a stop, that nobody knows what became of it."""
        try:
            return run_interruptibly(step, self._goes_on, LOOK_SECONDS)
        except Interrupted:
            return Outcome(Answer.UNCERTAIN, STOPPED)

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


def run_interruptibly[T](
    step: Callable[[], T], goes_on: Callable[[], bool], every: float, clean_up: Callable[[], None] = lambda: None
) -> T:
    """Return what `step` returns, or raise what it raises.

    goes_on: asked every so many seconds. Raises Interrupted once it says no; the thread ends with the process, or
    with the step, and a `clean_up`.
    """
    end = begun(step, clean_up)
    while not wait([end], timeout=every).done:
        if not goes_on() and end.cancel():
            raise Interrupted
    return end.result()


def begun[T](step: Callable[[], T], clean_up: Callable[[], None] = lambda: None) -> Future[T]:
    """Begin `step` in a thread; return its end, which may be cancelled: then a `clean_up` follows the step."""
    end: Future[T] = Future()
    Thread(target=_run, args=[step, end, clean_up], daemon=True).start()
    return end


def _run[T](step: Callable[[], T], end: Future[T], clean_up: Callable[[], None]) -> None:
    try:
        try:
            result = step()
        except BaseException as error:  # noqa: BLE001 - handed on to who waits
            end.set_exception(error)
        else:
            end.set_result(result)
    except InvalidStateError:  # cancelled
        clean_up()
