"""Keep processes running: start, restart, stop. Knows nothing of what they do.

Each is a fork of this process, which has one thread. It shows that it works by the age of a file (heartbeats.py), or
answers a question from outside; one that does neither is ended and started again.
"""

import errno
import fcntl
import multiprocessing
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.context import ForkProcess
from pathlib import Path
from threading import Thread

from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import SILENT_AFTER_SECONDS

STOP_SECONDS = 9.0  # from the first SIGTERM to SIGKILL; with it all is over within ten
STEADY_SECONDS = 30.0  # a child that ran this long had started well: the next pause is short again
START_SECONDS = 120.0  # that a child may take until it answers for the first time
CHECK_SECONDS = 3.0  # between two questions to a child that has not answered the last one
CALM_SECONDS = 12.0  # between two questions to one that has
LOOK_SECONDS = 5.0  # between two looks at the heartbeats
FAILURES, FAILURE_SECONDS = 3, 15.0  # so many without an answer in so short a time, and it is started again
PAUSE_SECONDS = (0.5, 1, 2, 4, 8)  # before the first, second, … restart in a row

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
fork = multiprocessing.get_context("fork")


class AlreadyInUse(Exception):
    """A port or a folder that something else holds."""


@contextmanager
def exclusive_lock(lock: Path, note: str) -> Iterator[None]:
    """Hold the lock file while the block runs; the kernel lets go of it when the process dies.

    note: kept in the file for the next one that tries. Raises Taken with the note of the present holder.
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
    """Return `port`, or a port that is free if it is 0.

    Raises Taken when another program listens on it, OSError when the address cannot be had at all.
    """
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that is only cooling down is free
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AlreadyInUse(f"{host}:{port}") from None
            raise
        return int(probe.getsockname()[1])


@cache
def _lifeline(_pid: int) -> tuple[int, int]:
    """Return a pipe into which nobody writes. Its second end is held by this process alone: when that dies, however
    it dies, those who read the first end are at the end of the file."""
    return os.pipe()


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Child:
    """One process that must always run.

    work: what it does until SIGTERM. answers: asks it from outside; returns whether it has answered. None for one that
    cannot be asked. beats: returns when it last did its work, None if that is not known; None for one without a
    heartbeat. leads: whether it begins a process group of its own, or stays in this one's.
    """

    name: str
    work: Callable[[], None]
    answers: Callable[[], bool] | None = None
    beats: Callable[[], float | None] | None = None
    leads: bool = True
    process: ForkProcess | None = None
    started_at: float = 0.0  # seconds of the monotonic clock, as all times here
    woken_at: float = 0.0  # when the supervisor went on after it had stood still itself, perhaps with all its children
    due_at: float = 0.0
    deaths: int = 0  # in a row, none of them after a steady run
    ask_at: float = 0.0  # not before
    has_answered: bool = False  # since it was started
    failed_at: list[float] = field(default_factory=list)  # the latest questions without an answer

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.has_answered, self.failed_at, self.ask_at = False, [], 0.0
        self.process = fork.Process(target=self._begin, args=_lifeline(os.getpid()), name=self.name)
        self.process.start()
        if self.leads:
            with suppress(OSError):  # it did so itself, or has ended
                os.setpgid(self.pid, self.pid)

    def _begin(self, lifeline: int, held_by_parent: int) -> None:
        """Do the work, in the new process."""
        os.close(held_by_parent)
        if self.leads:
            os.setpgid(0, 0)  # Ctrl-C reaches the supervisor alone, which then stops all in order
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
        """Return the exit status of the process that was started last, None while it lives."""
        return self.process.exitcode if self.process else None

    def reap(self) -> int | None:
        """Return the exit status once if the child has died, and set the time of its restart."""
        if (status := self.poll()) is None:
            return None
        self.signal_group(signal.SIGKILL)  # what it left behind must not work beside its successor
        now = time.monotonic()
        self.deaths = 1 if now - self.started_at >= STEADY_SECONDS else self.deaths + 1
        self.due_at = now + self.pause_seconds
        self.process = None
        return status

    def ask(self) -> bool:
        """Ask the child; return whether it has stopped answering. While it starts it may take its time."""
        now = time.monotonic()
        if now < self.ask_at:
            return False
        if self.answers is None or self.answers():
            self.has_answered = True
            self.ask_at = now if self.is_doubtful else now + CALM_SECONDS
        elif self.has_answered or now - self.started_at > START_SECONDS:
            self.failed_at = [at for at in self.failed_at if now - at < FAILURE_SECONDS] + [now]
        return len(self.failed_at) >= FAILURES

    @property
    def is_doubtful(self) -> bool:
        """Return whether it has not answered yet, or has lately not answered."""
        latest = self.failed_at[-1] if self.failed_at else -FAILURE_SECONDS
        return not self.has_answered or time.monotonic() - latest < FAILURE_SECONDS

    def is_silent(self) -> bool:
        """Return whether a child that lives has stopped doing its work."""
        if self.beats is None or self.process is None:
            return False
        beaten_at = self.beats() or 0.0
        if beaten_at < self.started_at:  # by the one before it; this one has not begun its work yet
            beaten_at = self.started_at + SILENT_AFTER_SECONDS
        return time.monotonic() - max(beaten_at, self.woken_at) > SILENT_AFTER_SECONDS

    @property
    def pause_seconds(self) -> float:
        return PAUSE_SECONDS[min(self.deaths, len(PAUSE_SECONDS)) - 1]

    def terminate(self) -> None:
        """Ask the child, not its own children, to end."""
        if self.process is not None:
            self.process.terminate()

    def signal_group(self, number: signal.Signals) -> None:
        """Signal the child and what it has started, or what it has left behind."""
        with suppress(ProcessLookupError):
            if self.process is not None and self.leads:
                os.killpg(self.pid, number)
            elif self.process is not None and self.poll() is None:
                os.kill(self.pid, number)


@dataclass
class Supervisor:
    """Runs children until a signal says stop.

    say: takes one line for the operator. on_ready: called once, when every child has answered.
    on_look: called each time after the children were looked at; must not wait for anything.
    """

    children: Sequence[Child]
    say: Callable[[str], None]
    on_ready: Callable[[], object] = lambda: None
    on_look: Callable[[], None] | None = None
    _ready: bool = field(default=False, init=False)
    _ask_at: float = field(default=0.0, init=False)
    _asked_at: float = field(default_factory=time.monotonic, init=False)

    def run(self) -> None:
        """Return after SIGINT, SIGTERM or SIGHUP, when no child is left."""
        with _signals() as inbox:
            try:
                while not _stop_asked(inbox, self._idle_seconds()):
                    self._tend()
            finally:
                self._stop(inbox)

    def _tend(self) -> None:
        for child in self.children:
            status = child.reap()
            if status is not None:
                how = f"signal {-status}" if status < 0 else f"exit status {status}"
                self.say(f"{child.name} died ({how}); starting it again in {child.pause_seconds:g} s.")
            if child.process is None and child.due_at <= time.monotonic():
                child.start()
                if child.deaths:
                    self.say(f"{child.name} is started again.")
        if time.monotonic() >= self._ask_at:
            self._ask()

    def _ask(self) -> None:
        """Ask all children; end those that answer no more, as if they had died."""
        self._notice_standstill()
        for child in self.children:
            if child.process is not None and child.ask():
                self._give_up(child, f"has not answered {FAILURES} times in {FAILURE_SECONDS:g} s")
            elif child.is_silent():
                self._give_up(child, f"has not done its work for {SILENT_AFTER_SECONDS:g} s")
        if not self._ready and all(child.has_answered for child in self.children):
            self._ready = True
            self.on_ready()
        if self.on_look:
            self.on_look()
        is_calm = not any(child.is_doubtful for child in self.children)
        self._ask_at = time.monotonic() + (LOOK_SECONDS if is_calm else CHECK_SECONDS if self._ready else 0)

    def _notice_standstill(self) -> None:
        """Give the children time to show that they work if nobody asked them for long: the machine may have slept."""
        now = time.monotonic()
        if now - self._asked_at > SILENT_AFTER_SECONDS / 2:
            for child in self.children:
                child.woken_at = now
        self._asked_at = now

    def _give_up(self, child: Child, why: str) -> None:
        self.say(f"{child.name} {why}; ending it.")
        child.failed_at = []
        child.signal_group(signal.SIGKILL)

    def _idle_seconds(self) -> float | None:
        """Return how long nothing can happen without a signal; None means for ever."""
        if not self._ready:
            return 0.05
        due = [child.due_at for child in self.children if child.process is None]
        due += [self._ask_at for child in self.children if child.answers or child.beats]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _stop(self, inbox: socket.socket) -> None:
        """End all children: by request, and after STOP_SECONDS or a second signal by force."""
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.process and child.poll() is None for child in self.children):
            left = deadline - time.monotonic()
            if left <= 0 or _stop_asked(inbox, left):
                break
        for child in self.children:
            child.signal_group(signal.SIGKILL)
            if child.process is not None:
                child.process.join()


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Give a socket from which the numbers of signals can be read, one byte each."""
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


def _stop_asked(inbox: socket.socket, seconds: float | None) -> bool:
    """Wait for a signal, at most `seconds`; return whether one of those read asks to stop."""
    readable, _, _ = select.select([inbox], [], [], seconds)
    return bool(readable) and any(number in STOP_SIGNALS for number in inbox.recv(512))
