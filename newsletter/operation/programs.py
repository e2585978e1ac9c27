"""The programs that `up` runs: web server, worker and clock, all of them or some."""

import http.client
import json
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.utils import translation

from newsletter import queue, server
from newsletter.operation import clock, forks, hands
from newsletter.operation.forks import Fork
from newsletter.operation.supervisor import Child, Taken, only_one
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Part

APPLICATION = "newsletter.rsgi"
DRAWING = "PIL.ImageDraw"  # which a page's picture asks for later: each process would have it for itself
HANDS, LOG_LEVEL = 2, "WARNING"  # of the worker
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
    Program.WORKER: (Part.DISPATCHER, Part.CONFIRMATIONS, Part.LANES, Part.WORKER, Part.HANDS),
    Program.CLOCK: (Part.CLOCK,),
}


def named(text: str) -> tuple[Program, ...]:
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
class Note:
    """What a lock file says about its holder; operation/healthy.py reads it too."""

    process: int
    host: str
    address: str = ""

    @classmethod
    def ours(cls, address: str = "") -> "Note":
        return cls(os.getpid(), socket.gethostname(), address)

    def __str__(self) -> str:
        where = f", {self.address}" if self.address else ""
        return f"process {self.process} on {self.host}{where}"


@contextmanager
def held(programs: Sequence[Program], note: Note) -> Iterator[None]:
    """Be the only one in DATA_DIR that runs these programs. Raises Taken with what is to be said of the other one."""
    with ExitStack() as stack:
        for program in programs:
            try:
                stack.enter_context(only_one(settings.DATA_DIR / f"up-{program}.lock", json.dumps(asdict(note))))
            except Taken as holder:
                raise Taken(f"{program}: {Note(**json.loads(str(holder)))}") from None
        yield


def forget_heartbeats(programs: Sequence[Program]) -> None:
    """Forget the heartbeats of this machine that these programs leave, before they are started."""
    heartbeats.forget(part for program in programs for part in BEATS[program])


def load(programs: Sequence[Program]) -> None:
    """Load what these programs need, before they are started as copies of this process."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"celery\.platforms")  # that root runs it
    if Program.WEB in programs:
        server.load()
        import_module(APPLICATION)
        import_module(DRAWING)
        import_module(settings.ROOT_URLCONF)
    if Program.WORKER in programs:
        hands.load()
    if Program.CLOCK in programs:
        clock.load()
    if not settings.REDIS_URL and Program.WORKER in programs:
        queue.lay_wire()
    _look_up()
    connections.close_all()  # a copy of an open one would let go of the locks of both
    forks.settle()


def _look_up() -> None:
    """Have what Django finds out only when it is asked be in memory once: languages, and how models hang together."""
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            translation.gettext("")
    for model in apps.get_models():
        model._meta.get_fields()
        str(model._base_manager.all().query)


def children(programs: Sequence[Program], host: str, port: int, say: Callable[[str], None]) -> list[Child]:
    """Return the programs to run, each as a copy of this process. docs/deploy.md runs the same ones by hand."""
    processes = WEB_PROCESSES if settings.REDIS_URL else 1
    serve = partial(server.serve, host, port, processes=processes)
    work = partial(hands.run, HANDS, LOG_LEVEL, say)
    known = {
        Program.WEB: Fork("web", [f"newsletter web {host} {port}"], work=serve, answers=lambda: _answers(host, port)),
        # The clock is a program of its own: `worker -B` leaves an orphan that goes on publishing after kill -9.
        Program.WORKER: Fork("worker", ["newsletter worker"], work=work, beats=worked),
        Program.CLOCK: Fork("beat", ["newsletter clock"], work=clock.run, beats=_ticked),
    }
    return [known[program] for program in programs]


def worked() -> float | None:
    """Return since when both are so: a worker takes tasks, and the one of this machine looks after its hands.

    With Redis another machine's worker may take all tasks. It does not mend one that stands still here.
    """
    tasks, hands = heartbeats.latest(Part.WORKER, anywhere=True), heartbeats.latest(Part.HANDS)
    return None if tasks is None or hands is None else min(tasks, hands)


def _ticked() -> float | None:
    return heartbeats.latest(Part.CLOCK)


def _answers(host: str, port: int) -> bool:
    name = "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host  # noqa: S104  # nosec B104
    with closing(http.client.HTTPConnection(name, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
