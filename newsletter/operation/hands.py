"""The processes of a worker: hands, which take one task at a time from the queue, and lanes, which send mailings.

They share no lock: one that is killed takes nothing with it that the others wait for (docs/decisions/0043). One that
stands still is found by its own worker, whatever other machines do meanwhile (docs/decisions/0053).
"""

import gc
import logging
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.signals import task_postrun, task_prerun
from celery.worker.consumer import Consumer

from newsletter.celery import app
from newsletter.operation.supervisor import STOP_SIGNALS, Child, die_with_parent
from newsletter.publication import pulse
from newsletter.publication.pulse import Pulse
from newsletter.queue import Transport


class Forked:
    """A copy of this process that does `work` until SIGTERM; to be asked and ended like a subprocess.Popen."""

    def __init__(self, work: Callable[[], None], shown: Pulse) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_begin, args=(work, shown, os.getpid()))
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
    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        self.beats = lambda: self.pulse.at

    def launch(self, env: Mapping[str, str], folder: Path) -> Forked:
        return Forked(self.work, self.pulse)

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


def _begin(work: Callable[[], None], shown: Pulse, parent: int) -> None:
    """Do `work` until SIGTERM, or until the worker has died."""
    die_with_parent()
    signal.set_wakeup_fd(-1)  # the supervisor's
    for stop in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(stop, signal.SIG_DFL)
    if os.getppid() == parent:
        shown.take()
        work()


class Showing(bootsteps.StartStopStep):
    """Has a hand show its pulse while it waits for Redis; the queue of files says by itself when it looks."""

    def register_with_event_loop(self, _consumer: Any, hub: Any) -> None:
        hub.call_repeatedly(pulse.BEAT_SECONDS, pulse.show)


class PatientConsumer(Consumer):
    """Shows the pulse of its hand while it tries to reach Redis again: a new hand would reach it no sooner."""

    def ensure_connected(self, conn: Any) -> Any:
        with pulse.working():
            return super().ensure_connected(conn)


def _show_pulse() -> None:
    """Have this hand show its pulse when it looks for a task, and while it does one."""
    app.steps["consumer"].add(Showing)
    Transport.on_look = staticmethod(pulse.show)
    task_prerun.connect(lambda **_event: pulse.own.begin(), weak=False)
    task_postrun.connect(lambda **_event: pulse.own.end(), weak=False)


def _take_tasks(number: int, log_level: str) -> None:
    _show_pulse()
    options: dict[str, Any] = {"pool_cls": "solo", "concurrency": 1, "loglevel": log_level, "quiet": True}
    options["consumer_cls"] = PatientConsumer
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
