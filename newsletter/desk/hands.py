"""The processes of a worker: hands, which take one task at a time from the queue, and lanes, which send mailings.

They share no lock: one that is killed takes nothing with it that the others wait for (docs/decisions/0043).
"""

import gc
import logging
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from newsletter.celery import app
from newsletter.desk.supervisor import STOP_SIGNALS, Child, die_with_parent


class Forked:
    """A copy of this process that does `work` until SIGTERM; to be asked and ended like a subprocess.Popen."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_begin, args=(work, os.getpid()))
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
    """One process, which stays in its worker's process group: whoever kills the group kills it too."""

    work: Callable[[], None] = lambda: None

    def launch(self, env: Mapping[str, str], folder: Path) -> Forked:
        return Forked(self.work)

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)


def processes(hands: int, slots: int, log_level: str) -> list[Hand]:
    """Return the processes of a worker, which share the memory of what is loaded now: hands, and a lane a slot."""
    from newsletter.delivery import lanes  # noqa: PLC0415 - this module is also read where no models are

    app.loader.import_default_modules()
    gc.collect()
    gc.freeze()  # a collection that looked at these objects would copy their pages
    work = {f"hand {number}": partial(_take_tasks, number, log_level) for number in range(1, hands + 1)}
    work |= {
        f"lane {slot + 1}": partial(_send, lanes.stop, partial(lanes.work, slot), log_level) for slot in range(slots)
    }
    return [Hand(name, [], work=step) for name, step in work.items()]


def _begin(work: Callable[[], None], parent: int) -> None:
    """Do `work` until SIGTERM, or until the worker has died."""
    die_with_parent()
    signal.set_wakeup_fd(-1)  # the supervisor's
    for stop in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(stop, signal.SIG_DFL)
    if os.getppid() == parent:
        work()


def _take_tasks(number: int, log_level: str) -> None:
    options: dict[str, Any] = {"pool_cls": "solo", "concurrency": 1, "loglevel": log_level, "quiet": True}
    # Workers may talk to each other; here the database says who does what.
    options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = app.Worker(hostname=f"hand{number}@%h", **options)
    worker.start()
    raise SystemExit(worker.exitcode)


def _send(stop: Callable[..., None], work: Callable[[], None], log_level: str) -> None:
    logging.getLogger().setLevel(log_level)
    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    work()
