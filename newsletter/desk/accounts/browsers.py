"""Browsers that have logged in before. They carry a signed cookie, so that a stranger's guesses do not shut them out.

The cookie opens nothing. It is signed with the user's password hash, like a session: a new password ends it.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

COOKIE = "desk_browser"
LIFETIME = timedelta(days=400)  # browsers keep none longer: draft-ietf-httpbis-rfc6265bis section 5.5
PATH = "/admin/"
CLAIM = re.compile(r"(\d{1,18})\.([0-9a-f]{32})", re.ASCII)  # id of the user, id of the browser


@dataclass(frozen=True)
class Browser:
    """A browser in which `username` has logged in. id: 32 hex digits, the same for as long as the cookie lives."""

    id: str
    username: str


def known(request: HttpRequest) -> Browser | None:
    """Return the browser that the cookie names; None if there is none, or it is forged, old or of a former password."""
    claim = CLAIM.match(request.COOKIES.get(COOKIE, ""))
    user = User.objects.filter(pk=int(claim[1]), is_active=True).first() if claim else None
    found = user and _id(request, user)
    return Browser(found, user.get_username()) if user and found else None


def is_known(request: HttpRequest, user: User) -> bool:
    """Return whether `user` has logged in with this browser since the password was last changed."""
    return bool(_id(request, user))


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Give the browser its cookie, unless it carries a good one for `user`."""
    if _id(request, user):
        return
    response.set_signed_cookie(
        COOKIE,
        f"{user.pk}.{secrets.token_hex(16)}",
        salt=_salt(user),
        max_age=LIFETIME,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _id(request: HttpRequest, user: User) -> str:
    """Return the id of a browser in which `user` has logged in, else ""."""
    signed = request.get_signed_cookie(COOKIE, default="", salt=_salt(user), max_age=LIFETIME)
    claim = CLAIM.fullmatch(signed or "")
    return claim[2] if claim and int(claim[1]) == user.pk else ""


def _salt(user: User) -> str:
    return f"newsletter.desk.accounts.browsers.{user.password}"
