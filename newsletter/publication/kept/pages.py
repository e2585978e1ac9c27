"""Whole pages, kept in this process, and never shown once anything in them has changed.

A page is kept under the site's version (kept/freshness.py), which every change of what readers see moves on in its
own transaction; so nothing has to be dropped, and nothing can be forgotten. What time alone changes ends a
page at a time that its view names. Pages are kept compressed: nearly every client takes them so.

Of an address only the path and the parameters that its view declares count. Whatever else a client writes into the
query leads to the same page, and the view does not see it.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from django.core.cache import caches
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import get_conditional_response, has_vary_header, patch_cache_control, patch_vary_headers
from django.utils.http import http_date, parse_http_date, urlencode

from newsletter.environ import ARRIVED_AT
from newsletter.publication.headers import takes_gzip
from newsletter.publication.kept.freshness import version_since

LONGEST = timedelta(hours=1)
COMPRESSION = 6
GZIP = 16 + zlib.MAX_WBITS  # zlib's own number for that format
NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


@dataclass(frozen=True)
class KeptPage:
    """A whole answer. body: compressed by gzip."""

    until: float  # Unix time
    headers: dict[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return timezone.now().timestamp() < self.until


def kept[V: Callable[..., HttpResponse]](
    until: Callable[[datetime], datetime | None] | None = None, *, parameters: Sequence[str] = ()
) -> Callable[[V], V]:
    """Have a view's pages kept, which must be the same for everybody. It stands above all other decorators.

    until: given now, returns when time alone will change the page; None for never. Where making the page tells it
        already, the view sets it as `changes_at` of its response: the earlier one counts.
    parameters: those of the query that the view reads. It must answer with 200 only to values that it knows, each in
        one spelling: every other answer is not kept.
    """

    def decorate(view: V) -> V:
        @wraps(view)
        def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            now = timezone.now()
            request.META["QUERY_STRING"] = query = _declared(request, parameters)
            request.GET = QueryDict(query)
            response = view(request, *args, **kwargs)
            if request.method in {"GET", "HEAD"} and response.status_code == HTTPStatus.OK:
                known = _remembered(request, until, now) if until else None
                ends = (known, getattr(response, "changes_at", None), now + LONGEST)
                response.keep_until = min(at for at in ends if at)  # type: ignore[attr-defined]  # for the middleware
            return response

        marked.kept_parameters = parameters  # type: ignore[attr-defined]
        return cast("V", marked)

    return decorate


def _declared(request: HttpRequest, names: Sequence[str]) -> str:
    """Return the query with nothing but these parameters, in this order, the last value of each."""
    return urlencode([(name, request.GET[name]) for name in names if name in request.GET])


def asked_page[T](request: HttpRequest, paginator: "Paginator[T]") -> "Page[T]":
    """Return the page of a list that `page` names. Raise Http404 for one that does not exist, which is not kept."""
    try:
        return paginator.page(asked_number(request, "page"))
    except EmptyPage:
        raise Http404 from None


def asked_number(request: HttpRequest, name: str) -> int:
    """Return a positive number of the query, 1 without one. Raise Http404 for another spelling, as 07 or +7."""
    asked = request.GET.get(name, "1")
    if not NUMBER.fullmatch(asked):
        raise Http404
    return int(asked)


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
        page: KeptPage | None = caches["pages"].get(key) if key else None
        if page and page.is_good:
            return _answer(request, page)
        response = self.get_response(request)
        until: datetime | None = getattr(response, "keep_until", None)
        if until is None or _is_personal(response):
            return response
        page = _page(response, until)
        if key:
            caches["pages"].set(key, page, LONGEST.total_seconds())
        return _answer(request, page)


def _is_personal(response: HttpResponse) -> bool:
    """Return whether an answer belongs to one client: a form's token in it comes with a cookie, a name with Vary."""
    return bool(response.cookies) or response.has_header("Set-Cookie") or has_vary_header(response, "Cookie")


def _key(request: HttpRequest) -> str:
    """Return what the page of this request is kept under, GET and HEAD alike; "" if it cannot be kept."""
    if request.method not in {"GET", "HEAD"} or _is_private(request.path):
        return ""
    address = f"{request.path}?{_query(request)}"
    version = version_since(request.META.get(ARRIVED_AT))
    request.site_version = version  # type: ignore[attr-defined]  # for PublicationMiddleware
    return f"{version}:{sha256(address.encode()).hexdigest()[:32]}"


def _query(request: HttpRequest) -> str:
    """Return what counts of the query. Only an address that has one is looked up: that costs as much as a kept page."""
    if not request.META.get("QUERY_STRING"):
        return ""
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return ""
    return _declared(request, getattr(view, "kept_parameters", ()))


def _is_private(path: str) -> bool:
    """Return whether a path is one of the author's or a machine's, to save the look."""
    if path.startswith(("/admin/", "/static/", "/media/", "/r/", "/healthz", "/readyz", "/metrics")):
        return True
    return path.startswith("/api/v1/") and not path.startswith("/api/v1/public/")


def _page(response: HttpResponse, until: datetime) -> KeptPage:
    if not response.has_header("Cache-Control"):  # a view may know better, as feeds do
        patch_cache_control(response, public=True, max_age=0, s_maxage=60, stale_while_revalidate=600)
    patch_vary_headers(response, ["Accept-Encoding"])
    headers = {name: value for name, value in response.items() if name != "Content-Length"}
    headers["ETag"] = f'W/"{sha256(response.content).hexdigest()[:20]}"'
    headers["Last-Modified"] = http_date(timezone.now().timestamp())
    return KeptPage(until.timestamp(), headers, _compressed(response.content))


def _compressed(content: bytes) -> bytes:
    """Return `content` as gzip has it. The beginning that all pages share, with the sheet, is compressed once."""
    end = content.find(b"</style>")
    if end < 0:
        return gzip.compress(content, COMPRESSION, mtime=0)
    begun = _begun(content[:end])
    rest = begun.packer.copy()
    return begun.packed + rest.compress(content[end:]) + rest.flush()


class _Begun(NamedTuple):
    packed: bytes  # what came out already
    packer: "zlib._Compress"


@lru_cache(maxsize=8)
def _begun(beginning: bytes) -> _Begun:
    packer = zlib.compressobj(COMPRESSION, wbits=GZIP)
    return _Begun(packer.compress(beginning), packer)


def _answer(request: HttpRequest, page: KeptPage) -> HttpResponseBase:
    is_packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(page.body if is_packed else gzip.decompress(page.body), headers=page.headers)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.content))
    changed_at = parse_http_date(page.headers["Last-Modified"])
    return get_conditional_response(request, page.headers["ETag"], changed_at, response) or response
