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


def is_read_within(
    seconds: float, read: Callable[[str], object], text_of: Callable[[int], str], *, length: int
) -> bool:
    """Return whether a text of that length is read in no more CPU time, by what takes at most the cube of a length.

    An eighth of the text says enough where it is read in a 512th of `seconds`. Where it is not, a quarter beside it
    tells how the time grows: nearly no long text is read as a whole, which takes five times as much. What has a limit
    for texts must not take longer beyond it.
    """
    eighth = _once(lambda: read(text_of(length // 8)))
    if eighth * 8**3 <= seconds:
        return True
    quarter = _once(lambda: read(text_of(length // 4)))
    if quarter * 4**3 <= seconds:
        return True
    eighth = min(eighth, _once(lambda: read(text_of(length // 8))))  # the first may have compiled a pattern
    return _of_the_whole(eighth, quarter) <= seconds or is_within(seconds, lambda: read(text_of(length)))


def _of_the_whole(eighth: float, quarter: float) -> float:
    """Return the time that the whole takes at most, where it is a * length + b * length ** 3: solved for a and b."""
    of_the_cube = min(max((quarter - 2 * eighth) * 4 / 3, 0), quarter)
    return 4 * (quarter - of_the_cube) + 4**3 * of_the_cube
