"""Failures at the doors of the desk: counted by name, network and known browser, refused beyond a limit, and logged.

They are counted in the database: a cache that is full or away must not take the limit off. An attempt is counted
before it is checked, and taken back if it was right, so that many at once are no more than the limit. A browser that
has logged in before is counted by itself: strangers' failures do not shut it out.
"""

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from newsletter.desk.models import FailureCount
from newsletter.mail.characters import nfkc
from newsletter.mail.tokens import digest
from newsletter.publication import limits

BROWSER_COOKIE = "desk_browser"
BROWSER_LIFETIME = timedelta(days=400)  # browsers keep none longer: draft-ietf-httpbis-rfc6265bis section 5.5
DESK_PATH = "/admin/"
CLAIM = re.compile(r"(\d{1,18})\.([0-9a-f]{32})", re.ASCII)  # id of the user, id of the browser


@dataclass(frozen=True)
class Browser:
    """A browser in which `username` has logged in. id: 32 hex digits, the same for as long as the cookie lives."""

    id: str
    username: str


def known_browser(request: HttpRequest) -> Browser | None:
    """Return the browser that the cookie names; None if there is none, or it is forged, old or of a former password."""
    claim = CLAIM.match(request.COOKIES.get(BROWSER_COOKIE, ""))
    user = User.objects.filter(pk=int(claim[1]), is_active=True).first() if claim else None
    found = user and _browser_id(request, user)
    return Browser(found, user.get_username()) if user and found else None


def is_known_browser(request: HttpRequest, user: User) -> bool:
    """Return whether `user` has logged in with this browser since the password was last changed."""
    return bool(_browser_id(request, user))


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Give the browser its cookie, unless it carries a good one for `user`."""
    if _browser_id(request, user):
        return
    response.set_signed_cookie(
        BROWSER_COOKIE,
        f"{user.pk}.{secrets.token_hex(16)}",
        salt=_browser_salt(user),
        max_age=BROWSER_LIFETIME,
        path=DESK_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _browser_id(request: HttpRequest, user: User) -> str:
    """Return the id of a browser in which `user` has logged in, else ""."""
    signed = request.get_signed_cookie(BROWSER_COOKIE, default="", salt=_browser_salt(user), max_age=BROWSER_LIFETIME)
    claim = CLAIM.fullmatch(signed or "")
    return claim[2] if claim and int(claim[1]) == user.pk else ""


def _browser_salt(user: User) -> str:
    return f"newsletter.desk.accounts.browsers.{user.password}"


FAILURES_MAX = 10  # of one name, network or browser, within a window
WINDOW = timedelta(minutes=10)  # opens with the first failure
NAME_LENGTH_MAX = 150  # characters of a user name; what is longer is cut before it is normalised

log = logging.getLogger("newsletter.desk.attempts")  # a name that filters of fail2ban read: it stays


def fold(name: str) -> str:
    """Return what all spellings have in common that Django's login takes for `name`, or that look like it."""
    return nfkc(nfkc(name[:NAME_LENGTH_MAX]).casefold()).strip()


def refused(request: HttpRequest | None, name: str | None) -> int:
    """Return for how many seconds nobody may try, 0 if they may; write a refusal to the log.

    name: as it was typed; None at a door that asks for none, which counts its failures apart, by network alone.
    """
    now = timezone.now()
    shut = FailureCount.objects.filter(who__in=_counted(request, name), failures__gte=FAILURES_MAX, closes_at__gt=now)
    closes_at = max(shut.values_list("closes_at", flat=True), default=now)
    if closes_at > now:
        _write("refused", request, name, "limit")
    return ceil((closes_at - now).total_seconds())


def record_failure(request: HttpRequest | None, name: str | None, door: str) -> None:
    """Count a failure and write it to the log. name: see `refused`. door: a word of ours, such as "code"."""
    for who in _counted(request, name):
        _take(who, timezone.now())
    _write("failed", request, name, door)


def guarded[T](request: HttpRequest | None, name: str | None, door: str, check: Callable[[], T | None]) -> T | None:
    """Return what `check` returns, without calling it once there were too many failures: then None.

    None and False are failures: counted, and written to the log. name, door: see `record_failure`.
    """
    places = _counted(request, name)
    if not _take_all(places, timezone.now()):
        _write("refused", request, name, door)
        return None
    found = check()
    if found:
        _give_back(places)
    else:
        _write("failed", request, name, door)
    return found


def _counted(request: HttpRequest | None, name: str | None) -> list[str]:
    """Return digests of whom to count: a browser known for this name by itself, else name and network."""
    network = limits.neighbourhood(limits.client_address(request)) if request else ""
    if name is None:
        return [digest("attempts", f"nameless {network}")]
    browser = known_browser(request) if request else None
    if browser and fold(browser.username) == fold(name):
        return [digest("attempts", f"browser {browser.id}")]
    return [digest("attempts", f"network {network}"), _digest_of(name)]


def _digest_of(name: str) -> str:
    return digest("attempts", f"name {fold(name)}")


def _take_all(places: list[str], now: datetime) -> bool:
    """Count one attempt at each place; return False, and count none, if one of them has reached the limit."""
    taken: list[str] = []
    for who in places:
        if not _take(who, now):
            _give_back(taken)
            return False
        taken.append(who)
    return True


def _take(who: str, now: datetime) -> bool:
    """Count one attempt unless the limit is reached: the database decides between two that come at once."""
    FailureCount.objects.filter(closes_at__lte=now).delete()
    begun = FailureCount(who=who, failures=0, closes_at=now + WINDOW)
    FailureCount.objects.bulk_create([begun], ignore_conflicts=True)
    free = FailureCount.objects.filter(who=who, failures__lt=FAILURES_MAX)
    return bool(free.update(failures=F("failures") + 1))


def _give_back(places: list[str]) -> None:
    FailureCount.objects.filter(who__in=places, failures__gt=0).update(failures=F("failures") - 1)


def _write(what: str, request: HttpRequest | None, name: str | None, door: str) -> None:
    """Write the line that fail2ban reads (docs/deploy.md): nothing in it is as somebody typed it."""
    address = (limits.client_address(request) if request else "") or "unknown"
    log.warning("login %s from %s at %s, name %s", what, address, door, _digest_of(name)[:8] if name else "none")
