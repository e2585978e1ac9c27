"""The processes of a worker: hands, which take one task at a time from the queue, and lanes, which send mailings.

They share no lock: one that is killed takes nothing with it that the others wait for (docs/decisions/0043). One that
stands still is found by its own worker, whatever other machines do meanwhile (docs/decisions/0053).
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.signals import task_postrun, task_prerun
from celery.worker.consumer import Consumer
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from newsletter.celery import app, load_tasks
from newsletter.operation import forks
from newsletter.operation.forks import Fork, Forked
from newsletter.operation.supervisor import STOP_SIGNALS, Supervisor
from newsletter.publication import pulse
from newsletter.publication.heartbeats import Part, beat
from newsletter.publication.pulse import Pulse
from newsletter.queue import Transport

LATER = (  # what is loaded only by a worker that begins, or that writes a mail
    "css_inline",
    *("celery.app.amqp", "celery.app.control", "celery.app.events", "celery.app.log", "celery.app.routes"),
    *("celery.apps.worker", "celery.concurrency.solo", "celery.events.dispatcher", "celery.events.receiver"),
    *("celery.worker.autoscale", "celery.worker.components", "celery.worker.loops", "celery.worker.strategy"),
    "celery.worker.consumer.delayed_delivery",
)
PATIENCE_SECONDS = 2  # between tries while the database is away

log = logging.getLogger(__name__)


@dataclass
class Hand(Fork):
    """One process, which stays in its worker's process group: whoever kills the group kills it too."""

    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        self.beats = lambda: self.pulse.at

    def launch(self, env: Mapping[str, str], folder: Path) -> Forked:
        return Forked(self._work, f"newsletter worker, {self.name}", leads=False)

    def _work(self) -> None:
        self.pulse.take()
        self.work()

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)


def run(hands: int, log_level: str, say: Callable[[str], None]) -> None:
    """Run a worker until SIGTERM."""
    _remember()
    Supervisor(
        children=processes(hands, settings.DELIVERY_LANES, log_level),
        env=os.environ,
        folder=settings.BASE_DIR,
        say=say,
        on_ready=lambda: None,
        on_look=lambda: beat(Part.HANDS),
    ).run()


def load() -> None:
    """Load what hands and lanes need, before the process is copied."""
    from newsletter.delivery import lanes  # noqa: F401, PLC0415 - this module is also read where no models are

    os.environ["CELERY_SKIP_CHECKS"] = "true"  # they load the screens of the desk; Celery skips them by this variable
    load_tasks()
    for name in LATER:
        import_module(name)


def _remember() -> None:
    """Have the database know who left before the first mail leaves: it may come from a backup."""
    from newsletter.delivery.ledger import restored  # noqa: PLC0415 - as above
    from newsletter.operation import preparing  # noqa: PLC0415 - as above

    while True:
        try:
            preparing.refuse_newer()
            restored.remember(timezone.now())
        except (OperationalError, InterfaceError) as error:
            log.warning("The worker waits for the database: %s", type(error).__name__, exc_info=error)  # told once
            time.sleep(PATIENCE_SECONDS)  # nothing may be sent before it is known who left
        else:
            return
        finally:
            connections.close_all()  # none may be shared with the hands


def processes(hands: int, slots: int, log_level: str) -> list[Hand]:
    """Return the processes of a worker, which share the memory of what is loaded now: hands, and a lane a slot."""
    from newsletter.delivery import lanes  # noqa: PLC0415 - as above

    load()
    forks.settle()
    work = {f"hand {number}": partial(_take_tasks, number, log_level) for number in range(1, hands + 1)}
    work |= {
        f"lane {slot + 1}": partial(_send, lanes.stop, partial(lanes.work, slot), log_level) for slot in range(slots)
    }
    return [Hand(name, [], work=step) for name, step in work.items()]


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
    Transport.on_look, Transport.patience = staticmethod(pulse.show), pulse.BEAT_SECONDS
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
