"""The entry point of the web server: `granian --interface rsgi newsletter.rsgi:application`.

No thread ever waits for a client: the event loop reads the whole body, a thread runs Django (as WSGI), granian's
runtime sends the response, however slowly it is read. Why: docs/decisions/0030. Protocol: RSGI
1.5, granian's docs/spec/RSGI.md.
"""

import asyncio
import io
import logging
import math
import resource
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache, partial
from http import HTTPStatus
from logging.config import dictConfig
from pathlib import Path
from typing import IO, Any
from wsgiref.types import WSGIApplication

from django.conf import settings
from django.template.loader import render_to_string

from newsletter.wsgi import application as django
from newsletter.wsgi_environ import Environ, FileWrapper, Headers, environ_from_scope, refusal

# These import models, so they come after django.setup() in newsletter.wsgi.
from newsletter.background import machines  # isort: skip
from newsletter.desk import departures_thread  # isort: skip
from newsletter.operation import preparing  # isort: skip
from newsletter.limits import body_size  # isort: skip
from newsletter.publication import heartbeats  # isort: skip
from newsletter.publication.views import RETRY_AFTER_SECONDS  # isort: skip

LIVENESS = "/healthz"  # answered here while all threads are busy: a late answer would get the server killed
BODY_TIMEOUT_SECONDS = 30.0  # to receive a whole body
DESK_BODY_TIMEOUT_SECONDS = 300.0  # of a large one: 12 MB from a telephone, at 40 KB/s
FILE_CLOSE_DELAY_SECONDS = 60.0  # by then granian has opened the file of a response
UNREAD_TIMEOUT_SECONDS = 60.0  # a client that reads nothing for so long is dropped
THREAD_WAIT_SECONDS = 10.0  # then the response is 503: all threads may hang, as where the database is silent
STALLED_AFTER_SECONDS = 5.0  # a busy server that finishes no request for so long may hang
VIEW_THREADS = 16  # concurrent views; four processes stay below PostgreSQL's 100 connections
MAX_OPEN_FILES = 65_536  # of one process, connections included, if the system allows it

logger = logging.getLogger(__name__)


class NoFreeThread(Exception):
    """All threads were busy for THREAD_WAIT_SECONDS."""


class RsgiAdapter:
    """Serve a WSGI application over RSGI.

    on_start: called once in each worker process. unavailable: the page of a 503.
    """

    def __init__(
        self, wsgi: WSGIApplication, *, on_start: Callable[[], None] | None = None, unavailable: Callable[[], str] = str
    ) -> None:
        self.wsgi, self.on_start, self.unavailable = wsgi, on_start, unavailable
        self.has_served = False

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_OPEN_FILES if most == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        self.loop = loop
        self.threads = ThreadPoolExecutor(VIEW_THREADS, thread_name_prefix="view")
        self.unfinished, self.finished_at = 0, -math.inf  # running calls; the end of the last one by loop.time()
        if self.on_start:
            self.on_start()

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        if not self.has_served:  # only now is it certain that it listens
            self.has_served = True
            _drop_unread_connections()
        environ = environ_from_scope(scope)
        if refused := refusal(environ):
            proto.response_empty(*refused)
            return
        if _is_liveness_probe(environ) and self._is_busy():
            proto.response_str(HTTPStatus.OK, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], "ok\n")
            return
        try:
            await self._serve(environ, proto)
        except NoFreeThread:
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Retry-After", str(RETRY_AFTER_SECONDS))]
            proto.response_str(
                HTTPStatus.SERVICE_UNAVAILABLE, [*headers, ("Cache-Control", "no-store")], self.unavailable()
            )

    async def _serve(self, environ: Environ, proto: Any) -> None:
        try:
            body = await self._body(environ, proto) if _has_body(environ) else io.BytesIO()
        except TimeoutError:
            proto.response_str(HTTPStatus.REQUEST_TIMEOUT, [("Connection", "close")], "The request came too slowly.")
            return
        if body is None:
            proto.response_empty(HTTPStatus.BAD_REQUEST, [])
            return
        environ["wsgi.input"] = body
        await self._in_thread(partial(self._respond, environ, proto))

    def _is_busy(self) -> bool:
        """All threads are taken, and views still finish."""
        return self.unfinished >= VIEW_THREADS and self.loop.time() - self.finished_at < STALLED_AFTER_SECONDS

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        """Run `function` in a thread; an exception is logged and gives None. Raises NoFreeThread."""
        self.unfinished += 1
        work = self.threads.submit(_call_logging_errors, function)
        limit = self.loop.call_later(THREAD_WAIT_SECONDS, work.cancel)  # no effect once it has begun
        try:
            found = await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            raise NoFreeThread from None
        else:
            self.finished_at = self.loop.time()
            return found
        finally:
            self.unfinished -= 1
            limit.cancel()

    async def _body(self, environ: Environ, proto: Any) -> IO[bytes] | None:
        """Receive the body; None if the client disconnected before its end.

        A body that is too large is read and discarded up to the desk's limit, because browsers show a response only
        after they have sent everything. CONTENT_LENGTH keeps its size, by which BodySizeMiddleware refuses it.
        """
        declared, limit = body_size.content_length(environ), body_size.PUBLIC_BYTES
        if declared > limit:
            limit = await self._max_body_bytes(environ) or limit
        if declared > max(limit, body_size.DESK_BYTES):
            return io.BytesIO()
        is_public = limit == body_size.PUBLIC_BYTES
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS if is_public else DESK_BODY_TIMEOUT_SECONDS):
            size, body = await _received(proto, limit)
        if body is None or size < declared:
            return None
        environ["CONTENT_LENGTH"] = str(size)
        return body

    async def _max_body_bytes(self, environ: Environ) -> int | None:
        if not body_size.needs_database(environ):
            return body_size.max_body_bytes(environ)
        limit: int | None = await self._in_thread(partial(body_size.max_body_bytes, environ))
        return limit

    def _respond(self, environ: Environ, proto: Any) -> None:
        status, headers = 0, []

        def start_response(line: str, fields: Headers, exc_info: Any = None) -> Any:
            nonlocal status, headers
            status, headers = int(line[:3]), fields

        body = self.wsgi(environ, start_response)
        try:
            if isinstance(body, FileWrapper):
                body.send(proto, status, headers)
            elif getattr(body, "streaming", False):
                self._spool(body, proto, status, headers)
            else:
                proto.response_bytes(status, headers, b"".join(body))
        finally:
            if close := getattr(body, "close", None):
                close()
            environ["wsgi.input"].close()

    def _spool(self, body: Iterable[bytes], proto: Any, status: int, headers: Headers) -> None:
        """Write a streaming response to an unnamed file, so that a slow client holds no thread."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed later
        file.writelines(body)
        file.seek(0)
        proto.response_file(status, headers, f"/dev/fd/{file.fileno()}")
        self.loop.call_soon_threadsafe(self.loop.call_later, FILE_CLOSE_DELAY_SECONDS, file.close)


@cache
def _unavailable_page() -> str:
    return render_to_string("503.html")


def _call_logging_errors(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except BaseException:  # granian's own errors (pyo3) are no Exception
        logger.exception("A request has failed outside of Django")
        return None


def _drop_unread_connections() -> None:
    """Set TCP_USER_TIMEOUT on the listening socket; connections inherit it. Source: tcp(7).

    Granian does not expose its listener, so this searches the open descriptors. None is duplicated: closing a duplicate
    would end SQLite's locks on its database.
    """
    for file in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else []:
        with suppress(OSError):  # not a socket, or closed meanwhile
            found = socket.socket(fileno=int(file.name))
            try:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_TIMEOUT_SECONDS * 1000))
            finally:
                found.detach()  # granian closes it


async def _received(proto: Any, limit: int) -> tuple[int, IO[bytes] | None]:
    """Size and body: empty if larger than `limit`, None if the client disconnected.

    Bodies above the desk's limit (imports) are spooled to an unnamed file. A complete body ends with one empty chunk;
    after a disconnect granian 2.8 sends a second one.
    """
    size, ends = 0, 0
    with ExitStack() as stack:
        kept: IO[bytes] = io.BytesIO()
        if limit > body_size.DESK_BYTES:
            kept = stack.enter_context(tempfile.SpooledTemporaryFile(body_size.DESK_BYTES))
        async for chunk in proto:
            size += len(chunk)
            ends += not chunk
            if size <= limit:
                kept.write(chunk)
            if size > max(limit, body_size.DESK_BYTES):
                break
        if size > limit:
            return size, io.BytesIO()
        if ends > 1:
            return size, None
        stack.pop_all()  # closed by _respond
    kept.seek(0)
    return size, kept


def _is_liveness_probe(environ: Environ) -> bool:
    return environ["PATH_INFO"] == LIVENESS and environ["REQUEST_METHOD"] in {"GET", "HEAD"} and not _has_body(environ)


def _has_body(environ: Environ) -> bool:
    return "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ


def _on_start() -> None:
    dictConfig(settings.LOGGING)  # granian configures its own loggers, possibly after Django did
    preparing.make_folders()
    heartbeats.beat(heartbeats.WEB_SERVER)
    departures_thread.start()
    machines.keep_reporting(machines.WEB)


application = RsgiAdapter(django, on_start=_on_start, unavailable=_unavailable_page)
