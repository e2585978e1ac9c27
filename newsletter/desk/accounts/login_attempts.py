"""Limits failed logins by user name, network and known browser, and logs them.

The counts are in the database, so that a full or unavailable cache does not lift the limit. An attempt is counted
before it is checked, and uncounted if it was right: parallel attempts cannot exceed the limit. A known browser has a
count of its own, so that strangers cannot lock its user out.
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
from newsletter.limits import client_ip
from newsletter.mail.characters import nfkc
from newsletter.mail.tokens import keyed_digest

BROWSER_COOKIE = "desk_browser"
BROWSER_LIFETIME = timedelta(days=400)  # the maximum of browsers: draft-ietf-httpbis-rfc6265bis section 5.5
DESK_PATH = "/admin/"
COOKIE_VALUE = re.compile(r"(\d{1,18})\.([0-9a-f]{32})", re.ASCII)  # id of the user, id of the browser


@dataclass(frozen=True)
class KnownBrowser:
    """A browser in which `username` has logged in. id: 32 hex digits, constant while the cookie lives."""

    id: str
    username: str


def known_browser(request: HttpRequest) -> KnownBrowser | None:
    """The browser of the cookie; None if it is missing, forged, expired or older than the last change of password."""
    claim = COOKIE_VALUE.match(request.COOKIES.get(BROWSER_COOKIE, ""))
    user = User.objects.filter(pk=int(claim[1]), is_active=True).first() if claim else None
    found = user and _browser_id(request, user)
    return KnownBrowser(found, user.get_username()) if user and found else None


def is_known_browser(request: HttpRequest, user: User) -> bool:
    """Has `user` logged in with this browser since the last change of password?"""
    return bool(_browser_id(request, user))


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Set the cookie unless there is a valid one for `user`."""
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
    signed = request.get_signed_cookie(BROWSER_COOKIE, default="", salt=_browser_salt(user), max_age=BROWSER_LIFETIME)
    claim = COOKIE_VALUE.fullmatch(signed or "")
    return claim[2] if claim and int(claim[1]) == user.pk else ""


def _browser_salt(user: User) -> str:
    return f"newsletter.desk.accounts.browsers.{user.password}"


FAILURES_MAX = 10  # per name, network or browser in one window
WINDOW = timedelta(minutes=10)  # opens with the first failure
NAME_LENGTH_MAX = 150  # characters of a user name; truncated before normalisation

log = logging.getLogger("newsletter.desk.attempts")  # fail2ban filters depend on this name


def fold_name(name: str) -> str:
    """Normalise a user name: all spellings that Django's login accepts, or that look alike, become equal."""
    return nfkc(nfkc(name[:NAME_LENGTH_MAX]).casefold()).strip()


def locked_seconds(request: HttpRequest | None, username: str | None) -> int:
    """Seconds until another attempt is allowed, 0 if it is allowed now. Logs a refusal.

    username: as typed; None where no name is asked for: such failures are counted by network alone.
    """
    now = timezone.now()
    keys = _keys_to_count(request, username)
    shut = FailureCount.objects.filter(who__in=keys, failures__gte=FAILURES_MAX, closes_at__gt=now)
    closes_at = max(shut.values_list("closes_at", flat=True), default=now)
    if closes_at > now:
        _log("refused", request, username, "limit")
    return ceil((closes_at - now).total_seconds())


def record_failure(request: HttpRequest | None, username: str | None, door: str) -> None:
    """Count and log a failure. username: see `locked_seconds`. door: a fixed word for the log, such as "code"."""
    for who in _keys_to_count(request, username):
        _count(who, timezone.now())
    _log("failed", request, username, door)


def check_limited[T](
    request: HttpRequest | None, username: str | None, door: str, check: Callable[[], T | None]
) -> T | None:
    """Call `check` and return its result; None, without calling it, once the limit is reached.

    A falsy result counts as a failure and is logged. username, door: see `record_failure`.
    """
    keys = _keys_to_count(request, username)
    if not _count_all(keys, timezone.now()):
        _log("refused", request, username, door)
        return None
    found = check()
    if found:
        _uncount(keys)
    else:
        _log("failed", request, username, door)
    return found


def _keys_to_count(request: HttpRequest | None, username: str | None) -> list[str]:
    """Keys to count under: a known browser of this name alone, else name and network."""
    network = client_ip.client_network(client_ip.client_address(request)) if request else ""
    if username is None:
        return [keyed_digest("attempts", f"nameless {network}")]
    browser = known_browser(request) if request else None
    if browser and fold_name(browser.username) == fold_name(username):
        return [keyed_digest("attempts", f"browser {browser.id}")]
    return [keyed_digest("attempts", f"network {network}"), _name_digest(username)]


def _name_digest(username: str) -> str:
    return keyed_digest("attempts", f"name {fold_name(username)}")


def _count_all(keys: list[str], now: datetime) -> bool:
    """Count one attempt under each key; False, and none is counted, if one of them has reached the limit."""
    taken: list[str] = []
    for who in keys:
        if not _count(who, now):
            _uncount(taken)
            return False
        taken.append(who)
    return True


def _count(who: str, now: datetime) -> bool:
    """Count one attempt unless the limit is reached. Atomic in the database."""
    FailureCount.objects.filter(closes_at__lte=now).delete()
    begun = FailureCount(who=who, failures=0, closes_at=now + WINDOW)
    FailureCount.objects.bulk_create([begun], ignore_conflicts=True)
    free = FailureCount.objects.filter(who=who, failures__lt=FAILURES_MAX)
    return bool(free.update(failures=F("failures") + 1))


def _uncount(keys: list[str]) -> None:
    FailureCount.objects.filter(who__in=keys, failures__gt=0).update(failures=F("failures") - 1)


def _log(what: str, request: HttpRequest | None, username: str | None, door: str) -> None:
    """The line that fail2ban parses (docs/deploy.md). Contains nothing that a client typed."""
    address = (client_ip.client_address(request) if request else "") or "unknown"
    who = _name_digest(username)[:8] if username else "none"
    log.warning("login %s from %s at %s, name %s", what, address, door, who)
