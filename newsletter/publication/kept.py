"""Whole pages, kept in this process, and never shown once anything in them has changed.

The database counts every change of what readers are shown: triggers add one to the site's version in the transaction of
the change, whoever writes, by the admin, a queryset's `update` or plain SQL. A page is kept under that version, so
nothing has to be dropped, and nothing can be forgotten. What time alone changes ends a page at a time that its view
names. Pages are kept compressed: nearly every client takes them so.

Of an address only the path and the parameters that its view declares count. Whatever else a client writes into the
query leads to the same page, and the view does not see it.

An app names the tables that readers see in its AppConfig: `tables_shown`.
"""

import gzip
import math
import pickle
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from itertools import product
from threading import Lock
from typing import Any, NamedTuple, cast

from django.apps import AppConfig, apps
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.paginator import EmptyPage, Page, Paginator
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import get_conditional_response, has_vary_header, patch_cache_control, patch_vary_headers
from django.utils.http import http_date, parse_http_date, urlencode

from newsletter.environ import ARRIVED_AT
from newsletter.publication.headers import takes_gzip
from newsletter.publication.models import SiteVersion

FUNCTION = "publication_count_change"


class _Asked(NamedTuple):
    at: float  # by time.monotonic(), before the database was asked
    number: int


_asked = _Asked(-math.inf, 0)


def version_since(arrived_at: float | None) -> int:
    """Return the site's version as it was at `arrived_at` (time.monotonic()) or later; as it is now without it.

    Requests that wait for their turn together are so served by one question to the database, and nobody sees
    a page older than their request. Under load the question was a third of what a kept page costs.
    """
    global _asked  # noqa: PLW0603 - one pair, put in place at once, whichever thread does it
    asked = _asked
    if arrived_at is None or asked.at < arrived_at:
        at = time.monotonic()
        asked = _asked = _Asked(at, SiteVersion.current())
    return asked.number


def tables_shown() -> list[str]:
    """Return the tables whose changes readers may see."""
    return [table for config in apps.get_app_configs() for table in getattr(config, "tables_shown", ())]


def count_changes(sender: AppConfig, *, using: str, **_event: object) -> None:
    """Have the database count; after each migrate, because SQLite loses the triggers of a table that it rebuilds."""
    connection = connections[using]
    if SiteVersion._meta.db_table not in (tables := connection.introspection.table_names()):
        return
    with connection.cursor() as cursor:
        for statement in _statements(connection, [table for table in tables_shown() if table in tables]):
            cursor.execute(statement)


def _statements(connection: BaseDatabaseWrapper, tables: list[str]) -> Iterator[str]:
    version = SiteVersion._meta.db_table
    add_one = (
        f"INSERT INTO {version} (id, number) VALUES (1, 1)"  # noqa: S608  # nosec B608  # our own table's name
        f" ON CONFLICT (id) DO UPDATE SET number = {version}.number + 1"
    )
    return _for_sqlite(tables, add_one) if connection.vendor == "sqlite" else _for_postgresql(tables, add_one)


def _for_sqlite(tables: list[str], add_one: str) -> Iterator[str]:
    for table, verb in product(tables, ("INSERT", "UPDATE", "DELETE")):
        name = f"{table}_{verb.lower()}_shown"
        yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {verb} ON {table} BEGIN {add_one}; END"


def _for_postgresql(tables: list[str], add_one: str) -> Iterator[str]:
    yield (
        f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {add_one}; RETURN NULL; END $$"
    )
    for table in tables:
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_shown AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
        )


LARGEST = 1 / 16  # of MAX_BYTES: a larger value is not kept, because it would push out what many requests need
OVERHEAD_BYTES = 400  # of an entry, besides its name and its value


class _Entry(NamedTuple):
    until: float | None  # Unix time; None for ever
    pickled: bytes


class Store:
    """A dictionary that drops what was not used for longest, one entry at a time. Safe for threads."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries, self.max_bytes = max_entries, max_bytes
        self.bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> bytes | None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or _is_over(entry):
                self._drop(name)
                return None
            self._entries.move_to_end(name)
            return entry.pickled

    def set(self, name: str, entry: _Entry, *, is_new: bool = False) -> bool:
        """Keep an entry; return whether it is kept. is_new: only if there is none of this name."""
        with self._lock:
            known = self._entries.get(name)
            if is_new and known and not _is_over(known):
                return False
            self._drop(name)
            if _is_over(entry) or (size := _size(name, entry)) > self.max_bytes * LARGEST:
                return False
            self._entries[name] = entry
            self.bytes += size
            self._shrink()
            return True

    def delete(self, name: str) -> bool:
        with self._lock:
            return self._drop(name)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def _shrink(self) -> None:
        while self.bytes > self.max_bytes or len(self._entries) > self.max_entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, name: str) -> bool:
        entry = self._entries.pop(name, None)
        self.bytes -= _size(name, entry) if entry else 0
        return entry is not None


def _is_over(entry: _Entry) -> bool:
    return entry.until is not None and entry.until <= time.time()


def _size(name: str, entry: _Entry) -> int:
    return len(name) + len(entry.pickled) + OVERHEAD_BYTES


_stores: dict[str, Store] = {}  # by LOCATION: Django makes a cache object for each thread


class BoundedMemoryCache(BaseCache):
    """Django's cache interface over a Store. OPTIONS: MAX_ENTRIES, and MAX_BYTES of names and values together.

    Django's own (locmem) counts no bytes, and drops a third of all entries at once.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params["OPTIONS"]
        self.store = _stores.setdefault(location, Store(options["MAX_ENTRIES"], options["MAX_BYTES"]))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        pickled = self.store.get(self.make_key(key, version))
        return default if pickled is None else pickle.loads(pickled)  # noqa: S301  # nosec B301  # our own bytes

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self.store.set(self.make_key(key, version), self._entry(value, timeout))

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self.store.set(self.make_key(key, version), self._entry(value, timeout), is_new=True)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self.store.delete(self.make_key(key, version))

    def clear(self) -> None:
        self.store.clear()

    def _entry(self, value: Any, timeout: Any) -> _Entry:
        return _Entry(self.get_backend_timeout(timeout), pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


LONGEST = timedelta(hours=1)
COMPRESSION = 6
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
                known = until(now) if until else None
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
    return path.startswith(("/admin/", "/api/v1/", "/static/", "/media/", "/r/", "/healthz", "/readyz", "/metrics"))


def _page(response: HttpResponse, until: datetime) -> KeptPage:
    if not response.has_header("Cache-Control"):  # a view may know better, as feeds do
        patch_cache_control(response, public=True, max_age=0, s_maxage=60, stale_while_revalidate=600)
    patch_vary_headers(response, ["Accept-Encoding"])
    headers = {name: value for name, value in response.items() if name != "Content-Length"}
    headers["ETag"] = f'W/"{sha256(response.content).hexdigest()[:20]}"'
    headers["Last-Modified"] = http_date(timezone.now().timestamp())
    return KeptPage(until.timestamp(), headers, gzip.compress(response.content, COMPRESSION, mtime=0))


def _answer(request: HttpRequest, page: KeptPage) -> HttpResponseBase:
    is_packed = takes_gzip(request.headers.get("Accept-Encoding", ""))
    response = HttpResponse(page.body if is_packed else gzip.decompress(page.body), headers=page.headers)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.content))
    changed_at = parse_http_date(page.headers["Last-Modified"])
    return get_conditional_response(request, page.headers["ETag"], changed_at, response) or response
