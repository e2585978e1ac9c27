"""A WSGI application behind newsletter/rsgi.py that echoes requests and responds in every way."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from newsletter import rsgi

rsgi.UNREAD_TIMEOUT_SECONDS = 2.0
rsgi.THREAD_WAIT_SECONDS = 3.0
MAY_GO = Event()
HANGS = Event()  # nobody sets it
NAPS = count(1)
ARRIVED: list[str] = []  # paths
FOLDER = Path(tempfile.gettempdir())


class Stream:
    """An iterable response like Django's StreamingHttpResponse."""

    streaming = True

    def __iter__(self) -> Iterator[bytes]:
        return (b"%d\n" % number for number in range(200_000))


def wait(environ: dict[str, Any]) -> list[bytes]:
    """Answer only once another request has been answered, which asks for /go."""
    return [b"went" if MAY_GO.wait(30) else b"waited in vain"]


def go(environ: dict[str, Any]) -> list[bytes]:
    MAY_GO.set()
    return [b"go"]


def nap(environ: dict[str, Any]) -> list[bytes]:
    """Answer later than the nap before, so that one ends after the other."""
    time.sleep(0.2 * next(NAPS))
    return [b"woken"]


def hang(environ: dict[str, Any]) -> list[bytes]:
    HANGS.wait(20)
    return [b"over"]


def show(environ: dict[str, Any]) -> list[bytes]:
    ARRIVED.append(environ["PATH_INFO"])
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps(shown | {"body": environ["wsgi.input"].read().decode("latin-1")}).encode()]


def large(environ: dict[str, Any], size: int = 1_000_000) -> Any:
    path = FOLDER / f"{size}"
    path.write_bytes(b"0123456789" * (size // 10))
    return environ["wsgi.file_wrapper"](path.open("rb"))


def cut(environ: dict[str, Any]) -> Any:
    """Answer with the end of a file that is open in its middle."""
    file = large(environ, 2_000_000)
    file.file.seek(-10, os.SEEK_END)
    return file


def broken(environ: dict[str, Any]) -> list[bytes]:
    raise SystemExit("outside of Django")


VIEWS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "/wait": wait,
    "/go": go,
    "/nap": nap,
    "/hang": hang,
    "/healthz": hang,
    "/arrived": lambda environ: [json.dumps(ARRIVED).encode()],
    "/large": large,
    "/huge": lambda environ: large(environ, 20_000_000),
    "/cut": cut,
    "/broken": broken,
    "/stream": lambda environ: Stream(),
}


def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
    body = VIEWS.get(environ["PATH_INFO"], show)(environ)
    fields = [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("X-Name" if environ["PATH_INFO"] != "/bad" else "X Name", "e"),
    ]
    start_response("201 Created", fields)
    return body


application = rsgi.RsgiAdapter(wsgi)
