"""The worker: Celery on a pool of threads, which does all but sending issues; and the clock, a thread beside them.

The database is the truth and tasks are wake-ups, so any queue will do. While it is away, full or a read-only replica,
the clock does its tasks itself: mailings begin, confirmations and notices leave. Other machines' workers wait.
"""

import logging
import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

from celery import Task
from celery.signals import task_postrun
from django.conf import settings
from django.db import connection

from newsletter.celery import app
from newsletter.operation import serving
from newsletter.operation.supervisor import STOP_SIGNALS
from newsletter.publication.heartbeats import Component, beat
from newsletter.publication.task_queue import enqueue

CONCURRENCY = 6  # tasks done at a time
CLOCK_CONCURRENCY = 4  # the same, of a clock that does them itself
FIRST_SECONDS = 600.0  # after a start, at the latest, each task has had its turn: nothing is kept of the last ones
TICK_SECONDS = 1.0
PATIENCE_SECONDS = 2.0  # between questions to a queue that refuses
END_SECONDS = 2.0  # that the clock is waited for
CLOCK_ENDED = 70  # exit code: an error of the program

log = logging.getLogger(__name__)


def run(hands: int, log_level: str, *, has_clock: bool) -> None:
    """Take tasks from the queue until SIGTERM; then let those that are begun end."""
    _load_tasks()
    task_postrun.connect(_beat)
    over = Event()
    clock = Thread(target=_tick_or_end, args=(over,), name="clock")
    if has_clock:  # before Celery, which is ready only once its queue answers
        clock.start()
    options: dict[str, Any] = {"pool_cls": "threads", "concurrency": hands, "loglevel": log_level, "quiet": True}
    # Workers may talk to each other; here the database says who does what.
    options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = app.Worker(**options)
    worker.start()
    if worker.exitcode:  # Celery ends where Redis refuses its writes; meanwhile the clock does its tasks itself
        _wait_for_queue()
    over.set()
    if has_clock:
        clock.join(END_SECONDS)
    raise SystemExit(worker.exitcode)


def _wait_for_queue() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    while serving.queue_error(writes=True):
        time.sleep(PATIENCE_SECONDS)


def run_clock() -> None:
    """Run the clock alone until SIGTERM."""
    over = Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_signal: over.set())
    Clock().run(over)


def _load_tasks() -> None:
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # they load the screens of the desk; Celery skips them by this variable
    app.loader.import_default_modules()


def _beat(**_event: object) -> None:
    beat(Component.WORKER)


def _tick_or_end(over: Event) -> None:
    """Run the clock; should it end unasked, end the process, which is started again."""
    try:
        Clock().run(over)
    except BaseException:
        log.exception("the clock has stopped; its worker is started again")
    if not over.is_set():
        os._exit(CLOCK_ENDED)


class Clock:
    """Has each task of CELERY_BEAT_SCHEDULE done in its rhythm. Monotonic time alone counts: no date that jumps holds
    anything up. The rare ones have their first turn soon after a start."""

    def __init__(self) -> None:
        _load_tasks()
        now = time.monotonic()
        self.due = {entry["task"]: now for entry in settings.CELERY_BEAT_SCHEDULE.values()}
        self.due |= {
            entry["task"]: now + min(entry["schedule"], FIRST_SECONDS)
            for entry in settings.CELERY_BEAT_SCHEDULE.values()
            if entry["schedule"] >= 60
        }
        self.own = TaskPool()

    def run(self, over: Event) -> None:
        while not over.wait(TICK_SECONDS):
            self.tick(time.monotonic())
        self.own.end()

    def tick(self, now: float) -> None:
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            name = entry["task"]
            if self.due[name] <= now:
                self.due[name] = now + entry["schedule"]
                task = app.tasks[name]
                if not enqueue(task, **entry["options"]):
                    self.own.do(task)
                beat(Component.CLOCK)


class TaskPool:
    """Threads that do what cannot be put on the queue."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(CLOCK_CONCURRENCY, "task")
        self.under_way: dict[str, Future[None]] = {}

    def do(self, task: "Task[..., None]") -> None:
        before = self.under_way.get(task.name)
        if before is None or before.done():
            self.under_way[task.name] = self.threads.submit(_do, task)

    def end(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def _do(task: "Task[..., None]") -> None:
    """Do a task in this process; Celery writes into the log what it raises."""
    try:
        task.apply()
    finally:
        connection.close()
