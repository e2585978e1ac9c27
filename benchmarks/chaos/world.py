"""Machines, servers and the author of a chaos run, as real processes, and everything that can be done to them."""

import json
import os
import re
import resource
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from tests.flows.seeds import compose_issue_1
from tests.support.documented_backup import name_database
from tests.support.migrated import migrated_file, restore_migrated
from tests.support.postgres import Postgres
from tests.support.processes import PARENT_DEATH, kill
from tests.support.product import ROOT, Product
from tests.support.redis import Redis
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until
from tests.support.wire import Wire

REPLY_SECONDS = 0.004  # of the SMTP server for each message
HANDS = 4  # of each worker
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)  # Debian: faketime
MEMORY = re.compile(r"^\d+: FLOCK +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) ", re.MULTILINE)

# The author's seat: Python inside Django that does what each line says, and lives as long as the run.
SEAT = """
import json, sys
from django.db import connection
for line in sys.stdin:
    scope = {}
    try:
        exec(json.loads(line), scope)
        said = {"answer": scope.get("answer")}
    except Exception as error:  # for the run, which judges it
        said = {"error": f"{type(error).__name__}: {error}"}
    connection.close()
    print(json.dumps(said), flush=True)
"""


class AuthorAway(Exception):
    """What the author wished did not happen; the message says why."""


class Author:
    """Somebody at the desk, whose database and queue may be gone at any moment."""

    def __init__(self, product: Product, name: str) -> None:
        self.product, self.name = product, name
        self.sit_down()

    def sit_down(self) -> None:
        leashed = [sys.executable, "-S", "-E", str(PARENT_DEATH), "-"]
        command = [*leashed, sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c", SEAT]
        with (self.product.logs / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.product.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def ask(self, code: str, seconds: float = 60) -> Any:
        """Run code inside Django; return its `answer`. Raises AuthorAway when it fails or takes too long."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.poll() is not None:  # killed with its whole machine
            self.leave()
            self.sit_down()
            raise AuthorAway("killed")
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            self.leave()
            self.sit_down()
            raise AuthorAway(f"no answer in {seconds:g} s")
        said = json.loads(self.process.stdout.readline())
        if "error" in said:
            raise AuthorAway(said["error"])
        return said["answer"]

    def leave(self) -> None:
        kill(self.process)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


class Machine(Product):
    """One machine of the installation: a folder of its own, a worker, and a clock for each part that can be moved.

    forks: as of Product; clocks of parts that are forks cannot be moved.
    """

    def __init__(self, folder: Path, *, forks: bool = False, **urls: str) -> None:
        self.pipes: dict[str, Path] = {}  # in the place of a part's log
        super().__init__(folder, forks=forks, **urls)
        self.env |= {"SITE_URL": "https://news.example.org", "SECRET_KEY": "the same on every machine" * 3}
        self.starters: dict[str, Callable[[], None]] = {
            "worker": self.start_worker_with_clock,
            "beat": self.start_beat,
            "web": self.serve_web,
        }
        for name in self.starters:
            self.set_clock(name, 0)
        self.own_restarts = 0

    def set_clock(self, name: str, ahead_seconds: int) -> None:
        clock = self._clock(name)
        draft = clock.with_suffix(".draft")
        draft.write_text(f"{ahead_seconds:+d}\n")
        draft.rename(clock)

    def _clock(self, name: str) -> Path:
        return self.folder / f"clock of {name}"

    def begin(self, name: str) -> None:
        """Start a part, with its own clock."""
        real = self.env
        if FAKETIME and not self.forks:
            self.env = real | {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock(name)),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_RESET": "1",
            }
        try:
            self.starters[name]()
        finally:
            self.env = real

    def start_worker_with_clock(self) -> None:
        """Start a worker as `up` does: its clock is a thread of it. Beside the other one it does no harm."""
        self._start("worker", [sys.executable, "manage.py", "run_worker", "--hands", str(HANDS), "--clock"])

    def keep_running(self) -> None:
        """Start again what has died, as systemd does."""
        for name in self.starters:
            if name in self.running and self.running[name].poll() is not None:
                self.own_restarts += 1
                self.restart(name)

    def restart(self, name: str, *, alone: bool = False) -> None:
        """`kill -9` a part, with its children or alone, and start it again."""
        if alone:
            os.kill(self.running[name].pid, signal.SIGKILL)
            self.running[name].wait()
        else:
            kill(self.running[name])
        self.begin(name)

    def restart_without_log(self, name: str) -> None:
        """`kill -9` a part; start it again with a pipe for a log, whose reader then goes away."""
        pipe = self.folder / f"log of {name}"
        if not pipe.exists():
            os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.pipes[name] = pipe
        try:
            self.restart(name)
        finally:
            del self.pipes[name]
            os.close(reader)

    def _log(self, name: str) -> Path:
        return self.pipes.get(name) or super()._log(name)

    def send(self, number: signal.Signals) -> None:
        """Send all parts, and their children, a signal."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def idle_hands(self) -> list[int]:
        """Return the processes of the worker that send nothing at the moment."""
        worker, lane = self.running["worker"].pid, self.lane()
        with suppress(OSError):
            children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
            return [int(pid) for pid in children if int(pid) != lane]
        return []

    def lane(self) -> int | None:
        """Return the process that runs the lane: it holds the lock of the machine's slot."""
        lock = self.data / "locks" / "slot-0"
        inode = str(lock.stat().st_ino) if lock.exists() else ""
        return next((int(pid) for pid, file in MEMORY.findall(Path("/proc/locks").read_text()) if file == inode), None)

    def end_orphans(self) -> None:
        """End what outlived a worker that was killed alone; it may run a lane until then."""
        groups = {process.pid for process in self.running.values()}
        for pid in self.pids():
            with suppress(ProcessLookupError):
                if os.getpgid(pid) not in groups and b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no process of the worker write a byte to a file; what it starts meanwhile neither."""
        pids = [pid for pid in self.pids() if b"worker" in _command(pid)]
        for pid in pids:
            _limit(pid, 0)
        try:
            yield
        finally:
            for pid in self.pids():
                _limit(pid, resource.RLIM_INFINITY)


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _limit(pid: int, octets: int) -> None:
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


class World:
    """An installation on one machine with SQLite, or on two with PostgreSQL and Redis, and its SMTP server.

    The first machine has a web server, the other one wires to database and Redis that can be cut. Each has two clocks,
    of which docs/deploy.md says that they do no harm.
    """

    def __init__(self, engine: str, folder: Path, *, forks: bool = False) -> None:
        self.engine, self.folder, self.forks = engine, folder, forks
        for name in ("smtp", "letters"):
            (folder / name).mkdir(parents=True)
        self.smtp = Smtp(folder / "smtp", reply_seconds=REPLY_SECONDS)
        self.letters = Smtp(folder / "letters")  # takes what is no copy of the mailing
        self.postgres = Postgres() if engine == "postgres" else None
        self.redis = Redis() if engine == "postgres" else None
        self.wires: list[Wire] = []
        self.machines: list[Machine] = []
        self.author: Author | None = None
        self.doctor: Author | None = None  # who asks how it goes, whatever the author does
        self.gone: dict[str, int] = {}  # who left or was erased, and how many messages had been accepted by then
        self.newcomers: dict[str, float] = {}  # who waits for a confirmation, and since when by the monotonic clock
        self.remarks: list[str] = []  # what a fault found wrong
        self.database = Lock()  # held while the database is exchanged
        self._read, self._count, self._counting = 0, 0, Lock()

    def start(self, readers: list[str]) -> None:
        self.smtp.start()
        self.letters.start()
        urls = {"mail_url": self.letters.url}
        if self.postgres and self.redis:
            self.postgres.start()
            self.redis.start()
            urls |= {"database_url": name_database(self.postgres), "redis_url": self.redis.url}
            restore_migrated(self.postgres, urls["database_url"])
        self.machines = [Machine(self.folder / "first", forks=self.forks, **urls)]
        if self.postgres and self.redis:
            self.wires = [self._wire_to(port) for port in (self.postgres.port, self.redis.port)]
            for wire in self.wires:
                urls = {name: wire.through(url) for name, url in urls.items()}
            self.machines.append(Machine(self.folder / "second", forks=self.forks, **urls))
        for machine in self.machines:
            machine.env["BULK_MAIL_URL"] = self.smtp.url
        if not self.postgres:
            self.first.begin_with(migrated_file())
        compose_issue_1(self.first, readers)
        self.begin_all()
        self.author, self.doctor = Author(self.first, "author"), Author(self.first, "doctor")

    def _wire_to(self, port: int) -> Wire:
        wire = Wire(self.folder, port)
        wire.start()
        return wire

    @property
    def seats(self) -> list[Author]:
        return [seat for seat in (self.author, self.doctor) if seat]

    def leave_seats(self) -> None:
        for seat in self.seats:
            seat.leave()

    def take_seats(self) -> None:
        for seat in self.seats:
            seat.sit_down()

    @property
    def first(self) -> Machine:
        return self.machines[0]

    def begin_all(self) -> None:
        for machine in self.machines:
            machine.begin("worker")
            machine.begin("beat")
        self.first.begin("web")

    def stop(self) -> None:
        """End everything, and leave no process."""
        self.leave_seats()
        for machine in self.machines:
            machine.kill()
        for server in (*self.wires, self.redis, self.postgres):
            if server:
                server.stop()
        self.smtp.kill()
        self.letters.kill()

    def stall(self) -> Callable[[], None]:
        """Have the database take no more and say nothing; return what ends that."""
        if self.postgres:
            self.postgres.send(signal.SIGSTOP)
            return partial(self.postgres.send, signal.SIGCONT)
        database = sqlite3.connect(self.first.data / "newsletter.sqlite3", timeout=30, isolation_level=None)
        database.execute("BEGIN IMMEDIATE")  # it can be read, and not be written to
        return database.close

    def accepted(self) -> int:
        """Return how many messages the SMTP server has accepted so far."""
        log = self.smtp.folder / "log"
        with self._counting:
            if log.exists():
                with log.open("rb") as lines:
                    lines.seek(self._read)
                    new = lines.read()
                self._read += len(new)
                self._count += new.count(b"\n")
            return self._count

    def keep_running(self) -> None:
        for machine in self.machines:
            machine.keep_running()

    def wait_for_lane(self, wished: Machine, *, meanwhile: Callable[[], None], seconds: float = 20) -> int:
        """Return the process of a machine's lane, or of another's; raise AssertionError when there is none."""
        machines = [wished, *(machine for machine in self.machines if machine is not wished)]

        def lane() -> int | None:
            self.keep_running()
            meanwhile()
            return next((pid for machine in machines if (pid := machine.lane())), None)

        return wait_until(lane, seconds, what="a lane", every=0.01) or 0
