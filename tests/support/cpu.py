"""CPU time measurements that do not depend on the machine's load."""

import gc
from collections.abc import Callable
from time import process_time


def cpu_seconds(act: Callable[[], object], *, tries: int = 3) -> float:
    """CPU seconds of `act`, the least of `tries`."""
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
    """Does `act` take at most `seconds`, in one of `tries`? beyond: what it may take in addition."""
    return any(_is_within(seconds, act, beyond) for _try in range(tries))


def _is_within(seconds: float, act: Callable[[], object], beyond: Callable[[], object] | None) -> bool:
    taken = _once(act)
    return taken <= seconds or (beyond is not None and taken <= seconds + _once(beyond))


def is_parsed_within(
    seconds: float, read: Callable[[str], object], text_of: Callable[[int], str], *, length: int
) -> bool:
    """Is a text of `length` parsed within `seconds`? Extrapolated from shorter texts, for at most cubic parsers.

    An eighth of the text suffices if it takes less than a 512th of `seconds`; otherwise a quarter shows the growth.
    Nearly no text is parsed as a whole, which would take five times as long. A parser with a length limit must not get
    slower beyond it.
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
    """The whole's time if it is a * length + b * length ** 3."""
    of_the_cube = min(max((quarter - 2 * eighth) * 4 / 3, 0), quarter)
    return 4 * (quarter - of_the_cube) + 4**3 * of_the_cube
