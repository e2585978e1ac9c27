"""Keep child processes running: start, restart, stop. Independent of what they do.

Each child is a fork of this single-threaded process. It is monitored by the age of its heartbeat file (heartbeats.py)
or by probes over HTTP; a child that fails both is killed and restarted.
"""

import errno
import fcntl
import multiprocessing
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException
from multiprocessing.context import ForkProcess
from pathlib import Path
from threading import Thread

from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import SILENT_AFTER_SECONDS

STOP_SECONDS = 9.0  # from SIGTERM to SIGKILL, so that a stop takes less than ten seconds
STABLE_SECONDS = 30.0  # after so long a run, restart delays begin with the shortest again
STARTUP_SECONDS_MAX = 120.0  # for the first successful probe of a child
PROBE_RETRY_SECONDS = 3.0  # between probes of a child that failed the last one
PROBE_INTERVAL_SECONDS = 12.0  # between probes of a healthy child
HEARTBEAT_CHECK_SECONDS = 5.0  # between checks of the heartbeats
FAILED_PROBES_MAX, FAILURE_WINDOW_SECONDS = 3, 15.0  # so many failed probes within the window: restart
RESTART_DELAYS_SECONDS = (0.5, 1, 2, 4, 8)  # before the first, second, … restart in a row

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
fork = multiprocessing.get_context("fork")


class AlreadyInUse(Exception):
    """Another process holds the port or the lock; the message says which."""


@contextmanager
def exclusive_lock(lock: Path, note: str) -> Iterator[None]:
    """Hold the lock file while the block runs; the kernel releases it when the process dies.

    note: written to the file. Raises AlreadyInUse with the note of the current holder.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyInUse(file.read()) from None
        file.truncate(0)
        file.write(note)
        file.flush()
        os.register_at_fork(after_in_child=file.close)  # a copy that outlives this process must not hold it
        yield


def free_port(host: str, port: int) -> int:
    """`port` itself, or any free port if it is 0.

    Raises AlreadyInUse if another program listens on it, OSError if the address cannot be bound.
    """
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AlreadyInUse(f"{host}:{port}") from None
            raise
        return int(probe.getsockname()[1])


def page_status(host: str, port: int, page: str, *, timeout: float = 10, headers: Mapping[str, str] = {}) -> int:
    """The HTTP status of a page; 0 without a response."""
    with closing(HTTPConnection(host, port, timeout=timeout)) as client:
        try:
            client.request("GET", page, headers=headers)
            return client.getresponse().status
        except (OSError, HTTPException):
            return 0


@cache
def _lifeline(_pid: int) -> tuple[int, int]:
    """A pipe that nobody writes to. Only this process holds its write end: when it dies, readers get EOF."""
    return os.pipe()


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Child:
    """A supervised process. All times are of time.monotonic().

    work: runs until SIGTERM. probe: returns whether the child responds; None if it cannot be probed. last_beat: returns
    the time of its last heartbeat, None if unknown; None for a child without heartbeat. has_own_group: starts a process
    group, instead of staying in the supervisor's.
    """

    name: str
    work: Callable[[], None]
    probe: Callable[[], bool] | None = None
    last_beat: Callable[[], float | None] | None = None
    has_own_group: bool = True
    process: ForkProcess | None = None
    started_at: float = 0.0
    woken_at: float = 0.0  # when the supervisor itself resumed after a standstill, such as suspend
    restart_at: float = 0.0
    deaths: int = 0  # in a row, without a stable run between them
    next_probe_at: float = 0.0
    has_answered: bool = False  # since its start
    failed_at: list[float] = field(default_factory=list)  # the latest failed probes

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.has_answered, self.failed_at, self.next_probe_at = False, [], 0.0
        self.process = fork.Process(target=self._begin, args=_lifeline(os.getpid()), name=self.name)
        self.process.start()
        if self.has_own_group:
            with suppress(OSError):  # it did so itself, or has ended
                os.setpgid(self.pid, self.pid)

    def _begin(self, lifeline: int, held_by_parent: int) -> None:
        os.close(held_by_parent)
        if self.has_own_group:
            os.setpgid(0, 0)  # Ctrl-C reaches only the supervisor, which stops all in order
        signal.set_wakeup_fd(-1)  # the supervisor's
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        with suppress(OSError):
            Path("/proc/self/comm").write_text(self.name)  # what `ps -o comm` and `top` show (Linux)
        Thread(target=_end_with_parent, args=[lifeline], daemon=True).start()
        heartbeats.set_process_name(self.name)
        self.work()

    @property
    def pid(self) -> int:
        return (self.process and self.process.pid) or 0

    def run(self) -> int:
        """Do the work once; return its exit status."""
        self.start()
        fork_of_this = self.process
        assert fork_of_this  # noqa: S101 - it was just started
        fork_of_this.join()
        return fork_of_this.exitcode or 0

    def poll(self) -> int | None:
        """The exit status of the last process; None while it runs."""
        return self.process.exitcode if self.process else None

    def reap(self) -> int | None:
        """Return the exit status, once, of a child that has died, and schedule its restart."""
        if (status := self.poll()) is None:
            return None
        self.signal_group(signal.SIGKILL)  # its own children must not work beside its successor
        now = time.monotonic()
        self.deaths = 1 if now - self.started_at >= STABLE_SECONDS else self.deaths + 1
        self.restart_at = now + self.restart_delay
        self.process = None
        return status

    def has_stopped_answering(self) -> bool:
        """Probe the child if that is due. Failures during STARTUP_SECONDS_MAX do not count."""
        now = time.monotonic()
        if now < self.next_probe_at:
            return False
        if self.probe is None or self.probe():
            self.has_answered = True
            self.next_probe_at = now if self.is_doubtful else now + PROBE_INTERVAL_SECONDS
        elif self.has_answered or now - self.started_at > STARTUP_SECONDS_MAX:
            self.failed_at = [at for at in self.failed_at if now - at < FAILURE_WINDOW_SECONDS] + [now]
        return len(self.failed_at) >= FAILED_PROBES_MAX

    @property
    def is_doubtful(self) -> bool:
        """It has not answered yet, or a recent probe failed."""
        latest = self.failed_at[-1] if self.failed_at else -FAILURE_WINDOW_SECONDS
        return not self.has_answered or time.monotonic() - latest < FAILURE_WINDOW_SECONDS

    def is_silent(self) -> bool:
        """It runs, and its heartbeat is old."""
        if self.last_beat is None or self.process is None:
            return False
        beaten_at = self.last_beat() or 0.0
        if beaten_at < self.started_at:  # of its predecessor: a new process has twice the time
            beaten_at = self.started_at + SILENT_AFTER_SECONDS
        return time.monotonic() - max(beaten_at, self.woken_at) > SILENT_AFTER_SECONDS

    @property
    def restart_delay(self) -> float:
        return RESTART_DELAYS_SECONDS[min(self.deaths, len(RESTART_DELAYS_SECONDS)) - 1]

    def terminate(self) -> None:
        """Send SIGTERM to the child, but not to its own children."""
        if self.process is not None:
            self.process.terminate()

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the child and its own children, also after its death."""
        with suppress(ProcessLookupError):
            if self.process is not None and self.has_own_group:
                os.killpg(self.pid, number)
            elif self.process is not None and self.poll() is None:
                os.kill(self.pid, number)


@dataclass
class Supervisor:
    """Runs children until a stop signal.

    log: takes a line for the operator. on_ready: called once, when every child has answered.
    on_check: called after each check of the children; must not block.
    """

    children: Sequence[Child]
    log: Callable[[str], None]
    on_ready: Callable[[], object] = lambda: None
    on_check: Callable[[], None] | None = None
    _ready: bool = field(default=False, init=False)
    _next_check_at: float = field(default=0.0, init=False)
    _checked_at: float = field(default_factory=time.monotonic, init=False)

    def run(self) -> None:
        """Return after SIGINT, SIGTERM or SIGHUP, when no child is left."""
        with _signals() as inbox:
            try:
                while not _is_stop_requested(inbox, self._idle_seconds()):
                    self._restart_dead_and_check()
            finally:
                self._stop(inbox)

    def _restart_dead_and_check(self) -> None:
        for child in self.children:
            status = child.reap()
            if status is not None:
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self.log(f"{child.name} died ({how}); starting it again in {child.restart_delay:g} s.")
            if child.process is None and child.restart_at <= time.monotonic():
                child.start()
                if child.deaths:
                    self.log(f"{child.name} is started again.")
        if time.monotonic() >= self._next_check_at:
            self._check()

    def _check(self) -> None:
        """Check all children; kill those that hang, so that they are restarted."""
        self._notice_standstill()
        for child in self.children:
            if child.process is not None and child.has_stopped_answering():
                self._kill(child, f"has not answered {FAILED_PROBES_MAX} times in {FAILURE_WINDOW_SECONDS:g} s")
            elif child.is_silent():
                self._kill(child, f"has not done its work for {SILENT_AFTER_SECONDS:g} s")
        if not self._ready and all(child.has_answered for child in self.children):
            self._ready = True
            self.on_ready()
        if self.on_check:
            self.on_check()
        is_calm = not any(child.is_doubtful for child in self.children)
        self._next_check_at = time.monotonic() + (
            HEARTBEAT_CHECK_SECONDS if is_calm else PROBE_RETRY_SECONDS if self._ready else 0
        )

    def _notice_standstill(self) -> None:
        """After a long interval give the children time for a new heartbeat: the machine may have been suspended."""
        now = time.monotonic()
        if now - self._checked_at > SILENT_AFTER_SECONDS / 2:
            for child in self.children:
                child.woken_at = now
        self._checked_at = now

    def _kill(self, child: Child, why: str) -> None:
        self.log(f"{child.name} {why}; ending it.")
        child.failed_at = []
        child.signal_group(signal.SIGKILL)

    def _idle_seconds(self) -> float | None:
        """Seconds to wait for a signal; None for ever."""
        if not self._ready:
            return 0.05
        times = [child.restart_at for child in self.children if child.process is None]
        times += [self._next_check_at for child in self.children if child.probe or child.last_beat]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _stop(self, inbox: socket.socket) -> None:
        """Stop all children with SIGTERM, and with SIGKILL after STOP_SECONDS or a second signal."""
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.process and child.poll() is None for child in self.children):
            left = deadline - time.monotonic()
            if left <= 0 or _is_stop_requested(inbox, left):
                break
        for child in self.children:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.join()


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Yield a socket that receives the number of each signal, as a byte."""
    inbox, outbox = socket.socketpair()
    inbox.setblocking(False)
    outbox.setblocking(False)
    numbers = {*STOP_SIGNALS, signal.SIGCHLD}
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    previous = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
    try:
        yield inbox
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        inbox.close()
        outbox.close()


def _is_stop_requested(inbox: socket.socket, seconds: float | None) -> bool:
    """Wait up to `seconds` for signals; return whether one is a stop signal."""
    readable, _, _ = select.select([inbox], [], [], seconds)
    return bool(readable) and any(number in STOP_SIGNALS for number in inbox.recv(512))
