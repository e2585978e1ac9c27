"""Start programs that die with the tests, and end them by pid."""

import atexit
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Any, Protocol, TextIO

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PARENT_DEATH = Path(__file__).with_name("parent_death.py")
PORTS = range(15_000, 32_000)  # below those that Linux gives to clients: /proc/sys/net/ipv4/ip_local_port_range
_locked: list[TextIO] = []


def free_port() -> int:
    """A free port, reserved for this process.

    A port chosen by the kernel could be given to a client meanwhile.
    """
    folder = Path(tempfile.gettempdir(), f"newsletter-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    while True:
        port = SystemRandom().choice(PORTS)
        lock = (folder / str(port)).open("w")  # until this process ends
        with suppress(OSError), socket.socket() as probe:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.bind(("127.0.0.1", port))
            _locked.append(lock)
            atexit.register(lock.close)  # else Python warns of it, now that what was collected is never looked at again
            return port
        lock.close()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(
    command: Sequence[str | Path], *, log: Path, user: str = "-", env: Mapping[str, str] | None = None, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; it dies when the tests do. Output is added to `log`."""
    argv = [sys.executable, "-S", "-E", str(PARENT_DEATH), user, *map(str, command)]
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )


def run_python(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` in the project's folder."""
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=dict(env), capture_output=True, text=True, timeout=120, check=False
    )


class Process(Protocol):
    """What is started: a subprocess.Popen, or a fork of a shell."""

    pid: int

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: signal.Signals, /) -> None: ...


def kill(process: Process) -> None:
    """Kill the process and its whole group at once, as a power cut would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end(process: Process, *, seconds: float = 15, by: signal.Signals = signal.SIGTERM) -> int:
    """Ask the process to stop and return its exit code; kill its group when it has not stopped in time."""
    if process.poll() is None:
        process.send_signal(by)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    kill(process)
    code: int = process.returncode
    return code


def pids_with_variable(name: str, value: str) -> list[int]:
    """Pids of other processes with NAME=value in their environment (Linux)."""
    wanted = f"{name}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def name_of(pid: int) -> str:
    """Return what `ps -o comm` shows of a process, "" if it has ended meanwhile (Linux)."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def pids_of_sessions(leaders: Collection[int]) -> list[int]:
    """Pids of living processes in these sessions (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            state, _parent, _group, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) in leaders and state != "Z":
                found.append(int(folder.name))
    return found


def wait_for_port(port: int, process: Process, *, log: Path, seconds: float = 30) -> None:
    """Wait until the process listens; raise AssertionError with its log when it ends instead."""

    def listens() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"exit code {process.returncode} before it listened:\n{tail(log)}")
        return is_listening(port)

    wait_until(listens, seconds, what=lambda: f"port {port}:\n{tail(log)}")


def tail(log: Path, lines: int = 60) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
