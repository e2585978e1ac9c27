"""Sessions of an account, when it last proved its identity, and the adapters for django-allauth."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

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

from newsletter.desk.accounts import login_attempts
from newsletter.limits import client_ip
from newsletter.operation.accounts import second_factors
from newsletter.publication.models import Publication


class SecondFactorStage(LoginStage):  # type: ignore[misc]  # allauth has no types
    """Asks for a second factor, unless the account has none or the login was by passkey."""

    key = "second_factor"
    urlname = "admin:second_factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        is_done = self.login.state.get("by_passkey") or not second_factors.has_second_factor(self.login.user)
        return (None if is_done else redirect(self.urlname)), True


UNKNOWN_ADDRESS = "::"  # of a Unix socket; the column is not nullable


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Adds SecondFactorStage behind the password, and silences allauth's own messages."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["newsletter.desk.accounts.sessions.SecondFactorStage"]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("admin:index")

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_ip.client_address(request) or UNKNOWN_ADDRESS

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the desk's views show their own messages."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Encrypts TOTP secrets with SECRET_KEY; authenticator apps show the name of the publication."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Raises ValidationError if the SECRET_KEY that encrypted it is gone."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            message = _("This second factor cannot be read: SECRET_KEY has changed. Use author_link.")
            raise ValidationError(message) from None

    def _get_site_name(self) -> str:
        return Publication.objects.current().name

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (sha256(f"newsletter.desk.second_factor.{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])


FRESH_SECONDS = 10 * 60  # after a login or re-authentication
PROVEN_AT_KEY, IS_NEW_KEY = "desk_proven_at", "desk_is_new_browser"  # in the session
SEEN_EVERY = timedelta(minutes=5)  # precision of "last seen", to save writes
AGENT_LENGTH_MAX = 200  # characters, as in allauth's table
# By substring of the User-Agent; order matters: Edge and Opera also claim to be Chrome, and Chrome to be Safari.
BROWSER_NAMES = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEM_NAMES = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


def record_login(request: HttpRequest, user: User, now: datetime) -> bool:
    """Record a login; return whether its browser is new to the account.

    The first browser of an account does not count as new: there is none to compare it with.
    """
    is_new = user.last_login is not None and not login_attempts.is_known_browser(request, user)
    request.session[PROVEN_AT_KEY], request.session[IS_NEW_KEY] = now.timestamp(), is_new
    request.session.set_expiry(None)  # undo the shorter expiry of a passkey challenge
    if not request.session.session_key:
        request.session.save()
    _store(request, user, now, created_at=now)
    Session.objects.filter(expire_date__lt=now).delete()  # including those made for anonymous passkey challenges
    return is_new


def record_use(request: HttpRequest, now: datetime) -> None:
    """Update "last seen", at most once in SEEN_EVERY; adds sessions that are not in the list yet."""
    row = UserSession.objects.filter(session_key=request.session.session_key).first()
    if row is None or row.last_seen_at < now - SEEN_EVERY:
        _store(request, request.user, now, created_at=row.created_at if row else _since(request, now))


def _since(request: HttpRequest, now: datetime) -> datetime:
    proven_at: float | None = request.session.get(PROVEN_AT_KEY)
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


def has_fresh_proof(request: HttpRequest, now: datetime) -> bool:
    proven_at: float = request.session.get(PROVEN_AT_KEY, 0)
    return 0 <= now.timestamp() - proven_at < FRESH_SECONDS


def active_sessions(user: User, current_key: str | None) -> list[Any]:
    """Live UserSessions, the current one first, then by last use; with `browser`, `address` and `is_current`."""
    rows = UserSession.objects.purge_and_list(user)
    for row in rows:
        row.browser, row.address = browser_name(row.user_agent), "" if row.ip == UNKNOWN_ADDRESS else row.ip
        row.is_current = row.session_key == current_key
    return sorted(rows, key=lambda row: (not row.is_current, -row.last_seen_at.timestamp()))


def browser_name(agent: str) -> str:
    """Browser and system for display, such as "Firefox, Windows"."""
    program = next((name for sign, name in BROWSER_NAMES.items() if sign in agent), _("another browser"))
    system = next((name for sign, name in SYSTEM_NAMES.items() if sign in agent), "")
    return _("%(browser)s, %(system)s") % {"browser": program, "system": system} if system else program


def end_session(user: User, pk: int) -> bool:
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row:
        row.end()
    return row is not None


def end_others(user: User, current_key: str | None) -> int:
    """End all other sessions of `user`, also those missing from the list; return how many."""
    UserSession.objects.filter(user=user).exclude(session_key=current_key).delete()
    stored = Session.objects.exclude(session_key=current_key or "")
    ended = [one.pk for one in stored.iterator() if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=ended).delete()[0]
