"""How long something takes, measured so that a busy machine does not matter."""

import gc
from collections.abc import Callable
from time import process_time


def cpu_seconds(act: Callable[[], object], *, tries: int = 3) -> float:
    """Return the CPU time of this process that `act` takes: the least of `tries`."""
    return min(_once(act) for _try in range(tries))


def _once(act: Callable[[], object]) -> float:
    gc.disable()  # what earlier tests have left is not this one's
    try:
        began = process_time()
        act()
        return process_time() - began
    finally:
        gc.enable()


def is_within(
    seconds: float, act: Callable[[], object], *, beyond: Callable[[], object] | None = None, tries: int = 3
) -> bool:
    """Return whether `act` takes no more CPU time, in one of `tries`; `beyond`: no more than that and `seconds`."""
    return any(_is_within(seconds, act, beyond) for _try in range(tries))


def _is_within(seconds: float, act: Callable[[], object], beyond: Callable[[], object] | None) -> bool:
    taken = _once(act)
    return taken <= seconds or (beyond is not None and taken <= seconds + _once(beyond))
