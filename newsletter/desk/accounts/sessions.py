"""Where an account is logged in, since when, and when it last proved who it is; and how django-allauth is fitted in."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.stages import LoginStage
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.models import UserSession
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from newsletter.desk.accounts import attempts
from newsletter.operation.accounts import factors
from newsletter.publication import limits
from newsletter.publication.models import Publication

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class SecondFactorStage(LoginStage):  # type: ignore[misc]  # allauth has no types
    """Asks for a code or a passkey, unless the account has neither, or the login was a passkey's."""

    key = "second_factor"
    urlname = "admin:second_factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return a redirect, or None to go on; the login is kept in both cases."""
        is_done = self.login.state.get("by_passkey") or not factors.has_any(self.login.user)
        return (None if is_done else redirect(self.urlname)), True


UNKNOWN_ADDRESS = "::"  # a Unix socket has none, and a row of the list of sessions must have one


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """A login has one stage of ours behind the password; whatever allauth would say, the desk's pages say."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["newsletter.desk.accounts.sessions.SecondFactorStage"]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("admin:index")

    def get_client_ip(self, request: HttpRequest) -> str:
        return limits.client_address(request) or UNKNOWN_ADDRESS

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: each view of the desk has its own words."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets are encrypted with a key of SECRET_KEY; apps and keys show the name of the publication."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raise ValidationError when it was encrypted under a SECRET_KEY that is gone."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            message = _("This second factor cannot be read: SECRET_KEY has changed. Use author_link.")
            raise ValidationError(message) from None

    def get_totp_issuer(self) -> str:
        return Publication.objects.current().name

    def _get_site_name(self) -> str:
        return Publication.objects.current().name

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())


def _cipher() -> "MultiFernet":
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (sha256(f"newsletter.desk.second_factor.{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


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
    is_new = user.last_login is not None and not attempts.is_known_browser(request, user)
    request.session[PROVEN_AT], request.session[IS_NEW] = now.timestamp(), is_new
    request.session.set_expiry(None)  # one that only waited for a passkey ended sooner
    if not request.session.session_key:
        request.session.save()
    _store(request, user, now, created_at=now)
    Session.objects.filter(expire_date__lt=now).delete()  # those of strangers who asked for a passkey, too
    return is_new


def note(request: HttpRequest, now: datetime) -> None:
    """Write down that the session was used, at most once in SEEN_EVERY; also one that is older than the list."""
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None or row.last_seen_at < now - SEEN_EVERY:
        _store(request, request.user, now, created_at=row.created_at if row else _since(request, now))


def _since(request: HttpRequest, now: datetime) -> datetime:
    proven_at: float | None = request.session.get(PROVEN_AT)
    return now if proven_at is None else datetime.fromtimestamp(proven_at, UTC)


def _store(request: HttpRequest, user: Any, now: datetime, *, created_at: datetime) -> None:
    seen = {
        "user": user,
        "ip": AccountAdapter().get_client_ip(request),
        "user_agent": request.headers.get("User-Agent", "")[:AGENT_LENGTH_MAX],
        "last_seen_at": now,
        "created_at": created_at,
    }
    UserSession.objects.update_or_create(session_key=request.session.session_key, defaults=seen)


def is_fresh(request: HttpRequest, now: datetime) -> bool:
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
