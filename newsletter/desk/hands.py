"""The hands of a worker: processes that take one task at a time, each from the queue itself, and share no lock.

A process that is killed takes nothing with it that the others wait for (docs/decisions/0043).
"""

import gc
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.celery import app
from newsletter.desk.supervisor import STOP_SIGNALS, Child, die_with_parent


class Forked:
    """A copy of this process that works as a hand; to be asked and ended like a subprocess.Popen."""

    def __init__(self, number: int, log_level: str) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_work, args=(number, log_level, os.getpid()))
        self._process.start()

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("hand", timeout or 0)
        return status


@dataclass
class Hand(Child):
    """One hand, which stays in its worker's process group: whoever kills the group kills it too."""

    number: int = 1
    log_level: str = "INFO"

    def launch(self, env: Mapping[str, str], folder: Path) -> Forked:
        return Forked(self.number, self.log_level)

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)


def hands(count: int, log_level: str) -> list[Hand]:
    """Return the hands of a worker, which share the memory of what is loaded now."""
    app.loader.import_default_modules()
    gc.collect()
    gc.freeze()  # a collection that looked at these objects would copy their pages
    return [Hand(f"hand {number}", [], number=number, log_level=log_level) for number in range(1, count + 1)]


def _work(number: int, log_level: str, parent: int) -> None:
    """Take tasks until SIGTERM, or until the worker has died."""
    die_with_parent()
    signal.set_wakeup_fd(-1)  # the supervisor's
    for stop in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(stop, signal.SIG_DFL)
    if os.getppid() != parent:
        return
    options: dict[str, Any] = {"pool_cls": "solo", "concurrency": 1, "loglevel": log_level, "quiet": True}
    # Workers may talk to each other; here the database says who does what.
    options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = app.Worker(hostname=f"hand{number}@%h", **options)
    worker.start()
    raise SystemExit(worker.exitcode)
