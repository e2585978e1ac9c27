"""A wire to a server, which can be cut without a word and mended again."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import free_port, kill, start, wait_for_port

FORWARDER = Path(__file__).with_name("forwarder.py")
ESTABLISHED = "01"


class Wire:
    """Leads from a port of its own to that of a server. While it is cut, connections are taken and nothing answers."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.upstream, self.port = upstream, free_port()
        self.log = folder / f"wire-{self.port}"

    def start(self) -> None:
        command = [sys.executable, FORWARDER, str(self.port), str(self.upstream)]
        self.process = start(command, log=self.log, cwd=self.log.parent)
        wait_for_port(self.port, self.process, log=self.log)

    def through(self, url: str) -> str:
        """Return the URL by which a server is found at the other end."""
        return url.replace(f":{self.upstream}/", f":{self.port}/")

    def cut(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def mend(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def connections(self) -> int:
        """Return how many clients hold a connection, whether it was taken or waits for that (Linux)."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(
            remote.endswith(f":{self.port:04X}") and state == ESTABLISHED for _no, _here, remote, state, *_ in lines
        )

    def stop(self) -> None:
        kill(self.process)


@pytest.fixture
def wire_to(tmp_path: Path) -> Iterator[Callable[[int], Wire]]:
    """Lay wires that end with the test."""
    laid: list[Wire] = []

    def lay(upstream: int) -> Wire:
        laid.append(Wire(tmp_path, upstream))
        laid[-1].start()
        return laid[-1]

    yield lay
    for wire in laid:
        wire.stop()
