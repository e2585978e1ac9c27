"""Rate limits for public doors, counted in Redis by all processes, or by each for itself without it."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.core.cache import cache, caches
from django.core.cache.backends.base import BaseCache
from django.http import HttpRequest
from django.utils.connection import ConnectionProxy

from newsletter.mail.tokens import digest
from newsletter.publication.limits.outages import begin, is_away

SERVER = "redis"  # as the log calls it


def redis_error() -> type[Exception]:
    """Return what Redis raises when it does not answer, for an `except`, which asks only once something was raised."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - 6 MB of a process that has no Redis

    return RedisError


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
    if is_away(SERVER):
        return None
    try:
        return count()
    except redis_error() as error:
        begin(SERVER, error, meanwhile="each process counts for its own rate limits")
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
