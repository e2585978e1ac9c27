"""The programs that `up` runs, all of them or some: web server, worker with its lanes, clock.

Web server, worker and each lane are a process. The clock is a thread of the worker; alone it is a process as well.
"""

import http.client
import json
import math
import os
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial

from django.conf import settings
from django.core.management.base import CommandError
from django.urls import set_urlconf

from newsletter import server
from newsletter.delivery import lane_process
from newsletter.operation import preparing, serving, worker
from newsletter.operation.supervisor import AlreadyInUse, Child, exclusive_lock
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component

LETTERS_URLCONF = "newsletter.public_urls"  # of lanes: without the desk and the API they are 12 MB smaller
IDLE_SECONDS = 20.0  # without a task that has ended, after which it is asked whether one waits
LOG_LEVEL = "WARNING"  # of worker and lanes
EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  # nosec B104  # recognised here, not bound
# With Redis only: without it each process has a cache of its own, and the limits of the public doors are counted there.
WEB_PROCESSES = min(4, os.cpu_count() or 1)


class Program(StrEnum):
    WEB = "web"
    WORKER = "worker"
    CLOCK = "clock"


ALL = tuple(Program)
BEATS = {  # whose heartbeats each program leaves
    Program.WEB: (),
    Program.WORKER: (Component.DISPATCHER, Component.CONFIRMATIONS, Component.LANES, Component.WORKER),
    Program.CLOCK: (Component.CLOCK,),
}


def parse_programs(text: str) -> tuple[Program, ...]:
    """Return the programs whose names stand in `text`, with commas between them. Raises ValueError."""
    names = [name.strip() for name in text.split(",")]
    if wrong := [name for name in names if name not in ALL]:
        raise ValueError(f"“{wrong[0]}” is none of {', '.join(ALL)}")
    return tuple(program for program in ALL if program in names)


def address(host: str, port: int) -> str:
    """Return where a web server that listens there is found on this machine."""
    name = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@dataclass(frozen=True)
class LockNote:
    """What a lock file says about its holder; operation/healthy.py reads it too."""

    process: int
    host: str
    address: str = ""

    @classmethod
    def ours(cls, address: str = "") -> "LockNote":
        return cls(os.getpid(), socket.gethostname(), address)

    def __str__(self) -> str:
        where = f", {self.address}" if self.address else ""
        return f"process {self.process} on {self.host}{where}"


@contextmanager
def hold_locks(programs: Sequence[Program], note: LockNote) -> Iterator[None]:
    """Be the only one in DATA_DIR that runs these programs. Raises Taken with what is to be said of the other one."""
    with ExitStack() as stack:
        for program in programs:
            try:
                stack.enter_context(exclusive_lock(settings.DATA_DIR / f"up-{program}.lock", json.dumps(asdict(note))))
            except AlreadyInUse as holder:
                raise AlreadyInUse(f"{program}: {LockNote(**json.loads(str(holder)))}") from None
        yield


def clear_heartbeats(programs: Sequence[Program]) -> None:
    """Forget the heartbeats of this machine that these programs leave, before they are started."""
    heartbeats.clear_beats(part for program in programs for part in BEATS[program])


def children(programs: Sequence[Program], host: str, port: int) -> list[Child]:
    """Return the processes of these programs. docs/deploy.md runs the same ones by hand."""
    found = []
    if Program.WEB in programs:
        serve = partial(_serve, host, port, WEB_PROCESSES if settings.REDIS_URL else 1)
        found.append(Child("web", serve, answers=lambda: _answers(host, port)))
    if Program.WORKER in programs:
        found += workers(worker.CONCURRENCY, LOG_LEVEL, has_clock=Program.CLOCK in programs)
    elif Program.CLOCK in programs:
        found.append(Child("clock", worker.run_clock, beats=partial(heartbeats.last_beat, Component.CLOCK)))
    return found


@dataclass
class Worked:
    """When a worker did its work last: it has ended a task, or none waited for it. Its clock is a part of it.

    With Redis another machine's worker may take all tasks; while Redis is away there is none to be taken, and once it
    is back they wait until the worker has noticed.
    """

    has_clock: bool
    idle_at: float = 0.0  # when the queue was last seen to be away, or empty

    def __call__(self) -> float | None:
        worked = heartbeats.last_beat(Component.WORKER) or 0.0
        if time.monotonic() - worked > IDLE_SECONDS and not serving.has_waiting_tasks():
            self.idle_at = time.monotonic()
        ticked = heartbeats.last_beat(Component.CLOCK) if self.has_clock else math.inf
        return ticked and min(max(worked, self.idle_at), ticked)


def workers(hands: int, log_level: str, *, has_clock: bool, leads: bool = True) -> list[Child]:
    """Return a worker and its lanes. leads: as of a Child."""
    work = partial(_work, hands, log_level, has_clock=has_clock)
    found = [Child("worker", work, beats=Worked(has_clock), leads=leads)]
    for slot in range(settings.DELIVERY_LANES):
        name = f"lane-{slot + 1}"
        beats = partial(heartbeats.last_beat, name)
        found.append(Child(name, partial(_send, slot, log_level), beats=beats, leads=leads))
    return found


def _serve(host: str, port: int, processes: int) -> None:
    # The supervisor's thread in this process waits for the end of a pipe, and holds no lock that granian's forks need.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".* is multi-threaded, use of fork")
    server.serve(host, port, processes=processes)


def _work(hands: int, log_level: str, *, has_clock: bool) -> None:
    warnings.filterwarnings("ignore", category=UserWarning, module=r"celery\.platforms")  # that root runs it
    _remember()
    worker.run(hands, log_level, has_clock=has_clock)


def _send(slot: int, log_level: str) -> None:
    set_urlconf(LETTERS_URLCONF)
    _remember()
    lane_process.serve_slot(slot, log_level)


def _remember() -> None:
    try:
        preparing.replay_departures()
    except CommandError as error:  # another machine was updated meanwhile
        raise SystemExit(str(error)) from None


def _answers(host: str, port: int) -> bool:
    name = "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host  # noqa: S104  # nosec B104
    with closing(http.client.HTTPConnection(name, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
