"""Start a program on a leash, and end what was started: by pid, never by name."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import wait_until

LEASH = Path(__file__).with_name("leash.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(
    command: Sequence[str | Path], *, log: Path, user: str = "-", env: Mapping[str, str] | None = None, cwd: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; it dies when the tests do. Output is added to `log`."""
    argv = [sys.executable, "-S", "-E", str(LEASH), user, *map(str, command)]
    with log.open("ab") as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its whole group at once, as a power cut would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end(process: subprocess.Popen[bytes], *, seconds: float = 15, by: signal.Signals = signal.SIGTERM) -> int:
    """Ask the process to stop and return its exit code; kill its group when it has not stopped in time."""
    if process.poll() is None:
        process.send_signal(by)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    kill(process)
    code: int = process.returncode
    return code


def with_variable(name: str, value: str) -> list[int]:
    """Return the pids of the processes, ourselves not among them, that run with NAME=value (Linux)."""
    wanted = f"{name}={value}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, log: Path, seconds: float = 30) -> None:
    """Wait until the process listens; raise AssertionError with its log when it ends instead."""

    def listens() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"exit code {process.returncode} before it listened:\n{tail(log)}")
        return answers(port)

    wait_until(listens, seconds, what=lambda: f"port {port}:\n{tail(log)}")


def tail(log: Path, lines: int = 60) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
