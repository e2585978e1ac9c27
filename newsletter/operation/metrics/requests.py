"""Counters of what the web processes of this machine answer: each has a file, and a scrape adds them up.

prometheus_client's own way for several processes. The files lie in DATA_DIR/metrics/, in a folder for each server that
was started: the counters of a server that is gone go with it, as those of a process that starts anew do.
https://prometheus.github.io/client_python/multiprocess/
"""

import logging
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

log = logging.getLogger(__name__)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds
KINDS = {  # by how a path begins: few, so that nobody's address becomes a label
    "/admin/": "desk",
    "/static/": "static",
    "/media/": "media",
    "/webhooks/": "webhook",
    "/api/": "api",
    "/r/": "link",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "health",
}
OTHERS = "page"
UNCOUNTED = "/healthz"  # `up` asks it all day: the counters' files would be written to the disk for that alone


class Counters(NamedTuple):
    answered: "Counter"
    seconds: "Histogram"
    kept: "Counter"


_counters: Counters | None = None  # of this process, once it counts


def start() -> None:
    """Begin to count in this process, a web server's; a folder that cannot be written is told, and nothing counted."""
    global _counters  # noqa: PLW0603  # one a process
    folder = _folder(os.getppid())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _forget_dead_servers()
    except OSError as error:
        log.warning("requests are not counted: %s", error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # read when the library is imported
    from prometheus_client import CollectorRegistry, Counter, Histogram  # noqa: PLC0415 - 4 MB of a web process alone

    registry = CollectorRegistry()  # each process has its own; what is told is read from the files
    _counters = Counters(
        Counter("newsletter_http_requests", "Requests that were answered.", ["kind", "status"], registry=registry),
        Histogram(
            "newsletter_http_request_seconds", "Time to the answer.", ["kind"], buckets=BUCKETS, registry=registry
        ),
        Counter(
            "newsletter_kept_pages", "Public pages, by whether they were kept from before.", ["hit"], registry=registry
        ),
    )


def observe(path: str, status: int, seconds: float, *, kept: bool | None) -> None:
    """Count one answer, if this process counts. kept: whether it was a page kept from before; None for no such page."""
    if _counters is None or path == UNCOUNTED:
        return
    answered, took = _of(_counters, kind_of(path), status // 100)
    answered.inc()
    took.observe(seconds)
    if kept is not None:
        _kept(_counters, kept).inc()


@cache
def _of(counters: Counters, kind: str, status: int) -> tuple["Counter", "Histogram"]:
    """Return what counts one kind of request; looked up each time it would cost as much as the counting."""
    return counters.answered.labels(kind, f"{status}xx"), counters.seconds.labels(kind)


@cache
def _kept(counters: Counters, hit: bool) -> "Counter":
    return counters.kept.labels(str(hit).lower())


def kind_of(path: str) -> str:
    return KINDS.get(path[: path.find("/", 1) + 1] or path, OTHERS)


def add_to(registry: "CollectorRegistry") -> None:
    """Let `registry` tell what all processes of this server have counted."""
    if _counters is not None:
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - as in start()

        MultiProcessCollector(registry, str(_folder(os.getppid())))  # type: ignore[no-untyped-call]  # it has no types


def _folder(server: int) -> Path:
    folder: Path = settings.DATA_DIR / "metrics" / str(server)
    return folder


def _forget_dead_servers() -> None:
    for folder in (settings.DATA_DIR / "metrics").iterdir():
        if folder.name.isdecimal() and not _lives(int(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
