"""The programs that `up` runs: web server, worker with its lanes, clock.

Web server, worker and each lane are processes. The clock is a thread of the worker, or a process without one.
"""

import json
import math
import os
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from importlib import import_module

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import set_urlconf

from newsletter import server
from newsletter.delivery import lane_process
from newsletter.operation import preparing, readiness, worker
from newsletter.operation.supervisor import AlreadyInUse, Child, exclusive_lock, page_status
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component

MAIL_URLCONF = "newsletter.public_urls"  # of lanes: saves 12 MB for the desk and the API
# What the web server would load at its first requests. Loaded before the forks, it is shared by all; and so much has
# been loaded then that a full garbage collection, which copies all that is shared, is rare in a process.
WEB_MODULES = ("newsletter.urls", "newsletter.api.v1")
IDLE_SECONDS = 20.0  # without a finished task; then an empty queue counts as a heartbeat
LOG_LEVEL = "WARNING"  # of worker and lanes
WILDCARD_HOSTS = {"", "0.0.0.0", "::"}  # noqa: S104  # nosec B104  # compared, not bound
# With Redis only: without it each process would count rate limits for itself.
WEB_PROCESSES = min(4, os.cpu_count() or 1)


class Program(StrEnum):
    WEB = "web"
    WORKER = "worker"
    CLOCK = "clock"


ALL_PROGRAMS = tuple(Program)
COMPONENTS = {  # whose heartbeats each program writes
    Program.WEB: (),
    Program.WORKER: (Component.DISPATCHER, Component.CONFIRMATIONS, Component.LANES, Component.WORKER),
    Program.CLOCK: (Component.CLOCK,),
}


def parse_programs(text: str) -> tuple[Program, ...]:
    """Parse comma-separated names. Raises ValueError."""
    names = [name.strip() for name in text.split(",")]
    if wrong := [name for name in names if name not in ALL_PROGRAMS]:
        raise ValueError(f"“{wrong[0]}” is none of {', '.join(ALL_PROGRAMS)}")
    return tuple(program for program in ALL_PROGRAMS if program in names)


def local_url(host: str, port: int) -> str:
    """The URL by which this machine reaches a web server that listens on host and port."""
    name = "127.0.0.1" if host in WILDCARD_HOSTS else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@dataclass(frozen=True)
class LockInfo:
    """The content of a lock file, about its holder; operation/healthy.py reads it too."""

    process: int
    host: str
    address: str = ""  # the URL of its web server

    @classmethod
    def for_this_process(cls, url: str = "") -> "LockInfo":
        return cls(os.getpid(), socket.gethostname(), url)

    def __str__(self) -> str:
        where = f", {self.address}" if self.address else ""
        return f"process {self.process} on {self.host}{where}"


@contextmanager
def hold_locks(programs: Sequence[Program], note: LockInfo) -> Iterator[None]:
    """Hold the locks of these programs in DATA_DIR. Raises AlreadyInUse with a description of the other holder."""
    with ExitStack() as stack:
        for program in programs:
            try:
                stack.enter_context(exclusive_lock(settings.DATA_DIR / f"up-{program}.lock", json.dumps(asdict(note))))
            except AlreadyInUse as holder:
                raise AlreadyInUse(f"{program}: {LockInfo(**json.loads(str(holder)))}") from None
        yield


def clear_heartbeats(programs: Sequence[Program]) -> None:
    """Delete these programs' heartbeats of this machine, before they start."""
    heartbeats.clear_beats(part for program in programs for part in COMPONENTS[program])


def children(programs: Sequence[Program], host: str, port: int) -> list[Child]:
    """The processes of these programs. docs/deploy.md runs the same ones by hand."""
    found = []
    if Program.WEB in programs:
        for name in WEB_MODULES:
            import_module(name)
        serve = partial(_serve, host, port, WEB_PROCESSES if settings.REDIS_URL else 1)
        found.append(Child("web", serve, probe=lambda: _is_answering(host, port)))
    if Program.WORKER in programs:
        found += worker_children(worker.CONCURRENCY, LOG_LEVEL, has_clock=Program.CLOCK in programs)
    elif Program.CLOCK in programs:
        found.append(Child("clock", worker.run_clock, last_beat=partial(heartbeats.last_beat, Component.CLOCK)))
    return found


@dataclass
class WorkerBeat:
    """When a worker finished a task or had none to do; with a clock, the older of this and the clock's heartbeat.

    With Redis another machine's worker may take all tasks. While Redis is down there are none, and afterwards they wait
    until the worker has reconnected.
    """

    has_clock: bool
    idle_at: float = 0.0  # when the queue was last found empty or down

    def __call__(self) -> float | None:
        worked_at = heartbeats.last_beat(Component.WORKER) or 0.0
        if time.monotonic() - worked_at > IDLE_SECONDS and not readiness.queue_length():
            self.idle_at = time.monotonic()
        ticked_at = heartbeats.last_beat(Component.CLOCK) if self.has_clock else math.inf
        return ticked_at and min(max(worked_at, self.idle_at), ticked_at)


def worker_children(threads: int, log_level: str, *, has_clock: bool, has_own_group: bool = True) -> list[Child]:
    """A worker and its lanes. threads: of the worker. has_own_group: see Child."""
    worker.load_tasks()  # before the forks: they share its memory, and start sooner
    work = partial(_work, threads, log_level, has_clock=has_clock)
    found = [Child("worker", work, last_beat=WorkerBeat(has_clock), has_own_group=has_own_group)]
    for slot in range(settings.DELIVERY_LANES):
        name = f"lane-{slot + 1}"
        last_beat = partial(heartbeats.last_beat, name)
        send = partial(_send, slot, log_level)
        found.append(Child(name, send, last_beat=last_beat, has_own_group=has_own_group))
    return found


def _serve(host: str, port: int, processes: int) -> None:
    # The only other thread waits for the end of the supervisor's pipe, and holds no lock that granian's forks need.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".* is multi-threaded, use of fork")
    server.serve(host, port, processes=processes)


def _work(threads: int, log_level: str, *, has_clock: bool) -> None:
    warnings.filterwarnings("ignore", category=UserWarning, module=r"celery\.platforms")  # that root runs it
    _replay_departures()
    worker.run(threads, log_level, has_clock=has_clock)


def _send(slot: int, log_level: str) -> None:
    set_urlconf(MAIL_URLCONF)
    _replay_departures()
    lane_process.serve_slot(slot, log_level)


def _replay_departures() -> None:
    try:
        preparing.replay_departures()
    except CommandError as error:  # another machine was updated meanwhile
        raise SystemExit(str(error)) from None


def _is_answering(host: str, port: int) -> bool:
    name = "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host  # noqa: S104  # nosec B104
    return page_status(name, port, "/healthz", timeout=2, headers={"Host": "localhost"}) == HTTPStatus.OK
