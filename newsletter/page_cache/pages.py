"""The page cache: a decorator for views and the middleware that serves from it.

The cache key holds the site's version, which database triggers increase in the transaction of each change, by any
writer: the admin, a queryset's `update` or plain SQL. So nothing has to be invalidated. A page that time alone will
change is cached until the time that its view names. Pages are stored compressed: nearly every client accepts gzip.

Of the query string only the parameters count that the view declares; others lead to the same page, and the view does
not see them. Each app lists in its AppConfig (`tables_shown`) the tables whose content readers see.
"""

import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, cast

from django.core.cache import caches
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import get_conditional_response, has_vary_header, patch_cache_control, patch_vary_headers
from django.utils.http import http_date, parse_http_date, urlencode

from newsletter.page_cache.site_version import site_version
from newsletter.wsgi_environ import ARRIVED_MONOTONIC_KEY

LIFETIME_MAX = timedelta(hours=1)
COMPRESSION = 6
NEVER_CACHED = ("/admin/", "/api/v1/", "/static/", "/media/", "/r/", "/healthz", "/readyz", "/metrics")  # path prefixes
NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)  # q=0 refuses it: RFC 9110, 12.5.3


@dataclass(frozen=True)
class CachedPage:
    """A complete response. body: compressed by gzip."""

    until: float  # Unix time
    headers: dict[str, str]
    body: bytes

    @property
    def is_fresh(self) -> bool:
        return timezone.now().timestamp() < self.until


def cached_page[V: Callable[..., HttpResponse]](
    until: Callable[[datetime], datetime | None] | None = None, *, parameters: Sequence[str] = ()
) -> Callable[[V], V]:
    """Cache a view's responses, which must be the same for everybody. The outermost decorator.

    until: given now, when time alone will change the page; None for never. A view may also set `changes_at` on its
        response: the earlier one counts.
    parameters: query parameters that the view reads. It must answer 200 only to valid values, each in one spelling;
        other responses are not cached.
    """

    def decorate(view: V) -> V:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            now = timezone.now()
            request.META["QUERY_STRING"] = query = _declared(request, parameters)
            request.GET = QueryDict(query)
            response = view(request, *args, **kwargs)
            if request.method in {"GET", "HEAD"} and response.status_code == HTTPStatus.OK:
                changes_at = until(now) if until else None
                ends = (changes_at, getattr(response, "changes_at", None), now + LIFETIME_MAX)
                response.cache_until = min(at for at in ends if at)  # type: ignore[attr-defined]  # for the middleware
            return response

        wrapper.cached_parameters = parameters  # type: ignore[attr-defined]
        return cast("V", wrapper)

    return decorate


def _declared(request: HttpRequest, names: Sequence[str]) -> str:
    """The query with only these parameters, in this order, the last value of each."""
    return urlencode([(name, request.GET[name]) for name in names if name in request.GET])


def requested_page[T](request: HttpRequest, paginator: "Paginator[T]") -> "Page[T]":
    """The page that `?page=` asks for; Http404, which is not cached, for a missing one or a number like 07 or +7."""
    value = request.GET.get("page", "1")
    if not NUMBER.fullmatch(value):
        raise Http404
    try:
        return paginator.page(int(value))
    except EmptyPage:
        raise Http404 from None


class PageCacheMiddleware:
    """Serve cached pages, and store responses of views with `cached_page`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = _key(request)
        page: CachedPage | None = caches["pages"].get(key) if key else None
        if page and page.is_fresh:
            return _response(request, page)
        response = self.get_response(request)
        until: datetime | None = getattr(response, "cache_until", None)
        if until is None or _is_personal(response):
            return response
        page = _page(response, until)
        if key:
            caches["pages"].set(key, page, LIFETIME_MAX.total_seconds())
        return _response(request, page)


def accepts_gzip(request: HttpRequest) -> bool:
    return GZIP.search(request.headers.get("Accept-Encoding", "")) is not None


def _is_personal(response: HttpResponse) -> bool:
    """A cookie (CSRF token) or `Vary: Cookie` marks a response for one client."""
    return bool(response.cookies) or response.has_header("Set-Cookie") or has_vary_header(response, "Cookie")


def _key(request: HttpRequest) -> str:
    """The cache key, the same for GET and HEAD; "" if the request cannot be cached."""
    if request.method not in {"GET", "HEAD"} or request.path.startswith(NEVER_CACHED):
        return ""
    address = f"{request.path}?{_query(request)}"
    version = site_version(not_before=request.META.get(ARRIVED_MONOTONIC_KEY))
    request.site_version = version  # type: ignore[attr-defined]  # for PublicationMiddleware
    return f"{version}:{sha256(address.encode()).hexdigest()[:32]}"


def _query(request: HttpRequest) -> str:
    """The declared part of the query. Without one no URL is resolved, which takes as long as a cached page."""
    if not request.META.get("QUERY_STRING"):
        return ""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return ""
    return _declared(request, getattr(view, "cached_parameters", ()))


def _page(response: HttpResponse, until: datetime) -> CachedPage:
    if not response.has_header("Cache-Control"):  # views may set their own, as feeds do
        patch_cache_control(response, public=True, max_age=0, s_maxage=60, stale_while_revalidate=600)
    patch_vary_headers(response, ["Accept-Encoding"])
    headers = {name: value for name, value in response.items() if name != "Content-Length"}
    headers["ETag"] = f'W/"{sha256(response.content).hexdigest()[:20]}"'
    headers["Last-Modified"] = http_date(timezone.now().timestamp())
    return CachedPage(until.timestamp(), headers, gzip.compress(response.content, COMPRESSION, mtime=0))


def _response(request: HttpRequest, page: CachedPage) -> HttpResponseBase:
    is_compressed = accepts_gzip(request)
    response = HttpResponse(page.body if is_compressed else gzip.decompress(page.body), headers=page.headers)
    if is_compressed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.content))
    changed_at = parse_http_date(page.headers["Last-Modified"])
    return get_conditional_response(request, page.headers["ETag"], changed_at, response) or response
