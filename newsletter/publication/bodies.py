"""How large the body of a request may be, checked before anything parses it; by which secret machines may send more."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.http.cookie import parse_cookie
from django.shortcuts import render
from django.utils.crypto import constant_time_compare

AUTHORIZATION_MAX = 1000  # characters of a header that is looked at


def carries_secret(environ: Mapping[str, Any], secrets: Iterable[str]) -> bool:
    """Return whether a request carries one of `secrets`, each "user:password", as basic authentication (RFC 7617)."""
    scheme, _space, given = environ.get("HTTP_AUTHORIZATION", "")[:AUTHORIZATION_MAX].partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        carried = b64decode(given.strip(), validate=True)
    except ValueError:
        return False
    return any(constant_time_compare(carried, one.encode()) for one in secrets)


# Bytes. A stranger sends an address and a name, or the line of RFC 8058; pasted posts and pictures go to the desk, and
# lists of readers and exports of other programs to three pages of it: a million readers are 45 MB, and 16 MB in a ZIP.
PUBLIC = 16 * 1024
DESK = 12 * 1024 * 1024
READERS = 64 * 1024 * 1024
MOVE_IN = "/admin/settings/move-in/"
READERS_PAGES = ("/admin/subscribers/subscriber/import/", "/admin/subscribers/subscriber/bar/", MOVE_IN)
WEBHOOKS = "/webhooks/"  # thousands of events come in one request of a provider


@dataclass(frozen=True)
class Door:
    """How much may be sent under a prefix of addresses that a room above has, and how it says that it was too much.

    limit: may ask the database. refused: is given the request and how many bytes are the most.
    """

    limit: Callable[[dict[str, Any]], int]
    refused: Callable[[HttpRequest, int], HttpResponse]


DOORS: dict[str, Door] = {}  # by prefix; a room above enters its own when it is ready


def length(environ: dict[str, Any]) -> int:
    """Return the Content-Length as Django reads it: 0 without one, or with one that is no number."""
    try:
        return int(environ.get("CONTENT_LENGTH", 0))
    except ValueError:
        return 0


def limit(environ: dict[str, Any]) -> int:
    """Return how many bytes a request may send. Asks the database for the session of who sends much to the desk."""
    path = environ.get("PATH_INFO", "")
    if path.startswith(WEBHOOKS):
        return DESK if carries_secret(environ, settings.WEBHOOK_SECRET) else PUBLIC
    if door := _door(path):
        return door.limit(environ)
    if not (asks_database(environ) and _is_logged_in(environ)):
        return PUBLIC
    return READERS if path in READERS_PAGES else DESK


def asks_database(environ: dict[str, Any]) -> bool:
    """Return whether `limit` needs the database: for who sends much to the desk, or to a room's own door."""
    path = str(environ.get("PATH_INFO", ""))
    return length(environ) > PUBLIC and (path.startswith("/admin/") or _door(path) is not None)


def _door(path: str) -> Door | None:
    return next((door for prefix, door in DOORS.items() if path.startswith(prefix)), None)


def _is_logged_in(environ: dict[str, Any]) -> bool:
    key = parse_cookie(environ.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    return bool(key) and SESSION_KEY in import_module(settings.SESSION_ENGINE).SessionStore(key)


class BodiesMiddleware:
    """Refuse a body that is too large by 413, unread. It stands before all that reads bodies, behind the language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        size = length(request.META)
        if size <= PUBLIC or size <= limit(request.META):
            return self.get_response(request)
        if door := _door(request.path):
            return door.refused(request, limit(request.META))
        most = READERS if request.path in READERS_PAGES else DESK
        context = {
            "is_desk": request.path.startswith("/admin/"),
            "megabytes": most // 1024**2,
            "moves_in": request.path == MOVE_IN,
        }
        page = render(request, "413.html", context, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        page.headers["Cache-Control"] = "no-store"
        return page
