"""Rate limits for public doors, counted in Redis by all processes, or by each for itself without it."""

import logging
import math
import sys
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCache
from django.http import HttpRequest
from django.utils.connection import ConnectionProxy

from newsletter.mail.tokens import digest

SECONDS = 0.5  # to connect, and for each answer; a Redis in the same network needs a thousandth of it


class PromptRedisCache(RedisCache):
    """Django's Redis cache, which raises a RedisError after SECONDS instead of trying again for half a minute."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        prompt = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "retry": None}
        super().__init__(server, params | {"OPTIONS": prompt | params.get("OPTIONS", {})})


def redis_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what Redis raises, and `others`, for an `except`. Its client is 16 MB: only who has a Redis loads it."""
    client = sys.modules.get("redis")
    return (client.RedisError, *others) if client else others


AGAIN_SECONDS = 5  # until a server is asked again after it failed
SAY_SECONDS = 60  # between lines of the log about the same server

logger = logging.getLogger(__name__)


def is_away(server: str) -> bool:
    return bool(caches["spare"].get(f"away:{server}"))


def begin_outage(server: str, error: Exception, *, meanwhile: str) -> None:
    """Leave `server` alone for AGAIN_SECONDS. meanwhile: what happens without it, for the log."""
    caches["spare"].set(f"away:{server}", True, AGAIN_SECONDS)
    if caches["spare"].add(f"said:{server}", True, SAY_SECONDS):
        logger.warning("%s fails: %s (%s: %s)", server, meanwhile, type(error).__name__, error)


REDIS = "redis"  # as the log calls it


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client, "" when there is none; X-Forwarded-For counts only behind TRUSTED_PROXIES.

    Each trusted proxy appends the address it was called from: the hop that the outermost of
    them wrote is the client's, and whatever stands to its left the client may have invented.
    """
    trusted: int = settings.TRUSTED_PROXIES
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    address = hops[-trusted] if trusted and len(hops) >= trusted else request.META.get("REMOTE_ADDR", "")
    try:
        return str(_plain(_without_port(address)))
    except ValueError:  # a Unix socket, or a header that is no address
        return ""


def neighbourhood(address: str) -> str:
    """Return whom to count for an address: itself, or its /64, which one IPv6 household has to itself."""
    try:
        found = _plain(address)
    except ValueError:
        return ""
    return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def _key(door: str, who: str) -> str:
    return f"limit:{door}:{digest('limit', who)}"


def is_used_up(door: str, who: str, *, limit: int) -> bool:
    """Return whether `who` has knocked `limit` times at `door`, without counting this as a knock."""
    name = _key(door, who)
    shared = _shared(lambda: int(cache.get(name, 0)))
    return (shared or 0) + _own(name) >= limit


def is_over(door: str, who: str, *, limit: int, seconds: int) -> bool:
    """Count one knock of `who` at `door`; return whether it was more than `limit` in `seconds`.

    who: an IP address, an e-mail address or "" for everybody. Only its digest is kept.
    The window is fixed: it opens with the first knock and closes `seconds` later.
    While Redis is away, full or may not be written to, this process counts by itself.
    """
    name = _key(door, who)
    shared = _shared(lambda: _knocks(cache, name, seconds))
    if shared is None:
        return _knocks(caches["spare"], name, seconds) > limit
    return shared + _own(name) > limit


def _shared(count: Callable[[], int]) -> int | None:
    """Return what the processes have counted together; None if that cannot be had now."""
    if is_away(REDIS):
        return None
    try:
        return count()
    except redis_errors() as error:
        begin_outage(REDIS, error, meanwhile="each process counts for its own rate limits")
        return None


def _own(name: str) -> int:
    """Return what this process has counted by itself, while Redis did not."""
    return int(caches["spare"].get(name, 0))


def _knocks(counters: "BaseCache | ConnectionProxy[BaseCache]", name: str, seconds: int) -> int:
    if counters.add(name, 1, seconds):
        return 1
    try:
        return int(counters.incr(name))
    except ValueError:  # the window closed between the two calls
        counters.set(name, 1, seconds)
        return 1


def _without_port(hop: str) -> str:
    """Return the address in a hop, which some proxies write with a port: 192.0.2.1:5678 or [2001:db8::1]:5678."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _plain(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


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
