"""Celery's beat, for a time that jumps; and with Redis as its queue, one that has the work done without Redis.

The database is the truth and tasks are wake-ups, so any queue will do. While Redis is away, full or a read-only
replica, tasks go to the queue of files of this machine, and a worker of its own takes them from there: it sends
mailings, confirmations and notices, and ends when Redis accepts tasks again. Other machines' workers wait.
"""

import os
import sys
import time
from importlib import import_module
from typing import Any

from celery import Celery
from celery.beat import PersistentScheduler, ScheduleEntry, SchedulingError
from django.conf import settings
from kombu import Connection

from newsletter.celery import app, load_tasks
from newsletter.operation.supervisor import STOP_SECONDS, Child
from newsletter.publication.heartbeats import Part, beat
from newsletter.publication.limits import begin_outage, is_away
from newsletter.publication.wakeups import SERVER

SCHEDULE = "beat-schedule"  # in DATA_DIR
PATIENCE_SECONDS = 6.0  # a Redis that is started again is not worth a worker of 150 MB


def load() -> None:
    """Load what beat needs, before the process is copied."""
    load_tasks()
    for name in (
        "celery.app.amqp",
        "celery.app.events",
        "celery.app.log",
        "celery.apps.beat",
        "celery.events.receiver",
    ):
        import_module(name)


def run() -> None:
    """Run Celery's beat in this process until SIGTERM, as `celery beat` does."""
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # Celery skips them by this variable
    app.Beat(schedule=str(settings.DATA_DIR / SCHEDULE), loglevel="WARNING", quiet=True).run()


class SteadyScheduler(PersistentScheduler):
    """Puts the tasks that are due on the queue, whatever the clock said a moment ago."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self._forget_the_future()
        return float(super().tick(*args, **kwargs))

    def _forget_the_future(self) -> None:
        """Count from now for a task that ran while the clock was ahead: it would not run until that time has come."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at and entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None  # it is sorted by such times

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        sent = super().apply_async(entry, producer, advance, **kwargs)
        beat(Part.CLOCK)
        return sent


class Scheduler(SteadyScheduler):
    """Puts the tasks that are due on the queue, or into the files when it takes none."""

    producer: Any = None  # Celery's own waits here for a Redis that is away; so each task takes one of the pool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.spare = SpareWorker()
        super().__init__(*args, **kwargs)

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        if not is_away(SERVER):
            try:
                sent = super().apply_async(entry, producer, advance, **kwargs)
            except SchedulingError as error:
                begin_outage(SERVER, error, meanwhile="tasks go through files of this machine")
            else:
                self.spare.end()
                return sent
        self.spare.do(self.app, entry, time.monotonic())
        beat(Part.CLOCK)
        return None

    def close(self) -> None:
        self.spare.end()
        super().close()


class SpareWorker:
    """A worker that knows no Redis; there is one only while it is needed."""

    def __init__(self) -> None:
        self.child = Child("spare worker", [sys.executable, "manage.py", "run_worker", "--log-level", "WARNING"])
        self.needed_since: float | None = None  # seconds of the monotonic clock

    def do(self, app: Celery, entry: ScheduleEntry, now: float) -> None:
        """Have the task of `entry` done, once it is clear that Redis is not merely starting again."""
        self.needed_since = now if self.needed_since is None else self.needed_since
        self.child.reap()
        if now - self.needed_since < PATIENCE_SECONDS:
            return
        if self.child.process is None and self.child.due_at <= now:
            (settings.QUEUE_DIR / "control").mkdir(parents=True, exist_ok=True)
            self.child.start(os.environ | {"REDIS_URL": "", "REDIS_URL_FILE": ""}, settings.BASE_DIR)
        with Connection("files://localhost/", transport_options=settings.FILES_QUEUE) as connection:
            app.send_task(str(entry.task), entry.args, entry.kwargs, connection=connection, **(entry.options or {}))

    def end(self) -> None:
        """Let it finish what it does at the moment, and end; by force after STOP_SECONDS."""
        self.needed_since = None
        self.child.end(STOP_SECONDS)
