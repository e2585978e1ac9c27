"""The entry point of the web server: `granian --interface rsgi newsletter.rsgi:application`.

No thread is ever held by a client. The event loop waits for bodies, granian's own runtime for those who read slowly;
Django is called in between, as the WSGI application that it is, with the whole body and for the whole answer.
Why: docs/decisions/0030. The protocol: RSGI 1.5, granian's docs/spec/RSGI.md.
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
from functools import partial
from http import HTTPStatus
from logging.config import dictConfig
from pathlib import Path
from typing import IO, Any
from wsgiref.types import WSGIApplication

from django.conf import settings

from newsletter.environ import Environ, Headers, SentFile, environ_of
from newsletter.wsgi import application as django

# What has models is loaded after them.
from newsletter.desk import catching_up  # isort: skip
from newsletter.operation import preparing  # isort: skip
from newsletter.publication import bodies  # isort: skip

LIVENESS = "/healthz"  # answered here while all threads are busy: who asks would end the server for answering late
BODY_SECONDS = 30.0  # from the head of a request to the end of its body
DESK_BODY_SECONDS = 300.0  # of a large one: 12 MB from a telephone, at 40 KB/s
OPENED_SECONDS = 60.0  # after which granian has surely opened a file that it was told to send
UNREAD_SECONDS = 60.0  # after which a client that takes nothing of its answer is dropped
GETS_ON_SECONDS = 5.0  # since the last answer of a busy server, after which it may be one that hangs
THREADS = 16  # views at a time; four processes of them stay below PostgreSQL's 100 connections
MOST_FILES = 65_536  # connections and files of one process, where the system allows so many

logger = logging.getLogger(__name__)


class Bridge:
    """An RSGI application that answers by a WSGI application. on_start: called once, in the process that answers."""

    def __init__(self, wsgi: WSGIApplication, *, on_start: Callable[[], None] | None = None) -> None:
        self.wsgi, self.on_start = wsgi, on_start
        self.is_asked = False

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        self.loop = loop
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="view")
        self.unfinished, self.finished_at = 0, -math.inf  # calls, and when the last one ended, by the loop's clock
        if self.on_start:
            self.on_start()

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        if not self.is_asked:  # only now does it surely listen
            self.is_asked = True
            _limit_unread_answers()
        environ = environ_of(scope)
        if _asks_for_life(environ) and self._is_busy():
            proto.response_str(HTTPStatus.OK, [("Content-Type", "text/plain"), ("Cache-Control", "no-store")], "ok\n")
            return
        try:
            body = await self._body(environ, proto) if _has_body(environ) else io.BytesIO()
        except TimeoutError:
            proto.response_str(HTTPStatus.REQUEST_TIMEOUT, [("Connection", "close")], "The request came too slowly.")
            return
        if body is None:
            proto.response_empty(HTTPStatus.BAD_REQUEST, [])
            return
        environ["wsgi.input"] = body
        await self._in_thread(partial(self._answer, environ, proto))

    def _is_busy(self) -> bool:
        """Whether all threads are taken, while views still finish."""
        return self.unfinished >= THREADS and self.loop.time() - self.finished_at < GETS_ON_SECONDS

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        """Return what `function` returns in a thread, or None if it raises, which is logged."""
        self.unfinished += 1
        try:
            return await self.loop.run_in_executor(self.threads, _logged, function)
        finally:
            self.unfinished -= 1
            self.finished_at = self.loop.time()

    async def _body(self, environ: Environ, proto: Any) -> IO[bytes] | None:
        """Return the body, or None if the client went away in the middle of it.

        One that is too large is thrown away while it comes, as far as a limit of the desk: browsers show an answer
        only once they have sent all. Its size stays in CONTENT_LENGTH, by which BodiesMiddleware refuses it.
        """
        declared, limit = bodies.length(environ), bodies.PUBLIC
        if declared > limit:
            limit = await self._limit(environ) or limit
        if declared > max(limit, bodies.DESK):
            return io.BytesIO()
        async with asyncio.timeout(BODY_SECONDS if limit == bodies.PUBLIC else DESK_BODY_SECONDS):
            size, body = await _received(proto, limit)
        if body is None or size < declared:
            return None
        environ["CONTENT_LENGTH"] = str(size)
        return body

    async def _limit(self, environ: Environ) -> int | None:
        """Return how much a request may send; None if that cannot be found out."""
        if not bodies.asks_database(environ):
            return bodies.limit(environ)
        asked: int | None = await self._in_thread(partial(bodies.limit, environ))
        return asked

    def _answer(self, environ: Environ, proto: Any) -> None:
        status, headers = 0, []

        def start_response(line: str, fields: Headers, exc_info: Any = None) -> Any:
            nonlocal status, headers
            status, headers = int(line[:3]), fields

        body = self.wsgi(environ, start_response)
        try:
            if isinstance(body, SentFile):
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
        """Write what is made bit by bit to a file without a name, so that the client's pace does not matter."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed later
        file.writelines(body)
        file.seek(0)
        proto.response_file(status, headers, f"/dev/fd/{file.fileno()}")
        self.loop.call_soon_threadsafe(self.loop.call_later, OPENED_SECONDS, file.close)


def _logged(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except BaseException:  # granian's own errors (pyo3) are no Exception
        logger.exception("A request has failed outside of Django")
        return None


def _limit_unread_answers() -> None:
    """Have the kernel drop a client that takes nothing for UNREAD_SECONDS; connections inherit it from their listener.

    Granian does not hand its listener out, so it is looked for. No file is duplicated meanwhile: a second descriptor
    keeps a flock, and closing one ends SQLite's locks on its database. Source: tcp(7), TCP_USER_TIMEOUT.
    """
    for file in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else []:
        with suppress(OSError):  # no socket, or closed meanwhile
            found = socket.socket(fileno=int(file.name))
            try:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
            finally:
                found.detach()  # it is not ours to close


async def _received(proto: Any, limit: int) -> tuple[int, IO[bytes] | None]:
    """Return the size of a body, and the body: empty if it is larger than `limit`, None if it broke off.

    What is larger than a form may be goes to a file without a name: only lists of readers are.
    A whole body ends with one empty chunk. Where it breaks off, granian 2.8 puts another one before that.
    """
    size, ends = 0, 0
    with ExitStack() as stack:
        kept: IO[bytes] = io.BytesIO()
        if limit > bodies.DESK:
            kept = stack.enter_context(tempfile.SpooledTemporaryFile(bodies.DESK))
        async for chunk in proto:
            size += len(chunk)
            ends += not chunk
            if size <= limit:
                kept.write(chunk)
            if size > max(limit, bodies.DESK):
                break
        if size > limit:
            return size, io.BytesIO()
        if ends > 1:
            return size, None
        stack.pop_all()  # whoever has answered closes it
    kept.seek(0)
    return size, kept


def _asks_for_life(environ: Environ) -> bool:
    return environ["PATH_INFO"] == LIVENESS and environ["REQUEST_METHOD"] in {"GET", "HEAD"} and not _has_body(environ)


def _has_body(environ: Environ) -> bool:
    return "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ


def _begin() -> None:
    dictConfig(settings.LOGGING)  # granian has set its own loggers up in this process, perhaps after Django did
    preparing.make_folders()
    catching_up.start()


application = Bridge(django, on_start=_begin)
