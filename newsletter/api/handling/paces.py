"""How often a program may ask: the generic cell rate algorithm, as for mails (delivery/rate/schedules.py).

Here a line has a burst, and lives in this process: a request that reads writes nothing to the database.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock

from newsletter.delivery.rate.schedules import Turn

LINES_MAX = 10_000  # that a process keeps; the ones that ended first go


@dataclass(frozen=True)
class Policy:
    """`most` requests within `seconds`: all of them at once, or spread; a request makes room for one more."""

    name: str
    most: int
    seconds: int

    @property
    def interval(self) -> float:
        return self.seconds / self.most

    @property
    def burst_seconds(self) -> float:
        return self.seconds - self.interval

    def header(self) -> str:
        """Return it as `RateLimit-Policy` has it: draft-ietf-httpapi-ratelimit-headers-10, section 3."""
        return f'"{self.name}";q={self.most};w={self.seconds}'


TOKENS = Policy("token", 600, 60)
WRONG = Policy("wrong-tokens", 30, 60)  # from one network


@dataclass(frozen=True)
class Pace:
    """What is left of a policy for somebody. wait_seconds: until there is more, if there is nothing now."""

    policy: Policy
    is_over: bool
    remaining: int
    wait_seconds: int

    def headers(self) -> dict[str, str]:
        """Return what each answer carries: what is left, and the seconds until all of it is there again."""
        limit = f'"{self.policy.name}";r={self.remaining};t={self.wait_seconds}'
        return {"RateLimit-Policy": self.policy.header(), "RateLimit": limit}


class MemoryTimelines:
    """The lines of this process alone. Time is time.monotonic()."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._free_at: dict[str, float] = {}

    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
        with self._lock:
            now = time.monotonic()
            begins = max(now, *(self._free_at.get(key, 0.0) for key in ends))
            is_taken = begins - now <= within_seconds
            for key, seconds in ends.items() if is_taken else ():
                self._free_at.pop(key, None)
                self._free_at[key] = begins + seconds
            while len(self._free_at) > LINES_MAX:
                del self._free_at[next(iter(self._free_at))]
        return Turn(begins - now, is_taken)


@cache
def timelines() -> MemoryTimelines:
    return MemoryTimelines()


def take(policy: Policy, who: str) -> Pace:
    """Count one request of `who`, and return what is left."""
    key = f"api:{policy.name}:{who}"
    turn = timelines().take(key, {key: policy.interval}, 1, policy.burst_seconds)
    if not turn.is_taken:
        return Pace(policy, True, 0, max(1, math.ceil(turn.wait - policy.burst_seconds)))
    busy = turn.wait + policy.interval
    return Pace(policy, False, int((policy.seconds - busy) / policy.interval + 1e-6), math.ceil(busy))
