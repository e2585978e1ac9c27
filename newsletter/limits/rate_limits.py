"""Rate limits by fixed windows, counted in Redis by all processes, or by each process alone without it."""

import math
from collections.abc import Callable
from datetime import datetime

from django.core.cache import cache, caches
from django.core.cache.backends.base import BaseCache
from django.utils.connection import ConnectionProxy

from newsletter.limits.circuit_breaker import is_circuit_open, open_circuit, redis_errors
from newsletter.mail.tokens import keyed_digest

CIRCUIT = "redis"  # the name of its circuit breaker


def _key(scope: str, who: str) -> str:
    return f"limit:{scope}:{keyed_digest('limit', who)}"


def has_reached_limit(scope: str, who: str, *, limit: int) -> bool:
    """Has `who` reached `limit` for `scope`? Does not count this request."""
    name = _key(scope, who)
    shared = _shared(lambda: int(cache.get(name, 0)))
    return (shared or 0) + _local(name) >= limit


def count_and_check_limit(scope: str, who: str, *, limit: int, seconds: int) -> bool:
    """Count a request of `who` for `scope`; True if it exceeds `limit` in `seconds`.

    who: an IP address, an e-mail address or "" for everybody; only its digest is stored.
    The window is fixed: it starts with the first request. While Redis is down, full or read-only, each process counts
    by itself.
    """
    name = _key(scope, who)
    shared = _shared(lambda: _count(cache, name, seconds))
    if shared is None:
        return _count(caches["spare"], name, seconds) > limit
    return shared + _local(name) > limit


def _shared(count: Callable[[], int]) -> int | None:
    if is_circuit_open(CIRCUIT):
        return None
    try:
        return count()
    except redis_errors() as error:
        open_circuit(CIRCUIT, error, meanwhile="each process counts for its own rate limits")
        return None


def _local(name: str) -> int:
    """What this process has counted while Redis was down."""
    return int(caches["spare"].get(name, 0))


def _count(counters: "BaseCache | ConnectionProxy[BaseCache]", name: str, seconds: int) -> int:
    if counters.add(name, 1, seconds):
        return 1
    try:
        return int(counters.incr(name))
    except ValueError:  # the window ended between the two calls
        counters.set(name, 1, seconds)
        return 1


def retry_after_seconds(scope: str, who: str, *, limit: int, seconds: int, now: datetime) -> int:
    """Count a request; return 0 if it is allowed, else the seconds until the next window.

    Arguments as in `count_and_check_limit`, but windows start by the clock: one of 600 seconds ends at 14:20:00, the
    next at 14:30:00. So a page can name the time without storing it.
    """
    over = count_and_check_limit(scope, _windowed(who, seconds, now), limit=limit, seconds=seconds)
    return math.ceil(seconds - now.timestamp() % seconds) if over else 0


def window_has_reached(scope: str, who: str, *, count: int, seconds: int, now: datetime) -> bool:
    return has_reached_limit(scope, _windowed(who, seconds, now), limit=count)


def _windowed(who: str, seconds: int, now: datetime) -> str:
    return f"{who} {int(now.timestamp() // seconds)}"
