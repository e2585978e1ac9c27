"""A step that may take minutes, in a thread that nobody has to wait for: who waits can be told to stop. No database."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread


class Abandoned(Exception):
    """The step goes on in its thread, for nobody."""


def attended[T](step: Callable[[], T], goes_on: Callable[[], bool], every: float) -> T:
    """Return what `step` returns, or raise what it raises.

    goes_on: asked every so many seconds. Raises Abandoned once it says no; the thread ends with the process.
    """
    end: Future[T] = Future()
    Thread(target=_run, args=[step, end], daemon=True).start()
    while not wait([end], timeout=every).done:
        if not goes_on():
            raise Abandoned
    return end.result()


def _run[T](step: Callable[[], T], end: Future[T]) -> None:
    try:
        end.set_result(step())
    except BaseException as error:  # noqa: BLE001 - handed on to who waits
        end.set_exception(error)
