"""Polling for other processes. No other test waits: time is set by tests."""

import os
import time
from collections.abc import Callable

BUSIEST = 4.0  # times as long, at the most: the timeout of a test comes soon after


def wait_until[T](
    predicate: Callable[[], T], seconds: float = 20, *, what: str | Callable[[], str] = "", every: float = 0.05
) -> T:
    """Poll `predicate` and return its first true value.

    what: description for the error, or a function that returns one.
    Raises AssertionError after `seconds`, or later on a busy machine.
    """
    begun = time.monotonic()
    while not (answer := predicate()):
        if (waited := time.monotonic() - begun) > seconds * busyness():
            text = what() if callable(what) else what
            raise AssertionError(f"waited {waited:.0f} s for {text or predicate!r}")
        time.sleep(every)
    return answer


def busyness() -> float:
    """Processes per CPU, from 1 to BUSIEST."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), BUSIEST)
