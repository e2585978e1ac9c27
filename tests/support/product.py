"""The product as an operator runs it: real processes with their own data folder and environment."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from newsletter import server
from tests.support.processes import (
    Process,
    end,
    free_port,
    kill,
    name_of,
    pids_of_sessions,
    pids_with_variable,
    start,
    tail,
    wait_for_port,
)
from tests.support.shell import Shell

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
STATUS = """
import json
from contextlib import redirect_stdout
from io import StringIO
from django.core.management import call_command

out = StringIO()
with redirect_stdout(out):
    call_command("mailing_status", "{number}", "--json", stdout=out)
answer = json.loads(out.getvalue())
"""
SET_UP = """
from newsletter.publication.models import Publication
Publication.objects.create(name="Gipi電子報", author="Gipi", promise="每兩週一封信，談管理、產品與 AI。")
"""


class Product:
    """One installation. `start` runs all of it by `up`; `start_web`, `start_worker` and `start_beat` run its parts.

    mail_url, database_url, redis_url: empty for the embedded part. forks: whether its parts are forks of a process that
    has loaded Django, as they are under `up`, or are executed. Loading takes most of a short test.
    """

    def __init__(
        self, folder: Path, *, mail_url: str = "", database_url: str = "", redis_url: str = "", forks: bool = False
    ) -> None:
        self.folder, self.forks = folder, forks
        self.data = folder / "data"
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {
            "DATA_DIR": str(self.data),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MAIL_URL": mail_url,
            "SITE_URL": self.url,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "default",
        }
        # The developer's `.env` must not reach it: an empty variable wins over the file.
        unset = dict.fromkeys(("BULK_MAIL_URL", "SECRET_KEY", "DEBUG", "SECRET_KEY_FALLBACKS"), "")
        unset |= {"DEBUG": "0", "TRUSTED_PROXIES": "0"}
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ} | unset | own
        self.running: dict[str, Process] = {}
        self._shells: list[Shell] = []  # the last one has the latest variables
        self._sessions: set[int] = set()  # of processes that were forked

    def begin_with(self, database: Path) -> None:
        """Put a copy of an SQLite file where this installation has its own."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(database, self.data / "newsletter.sqlite3")

    # --- Commands ---

    def manage(self, *words: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a management command. Raises AssertionError, with its output, if it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return self._checked(done, words, check=check)

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Like `manage`, in a fork of a process that has loaded Django: a tenth of the CPU time."""
        return self._checked(self._current_shell().run("manage.py", *words), words, check=check)

    def _checked(
        self, done: subprocess.CompletedProcess[str], words: tuple[str, ...], *, check: bool
    ) -> subprocess.CompletedProcess[str]:
        said = f"$ manage.py {' '.join(words)[:300]}\n{done.stdout}{done.stderr}"
        with self._log("manage").open("a") as log:
            log.write(said)
        assert not check or done.returncode == 0, f"exit code {done.returncode}\n{said}"
        return done

    def manage_in_background(self, *words: str) -> Process:
        """Start a management command and return at once."""
        return self._start(words[0], [sys.executable, "manage.py", *words])

    def shell(self, code: str) -> Any:
        """Run Python inside Django; return what the variable `answer` holds, through JSON.

        By a process that has loaded Django and ends with `kill`; each call has a fork of its own.
        """
        return self._shell().ask(code)

    def _shell(self) -> Shell:
        if not self._shells:
            bare = {name: os.environ[name] for name in KEPT if name in os.environ}
            bare |= {name: value for name, value in self.env.items() if name.startswith("PYTHON")}
            self._shells.append(Shell(self.env, bare=bare, log=self._log("shell"), cwd=ROOT))
        return self._shells[-1]

    def _current_shell(self) -> Shell:
        """A shell with the current environment; the former one stays alive for what it has started."""
        if self._shells and self._shells[-1].env != self.env:
            former, self._shells = self._shells, []
            self._shells = [*former, self._shell()]
        return self._shell()

    def status(self, issue_number: int) -> dict[str, Any]:
        """The answer of `mailing_status NUMBER --json`."""
        answer: dict[str, Any] = self.shell(STATUS.format(number=issue_number))
        return answer

    def migrate(self) -> None:
        """Make the database, and name the newsletter: its pages are closed until that is done."""
        self.manage("migrate", "-v", "0")
        self.manage("shell", "--no-imports", "-v", "0", "-c", SET_UP)

    # --- Processes ---

    def start(self, *words: str) -> None:
        """Start everything by the one command, as its operator does, and wait until the site answers."""
        command = [sys.executable, "manage.py", "up", "--host", "127.0.0.1", "--port", str(self.port), *words]
        process = self._start("up", command)
        wait_for_port(self.port, process, log=self._log("up"), seconds=60)

    def start_web(self) -> None:
        if "STATIC_ROOT" not in self.env:  # `make_product` sets one that holds the files already
            self.manage("collectstatic", "--no-input", "-v", "0")
        self.serve_web()

    def serve_web(self) -> None:
        """Start the web server; the static files are collected already."""
        process = self._start("web", server.command("127.0.0.1", self.port))
        wait_for_port(self.port, process, log=self._log("web"))

    def start_worker(self, *, processes: int = 1) -> None:
        self._start("worker", [sys.executable, "manage.py", "run_worker", "--hands", str(processes)])

    def start_beat(self) -> None:
        self._start("beat", [sys.executable, "manage.py", "up", "--only", "clock"])

    def _start(self, name: str, command: list[str]) -> Process:
        if not self.forks or "LD_PRELOAD" in self.env:  # it affects executed programs only, not forks
            return self._execute(name, command)
        self.running[name] = self._current_shell().begin(*command[1:], log=self._log(name))
        self._sessions.add(self.running[name].pid)
        return self.running[name]

    def _execute(self, name: str, command: list[str]) -> Process:
        self.running[name] = start(command, log=self._log(name), env=self.env, cwd=ROOT)
        return self.running[name]

    def kill_worker(self) -> None:
        """`kill -9` the worker and its pool in one instant."""
        kill(self.running.pop("worker"))

    def stop_worker(self) -> int:
        """Ask the worker to stop, as a supervisor does, and return its exit code."""
        return end(self.running.pop("worker"))

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> dict[str, int]:
        """Stop what runs and return the exit codes; nothing of this installation is left afterwards."""
        codes = {name: end(process, by=by) for name, process in reversed(self.running.items())}
        self.kill()
        return codes

    def kill(self) -> None:
        """Kill everything of this installation."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for shell in self._shells:  # killed without asking: it may be blocked
            shell.end()
        for process in self.running.values():
            process.wait()
        self.running.clear()
        self._shells.clear()
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """All living processes of this installation."""
        return sorted({*pids_with_variable("DATA_DIR", str(self.data)), *pids_of_sessions(self._sessions)})

    def pid_of(self, name: str) -> int:
        """The pid of a living process of this installation with this name (`ps -o comm`); 0 if there is none."""
        return next((pid for pid in self.pids() if name_of(pid) == name), 0)

    def output(self, name: str) -> str:
        """Output of "up", "web", "worker", "beat" or a command."""
        return self._log(name).read_text(errors="replace")

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log_tails(self) -> str:
        return "\n".join(f"--- {log.name}\n{tail(log)}" for log in sorted(self.logs.iterdir()))


MakeProduct = Callable[..., Product]


@pytest.fixture
def make_product(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeProduct]:
    """Make installations that end with the test.

    Unless `is_new`: with collected static files and, on SQLite, a migrated database.
    """
    made: list[Product] = []

    def make(*, is_new: bool = False, **urls: str) -> Product:
        made.append(Product(tmp_path / f"product{len(made) + 1}", forks=True, **urls))
        if not is_new:
            made[-1].env["STATIC_ROOT"] = str(request.getfixturevalue("collected_static"))
        if not is_new and not urls.get("database_url"):
            made[-1].begin_with(request.getfixturevalue("migrated_sqlite"))
        return made[-1]

    yield make
    for product in made:
        product.kill()


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.exhaustive)])
def product(request: pytest.FixtureRequest, make_product: MakeProduct) -> Product:
    """An installation that mails to `smtp`: on SQLite with the embedded queue, and on PostgreSQL with Redis."""
    options = {"mail_url": request.getfixturevalue("smtp").url}
    if request.param == "servers":
        options["database_url"] = request.getfixturevalue("migrated_postgres_url")
        options["redis_url"] = request.getfixturevalue("redis_url")
    return make_product(**options)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the logs of the product's processes with a test that failed."""
    report = yield
    product = getattr(item, "funcargs", {}).get("product")
    if report.when == "call" and report.failed and isinstance(product, Product):
        report.sections.append(("processes of the product", product.log_tails()))
    return report
