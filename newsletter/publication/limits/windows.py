"""When a limited door opens again: limits whose windows begin and end by the clock, so that a page can say the time."""

import math
from datetime import datetime

from newsletter.publication.limits.rates import is_over, is_used_up


def closed_seconds(door: str, who: str, *, limit: int, seconds: int, now: datetime) -> int:
    """Count one knock; return 0 while the door is open, else in how many seconds it opens again.

    The arguments are those of `limits.is_over`, but for the window: of 600 seconds one ends at 14:20:00, the next at
    14:30:00. So no moment has to be stored, and the page can name it.
    """
    over = is_over(door, _windowed(who, seconds, now), limit=limit, seconds=seconds)
    return left(seconds, now) if over else 0


def has_come_to(door: str, who: str, *, count: int, seconds: int, now: datetime) -> bool:
    """Return whether the window that is open has `count` knocks by now, without counting this as one."""
    return is_used_up(door, _windowed(who, seconds, now), limit=count)


def left(seconds: int, now: datetime) -> int:
    """Return how many seconds of a window of this length are left, at least 1."""
    return math.ceil(seconds - now.timestamp() % seconds)


def _windowed(who: str, seconds: int, now: datetime) -> str:
    return f"{who} {int(now.timestamp() // seconds)}"
