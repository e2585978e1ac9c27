"""Failures at the doors of the desk: counted on name and network, refused beyond a limit, one line in the log for each.

They are counted in the database: a cache that is full or away must not take the limit off. An attempt is counted
before it is checked, and taken back if it was right, so that many at once are no more than the limit. A browser
that has logged in before is counted by itself: strangers' failures do not shut it out. Rows are as many as passwords
can be checked within a window, and go when it has closed.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from newsletter.desk.accounts import browsers
from newsletter.desk.models import FailureCount
from newsletter.mail.characters import nfkc
from newsletter.mail.tokens import digest
from newsletter.publication import limits

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
    browser = browsers.known(request) if request else None
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
