"""Python inside an installation, for what a test prepares and looks up there."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.processes import LEASH, kill, tail

FORKING = Path(__file__).with_name("forking.py")


class Shell:
    """A process that has loaded Django with the variables `env`, and forks for each piece of code.

    bare: the variables that it is started with; no others are seen in the list of processes.
    """

    def __init__(self, env: Mapping[str, str], *, bare: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-S", "-E", LEASH, "-", sys.executable, FORKING],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=bare,
                cwd=cwd,
                text=True,
                start_new_session=True,
            )
        self._write(dict(env))

    def _write(self, line: Any) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and answers nothing
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()

    def ask(self, code: str) -> Any:
        """Return what the variable `answer` holds after `code`, through JSON; raise AssertionError if it fails."""
        assert self.process.stdout is not None
        self._write(code)
        line = self.process.stdout.readline()
        assert line, f"the shell has ended:\n{tail(self.log)}"
        said = json.loads(line)
        assert "error" not in said, f"{code[:300]}\n{said['error']}\n{tail(self.log)}"
        return said["answer"]

    def end(self) -> None:
        kill(self.process)
        for stream in filter(None, (self.process.stdin, self.process.stdout)):
            with suppress(BrokenPipeError):
                stream.close()
