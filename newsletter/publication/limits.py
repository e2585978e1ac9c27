"""Rate limits for public doors, counted in the cache: in Redis, or in the one web process."""

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from newsletter.mail.tokens import digest


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client; X-Forwarded-For counts only behind TRUSTED_PROXIES proxies."""
    remote = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXIES
    return hops[-trusted] if trusted and len(hops) >= trusted else remote


def is_over(door: str, who: str, *, limit: int, seconds: int) -> bool:
    """Count one knock of `who` at `door`; return whether it was more than `limit` in `seconds`.

    who: an IP address, an e-mail address or "" for everybody. Only its digest is kept.
    The window is fixed: it opens with the first knock and closes `seconds` later.
    """
    key = f"limit:{door}:{digest('limit', who)}"
    if cache.add(key, 1, seconds):
        return limit < 1
    try:
        return cache.incr(key) > limit
    except ValueError:  # the window closed between the two calls
        cache.set(key, 1, seconds)
        return limit < 1
