"""Where an account is logged in, since when, and when it last proved who it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils.translation import gettext as _

from newsletter.desk.accounts import browsers
from newsletter.desk.accounts.adapters import UNKNOWN_ADDRESS, AccountAdapter

FRESH_SECONDS = 10 * 60  # that a login or a proof of identity counts
PROVEN_AT, IS_NEW = "desk_proven_at", "desk_is_new_browser"  # in the session
SEEN_EVERY = timedelta(minutes=5)  # how exact "last seen" is: not every page of the desk writes
AGENT_LENGTH_MAX = 200  # characters, as in allauth's table
# What a User-Agent says, in the order of asking: Edge and Opera also claim to be Chrome, and Chrome to be Safari.
PROGRAMS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


@dataclass(frozen=True)
class Seen:
    """One session, as the list shows it."""

    pk: int
    browser: str
    address: str
    since: datetime
    last_seen_at: datetime
    is_current: bool


# --- Written while the account is used ---


def begin(request: HttpRequest, user: User, now: datetime) -> bool:
    """Write down a session that has just logged in; return whether its browser is new to the account.

    The first browser of an account is not new: there is none before it that it could differ from.
    """
    is_new = user.last_login is not None and not browsers.is_known(request, user)
    request.session[PROVEN_AT], request.session[IS_NEW] = now.timestamp(), is_new
    request.session.set_expiry(None)  # one that only waited for a passkey ended sooner
    if not request.session.session_key:
        request.session.save()
    _write(request, user, now, created_at=now)
    Session.objects.filter(expire_date__lt=now).delete()  # those of strangers who asked for a passkey, too
    return is_new


def note(request: HttpRequest, now: datetime) -> None:
    """Write down that the session was used, at most once in SEEN_EVERY; also one that is older than the list."""
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None or row.last_seen_at < now - SEEN_EVERY:
        _write(request, request.user, now, created_at=row.created_at if row else _since(request, now))


def _since(request: HttpRequest, now: datetime) -> datetime:
    proven_at: float | None = request.session.get(PROVEN_AT)
    return now if proven_at is None else datetime.fromtimestamp(proven_at, UTC)


def _write(request: HttpRequest, user: Any, now: datetime, *, created_at: datetime) -> None:
    seen = {
        "user": user,
        "ip": AccountAdapter().get_client_ip(request),
        "user_agent": request.headers.get("User-Agent", "")[:AGENT_LENGTH_MAX],
        "last_seen_at": now,
        "created_at": created_at,
    }
    UserSession.objects.update_or_create(session_key=request.session.session_key, defaults=seen)


def is_fresh(request: HttpRequest, now: datetime) -> bool:
    """Return whether this session has logged in or proved who it is within FRESH_SECONDS."""
    proven_at: float = request.session.get(PROVEN_AT, 0)
    return 0 <= now.timestamp() - proven_at < FRESH_SECONDS


# --- The list ---


def of(user: User, current_key: str | None) -> list[Seen]:
    """Return the sessions that are alive, the present one first, then the one used last."""
    rows = UserSession.objects.purge_and_list(user)
    rows.sort(key=lambda row: (row.session_key != current_key, -row.last_seen_at.timestamp()))
    return [_seen(row, current_key) for row in rows]


def _seen(row: UserSession, current_key: str | None) -> Seen:
    return Seen(
        pk=row.pk,
        browser=browser_of(row.user_agent),
        address="" if row.ip == UNKNOWN_ADDRESS else row.ip,
        since=row.created_at,
        last_seen_at=row.last_seen_at,
        is_current=row.session_key == current_key,
    )


def browser_of(agent: str) -> str:
    """Return browser and system of a User-Agent for people, such as "Firefox, Windows"."""
    program = next((name for sign, name in PROGRAMS.items() if sign in agent), _("another browser"))
    system = next((name for sign, name in SYSTEMS.items() if sign in agent), "")
    return _("%(browser)s, %(system)s") % {"browser": program, "system": system} if system else program


# --- Ending ---


def end(user: User, pk: int) -> bool:
    """End one session; return whether there was such a one."""
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row:
        row.end()
    return row is not None


def end_others(user: User, current_key: str | None) -> int:
    """End all sessions of `user` but one, those that are on no list too; return how many."""
    UserSession.objects.filter(user=user).exclude(session_key=current_key).delete()
    stored = Session.objects.exclude(session_key=current_key or "")
    ended = [one.pk for one in stored.iterator() if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=ended).delete()[0]
