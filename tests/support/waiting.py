"""Wait for other processes. Nothing else in the tests waits: their time is a number they set."""

import time
from collections.abc import Callable


def wait_until[T](
    predicate: Callable[[], T], seconds: float = 20, *, what: str | Callable[[], str] = "", every: float = 0.05
) -> T:
    """Return the first true answer of `predicate`, asked again every few moments.

    what: what was waited for, or a function that says how things stand at the end.
    Raises AssertionError when `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"waited {seconds:g} s for {told or predicate!r}")
        time.sleep(every)
    return answer
