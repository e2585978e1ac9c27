"""How long a hook is held, when one that did not take a call is tried again, and when it is given up. Pure."""

import random
from datetime import datetime, timedelta

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)  # after the first failure in a row, the second …; the last one again and again
JITTER = 0.2  # of a wait, at most: receivers that came back together are not called together
LONGEST = WAITS[-1] * (1 + JITTER)
LEASE = timedelta(minutes=1)  # of a worker: longer than a call, its name server and what is written about it
GIVEN_UP_AFTER = timedelta(days=3)
FAILURES_MIN = 8  # before that: a clock that jumps ahead for a moment gives nobody up


def wait(failures: int) -> timedelta:
    """Return how long a hook is left alone after so many failures in a row."""
    base = WAITS[min(failures, len(WAITS)) - 1]
    return base + base * random.uniform(0, JITTER)  # noqa: S311 - nobody gains by guessing it


def is_given_up(failures: int, failing_since: datetime, now: datetime) -> bool:
    return failures >= FAILURES_MIN and now - failing_since >= GIVEN_UP_AFTER
