"""Limits on the size of request bodies, checked before anything parses them."""

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

AUTHORIZATION_MAX = 1000  # characters


def has_basic_auth(environ: Mapping[str, Any], secrets: Iterable[str]) -> bool:
    """Whether the request's HTTP basic credentials (RFC 7617) are among `secrets`, each "user:password"."""
    scheme, _space, given = environ.get("HTTP_AUTHORIZATION", "")[:AUTHORIZATION_MAX].partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        carried = b64decode(given.strip(), validate=True)
    except ValueError:
        return False
    return any(constant_time_compare(carried, one.encode()) for one in secrets)


# Public forms and RFC 8058 POSTs are small; the desk accepts posts and images; three pages accept reader lists and
# exports: a million readers are 45 MB, or 16 MB in a ZIP.
PUBLIC_BYTES = 16 * 1024
DESK_BYTES = 12 * 1024 * 1024
IMPORT_BYTES = 64 * 1024 * 1024
MOVE_IN_PATH = "/admin/settings/move-in/"
IMPORT_PATHS = ("/admin/subscribers/subscriber/import/", "/admin/subscribers/subscriber/bar/", MOVE_IN_PATH)
GIFT_PATH = "/admin/settings/newcomers/"
BYTES_MAX_BY_PATH = dict.fromkeys(IMPORT_PATHS, IMPORT_BYTES) | {GIFT_PATH: 21 * 1024 * 1024}  # a gift has 20 MB
WEBHOOKS_PREFIX = "/webhooks/"  # one request of a provider may hold thousands of events


@dataclass(frozen=True)
class BodyLimit:
    """The limit of an app that has URLs of its own.

    max_bytes_for: may query the database. build_response: the 413 for a request and its limit in bytes.
    """

    max_bytes_for: Callable[[dict[str, Any]], int]
    build_response: Callable[[HttpRequest, int], HttpResponse]


BODY_LIMITS: dict[str, BodyLimit] = {}  # by URL prefix; apps register theirs in AppConfig.ready


def content_length(environ: dict[str, Any]) -> int:
    """The Content-Length as Django reads it: 0 if it is missing or no number."""
    try:
        return int(environ.get("CONTENT_LENGTH", 0))
    except ValueError:
        return 0


def max_body_bytes(environ: dict[str, Any]) -> int:
    """Bytes that a request may send. Looks up the session for a large body to the desk."""
    path = environ.get("PATH_INFO", "")
    if path.startswith(WEBHOOKS_PREFIX):
        return DESK_BYTES if has_basic_auth(environ, settings.WEBHOOK_SECRET) else PUBLIC_BYTES
    if own := _registered_limit(path):
        return own.max_bytes_for(environ)
    if not (needs_database(environ) and _is_logged_in(environ)):
        return PUBLIC_BYTES
    return BYTES_MAX_BY_PATH.get(path, DESK_BYTES)


def needs_database(environ: dict[str, Any]) -> bool:
    """`max_body_bytes` needs the database only for a large body to the desk or to a registered prefix."""
    path = str(environ.get("PATH_INFO", ""))
    is_large = content_length(environ) > PUBLIC_BYTES
    return is_large and (path.startswith("/admin/") or _registered_limit(path) is not None)


def _registered_limit(path: str) -> BodyLimit | None:
    return next((limit for prefix, limit in BODY_LIMITS.items() if path.startswith(prefix)), None)


def _is_logged_in(environ: dict[str, Any]) -> bool:
    key = parse_cookie(environ.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    return bool(key) and SESSION_KEY in import_module(settings.SESSION_ENGINE).SessionStore(key)


class BodySizeMiddleware:
    """Answer 413 to a body that is too large. Must precede any middleware that reads the body, but not the language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        size = content_length(request.META)
        if size <= PUBLIC_BYTES or size <= max_body_bytes(request.META):
            return self.get_response(request)
        if own := _registered_limit(request.path):
            return own.build_response(request, max_body_bytes(request.META))
        most = BYTES_MAX_BY_PATH.get(request.path, DESK_BYTES)
        context = {
            "is_desk": request.path.startswith("/admin/"),
            "megabytes": most // 1024**2,
            "moves_in": request.path == MOVE_IN_PATH,
        }
        page = render(request, "413.html", context, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        page.headers["Cache-Control"] = "no-store"
        return page
