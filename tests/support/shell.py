"""Runs Python and programs inside an installation, by fork_server.py."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.processes import kill, tail

FORK_SERVER = Path(__file__).with_name("fork_server.py")


class Shell:
    """A process with the environment `env` that has loaded Django, and forks for each request.

    bare: variables visible in the list of processes.
    """

    def __init__(self, env: Mapping[str, str], *, bare: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.log, self.env = log, dict(env)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, FORK_SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=dict(bare),
                cwd=cwd,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._asks, self._answers = self.process.stdin, self.process.stdout
        self._write(self.env)

    def _write(self, line: Any) -> None:
        with suppress(BrokenPipeError):  # it has ended, and answers nothing
            self._asks.write(json.dumps(line) + "\n")
            self._asks.flush()

    def ask(self, code: str) -> Any:
        """What the variable `answer` holds after `code`, through JSON; raise AssertionError if it fails."""
        return self._ask(code, code[:300])

    def run(self, *program: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Python in a fork; return what it printed, and its exit code.

        program: what follows `python`: a path or `-m`, and so on.
        """
        with TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            where = {"stdout": str(out), "stderr": str(err), "is_waited_for": True}
            code = self._ask({"program": program} | where, " ".join(program))
            return subprocess.CompletedProcess(program, code, out.read_text(), err.read_text())

    def begin(self, *program: str, log: Path) -> "ForkedProcess":
        """Run a program of Python in a fork, with its output at the end of a file, and return at once."""
        where = {"stdout": str(log), "stderr": str(log), "is_waited_for": False}
        return ForkedProcess(self, self._ask({"program": program} | where, " ".join(program)), program)

    def exit_code(self, pid: int) -> int:
        """The exit code of an ended program; that of SIGKILL if the shell itself has ended."""
        if self.process.poll() is not None:
            return -signal.SIGKILL
        code: int = self._ask({"ended": pid}, str(pid))
        return code

    def _ask(self, request: Any, label: str) -> Any:
        self._write(request)
        line = self._answers.readline()
        assert line, f"the shell has ended:\n{tail(self.log)}"
        said = json.loads(line)
        assert "error" not in said, f"{label}\n{said['error']}\n{tail(self.log)}"
        return said["answer"]

    def end(self) -> None:
        kill(self.process)
        for stream in (self._asks, self._answers):
            with suppress(BrokenPipeError):
                stream.close()


class ForkedProcess:
    """A program that was forked and leads a session of its own; asked and ended like a subprocess.Popen."""

    def __init__(self, parent: Shell, pid: int, program: Sequence[str]) -> None:
        self.parent, self.pid, self.args = parent, pid, program
        self.returncode: int | None = None
        self._ends = select.poll()
        self._process = os.pidfd_open(pid)  # its number is kept until its parent is asked for the exit code
        self._ends.register(self._process, select.POLLIN)

    def poll(self) -> int | None:
        if self.returncode is None and self._ends.poll(0):
            self._take_code()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not self._ends.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
            self._take_code()
        assert self.returncode is not None
        return self.returncode

    def _take_code(self) -> None:
        self.returncode = self.parent.exit_code(self.pid)
        os.close(self._process)

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)
