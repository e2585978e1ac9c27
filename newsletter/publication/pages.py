"""Whole pages, kept in Redis or in this process, and never shown once anything in them has changed.

A page is kept under the site's version (freshness.py), which every change of what readers see moves on in its
own transaction; so nothing has to be dropped, and nothing can be forgotten. What time alone changes ends a
page at a time that its view names. Pages are kept compressed: nearly every client takes them so.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, cast

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.http import http_date, parse_http_date

from newsletter.publication.models import SiteVersion

LONGEST = timedelta(hours=1)
ADDRESS_LENGTH = 300  # bytes; nobody can fill the memory with addresses that lead to the same page
COMPRESSION = 6
NEVER_KEPT = {"Set-Cookie", "Content-Length"}


@dataclass(frozen=True)
class Page:
    """A whole answer. body: compressed by gzip."""

    until: float  # Unix time
    headers: dict[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return timezone.now().timestamp() < self.until


def kept[V: Callable[..., HttpResponse]](
    until: Callable[[datetime], datetime | None] | None = None,
) -> Callable[[V], V]:
    """Have a view's pages kept, which must be the same for everybody.

    until: given now, returns when time alone will change the page; None for never.
    """

    def decorate(view: V) -> V:
        @wraps(view)
        def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            now = timezone.now()
            response = view(request, *args, **kwargs)
            if request.method in {"GET", "HEAD"} and response.status_code == HTTPStatus.OK:
                changes_at = _remembered(request, until, now) if until else None
                response.keep_until = min(changes_at or now + LONGEST, now + LONGEST)  # type: ignore[attr-defined]
            return response

        return cast("V", marked)

    return decorate


def _remembered(request: HttpRequest, until: Callable[[datetime], datetime | None], now: datetime) -> datetime | None:
    """Return `until(now)`, asked once for all pages of a version of the site: what it looks at moves the version on."""
    version: int | None = getattr(request, "site_version", None)
    if version is None:
        return until(now)
    key = f"until:{version}:{until.__module__}.{until.__qualname__}"
    known: tuple[datetime | None] | None = caches["pages"].get(key)
    if known is None or (known[0] is not None and known[0] <= now):
        known = (until(now),)
        caches["pages"].set(key, known, LONGEST.total_seconds())
    return known[0]


class KeptPagesMiddleware:
    """Answer with the kept page where there is one; keep what a view says may be kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = _key(request)
        page: Page | None = caches["pages"].get(key) if key else None
        if page and page.is_good:
            return _answer(request, page)
        response = self.get_response(request)
        until: datetime | None = getattr(response, "keep_until", None)
        if until is None:
            return response
        page = _page(response, until)
        if key:
            caches["pages"].set(key, page, LONGEST.total_seconds())
        return _answer(request, page)


def _key(request: HttpRequest) -> str:
    """Return what the page of this request is kept under; "" if it cannot be kept."""
    address = request.get_full_path()
    if request.method not in {"GET", "HEAD"} or len(address) > ADDRESS_LENGTH or _is_private(request.path):
        return ""
    request.site_version = version = SiteVersion.current()  # type: ignore[attr-defined]
    return f"{version}:{sha256(address.encode()).hexdigest()[:32]}"


def _is_private(path: str) -> bool:
    """Return whether a path is one of the author's or a machine's, to save the look."""
    return path.startswith(("/admin/", "/static/", "/media/", "/healthz", "/readyz"))


def _page(response: HttpResponse, until: datetime) -> Page:
    if not response.has_header("Cache-Control"):  # a view may know better, as feeds do
        patch_cache_control(response, public=True, max_age=0, s_maxage=60, stale_while_revalidate=600)
    patch_vary_headers(response, ["Accept-Encoding"])
    headers = {name: value for name, value in response.items() if name not in NEVER_KEPT}
    headers["ETag"] = f'W/"{sha256(response.content).hexdigest()[:20]}"'
    headers["Last-Modified"] = http_date(timezone.now().timestamp())
    return Page(until.timestamp(), headers, gzip.compress(response.content, COMPRESSION, mtime=0))


def _answer(request: HttpRequest, page: Page) -> HttpResponseBase:
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(page.body if takes_gzip else gzip.decompress(page.body), headers=page.headers)
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.content))
    changed_at = parse_http_date(page.headers["Last-Modified"])
    return get_conditional_response(request, page.headers["ETag"], changed_at, response) or response
