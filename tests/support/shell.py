"""Python inside an installation, for what a test prepares and looks up there, and for programs of it."""

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

FORKING = Path(__file__).with_name("forking.py")


class Shell:
    """A process that has loaded Django with the variables `env`, and forks for each thing that it is asked.

    bare: the variables that are seen in the list of processes.
    """

    def __init__(self, env: Mapping[str, str], *, bare: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.log, self.env = log, dict(env)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, FORKING],
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
        """Return what the variable `answer` holds after `code`, through JSON; raise AssertionError if it fails."""
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

    def begin(self, *program: str, log: Path) -> "Forked":
        """Run a program of Python in a fork, with its output at the end of a file, and return at once."""
        where = {"stdout": str(log), "stderr": str(log), "is_waited_for": False}
        return Forked(self, self._ask({"program": program} | where, " ".join(program)), program)

    def exit_code(self, pid: int) -> int:
        """Return that of a program that has ended; one that the shell's own end has killed has that of a kill."""
        if self.process.poll() is not None:
            return -signal.SIGKILL
        code: int = self._ask({"ended": pid}, str(pid))
        return code

    def _ask(self, wish: Any, told: str) -> Any:
        self._write(wish)
        line = self._answers.readline()
        assert line, f"the shell has ended:\n{tail(self.log)}"
        said = json.loads(line)
        assert "error" not in said, f"{told}\n{said['error']}\n{tail(self.log)}"
        return said["answer"]

    def end(self) -> None:
        kill(self.process)
        for stream in (self._asks, self._answers):
            with suppress(BrokenPipeError):
                stream.close()


class Forked:
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
