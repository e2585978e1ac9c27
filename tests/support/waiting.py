"""Wait for other processes. Nothing else in the tests waits: their time is a number they set."""

import os
import time
from collections.abc import Callable

BUSIEST = 4.0  # times as long, at the most: the timeout of a test comes soon after


def wait_until[T](
    predicate: Callable[[], T], seconds: float = 20, *, what: str | Callable[[], str] = "", every: float = 0.05
) -> T:
    """Return the first true answer of `predicate`, asked again every few moments.

    what: what was waited for, or a function that says how things stand at the end.
    Raises AssertionError when `seconds` have passed, on a busy machine as many times more as it is busy.
    """
    begun = time.monotonic()
    while not (answer := predicate()):
        if (waited := time.monotonic() - begun) > seconds * busyness():
            told = what() if callable(what) else what
            raise AssertionError(f"waited {waited:.0f} s for {told or predicate!r}")
        time.sleep(every)
    return answer


def busyness() -> float:
    """Return how many processes share a processor now, from 1 to BUSIEST."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), BUSIEST)
