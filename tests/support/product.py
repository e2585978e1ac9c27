"""The product as its operator runs it: real processes, a data folder and an environment of their own."""

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
from tests.support.processes import end, free_port, kill, start, tail, wait_for_port, with_variable
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


class Product:
    """One installation. `start` runs all of it by `up`; `start_web`, `start_worker` and `start_beat` run its parts.

    mail_url, database_url, redis_url: empty for the embedded part.
    """

    def __init__(self, folder: Path, *, mail_url: str = "", database_url: str = "", redis_url: str = "") -> None:
        self.folder = folder
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
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._shell: Shell | None = None

    def begin_with(self, database: Path) -> None:
        """Put a copy of an SQLite file where this installation has its own."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(database, self.data / "newsletter.sqlite3")

    # --- Commands ---

    def manage(self, *words: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end. Raises AssertionError, with what it said, when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        said = f"$ manage.py {' '.join(words)[:300]}\n{done.stdout}{done.stderr}"
        with self._log("manage").open("a") as log:
            log.write(said)
        assert not check or done.returncode == 0, f"exit code {done.returncode}\n{said}"
        return done

    def manage_in_background(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a management command and return at once."""
        return self._start(words[0], [sys.executable, "manage.py", *words])

    def shell(self, code: str) -> Any:
        """Run Python inside Django; return what the variable `answer` holds, through JSON.

        By a process that has loaded Django and ends with `kill`; each call has a fork of its own.
        """
        if self._shell is None:
            bare = {name: os.environ[name] for name in KEPT if name in os.environ}
            self._shell = Shell(self.env, bare=bare, log=self._log("shell"), cwd=ROOT)
        return self._shell.ask(code)

    def status(self, number: int) -> dict[str, Any]:
        """Return the answer of `mailing_status NUMBER --json`."""
        answer: dict[str, Any] = self.shell(STATUS.format(number=number))
        return answer

    def migrate(self) -> None:
        self.manage("migrate", "-v", "0")

    # --- Processes ---

    def start(self, *words: str) -> None:
        """Start everything by the one command, and wait until the site answers."""
        command = [sys.executable, "manage.py", "up", "--host", "127.0.0.1", "--port", str(self.port), *words]
        process = self._start("up", command)
        wait_for_port(self.port, process, log=self._log("up"), seconds=60)

    def start_web(self) -> None:
        if "STATIC_ROOT" not in self.env:  # that of `make_product` holds them already
            self.manage("collectstatic", "--no-input", "-v", "0")
        self.serve_web()

    def serve_web(self) -> None:
        """Start the web server; the static files are collected already."""
        process = self._start("web", server.command("127.0.0.1", self.port))
        wait_for_port(self.port, process, log=self._log("web"))

    def start_worker(self, *, processes: int = 1) -> None:
        self._start("worker", [sys.executable, "manage.py", "run_worker", "--hands", str(processes)])

    def start_beat(self) -> None:
        options = ["--schedule", str(self.folder / "beat"), "--pidfile", ""]
        self._start("beat", [sys.executable, "-m", "celery", "-A", "newsletter", "beat", *options])

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
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
        if self._shell is not None:
            self._shell.end()
            self._shell = None
        for process in self.running.values():
            kill(process)
        self.running.clear()
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """Return every living process of this installation, whoever is its parent."""
        return with_variable("DATA_DIR", str(self.data))

    def output(self, name: str) -> str:
        """Return everything that a process has said: "up", "web", "worker", "beat" or a command."""
        return self._log(name).read_text(errors="replace")

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def told(self) -> str:
        """Return the last lines of every log."""
        return "\n".join(f"--- {log.name}\n{tail(log)}" for log in sorted(self.logs.iterdir()))


MakeProduct = Callable[..., Product]


@pytest.fixture
def make_product(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeProduct]:
    """Make installations that end with the test.

    If `is_new` is not: with static files that are collected, and on SQLite with a database that is migrated.
    """
    made: list[Product] = []

    def make(*, is_new: bool = False, **options: str) -> Product:
        made.append(Product(tmp_path / f"product{len(made) + 1}", **options))
        if not is_new:
            made[-1].env["STATIC_ROOT"] = str(request.getfixturevalue("collected_static"))
        if not is_new and not options.get("database_url"):
            made[-1].begin_with(request.getfixturevalue("migrated_sqlite"))
        return made[-1]

    yield make
    for product in made:
        product.kill()


@pytest.fixture(params=["embedded", "servers"])
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
        report.sections.append(("processes of the product", product.told()))
    return report
