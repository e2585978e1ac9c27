"""The worker: Celery on a thread pool, for everything but sending issues; and the clock, a thread beside it.

Tasks are only wake-ups: the work is in the database. While the queue is down, full or read-only, the clock runs its
tasks itself, so mailings, confirmations and notices go on. Other machines' workers wait.
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
from django.db import Error, connection

from newsletter.background import machines
from newsletter.celery import app
from newsletter.operation import readiness
from newsletter.operation.supervisor import STOP_SIGNALS
from newsletter.publication.heartbeats import Component, beat, record_heartbeat
from newsletter.publication.task_queue import enqueue

CONCURRENCY = 6  # threads of the worker
CLOCK_CONCURRENCY = 4  # threads of the clock, while the queue is down
RARE_SECONDS = 60.0  # interval of a task that is not run at the start
FIRST_RUN_SECONDS_MAX = 600.0  # after a start: the time of the last run is not stored
TICK_SECONDS = 1.0
QUEUE_RETRY_SECONDS = 2.0  # between tries while the queue is down
CLOCK_STOP_SECONDS = 2.0  # for the clock to stop
CLOCK_CRASHED = 70  # exit code: EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


def run(threads: int, log_level: str, *, has_clock: bool) -> None:
    """Run tasks from the queue until SIGTERM; then finish those that are running."""
    task_postrun.connect(_beat)
    over = Event()
    clock = Thread(target=_tick_or_end, args=(over,), name="clock")
    if has_clock:  # before Celery, which blocks until its queue answers
        clock.start()
    machines.keep_reporting("worker")
    _wait_for_agreement()
    Thread(target=_end_without_agreement, name="agreement", daemon=True).start()
    options: dict[str, Any] = {"pool_cls": "threads", "concurrency": threads, "loglevel": log_level, "quiet": True}
    # Workers need not know each other: the database coordinates them.
    options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
    worker = app.Worker(**options)
    worker.start()
    if worker.exitcode:  # Celery exits if Redis refuses writes; meanwhile the clock runs its tasks itself
        _wait_for_queue()
    over.set()
    if has_clock:
        clock.join(CLOCK_STOP_SECONDS)
    raise SystemExit(worker.exitcode)


def _wait_for_agreement() -> None:
    """Take no task before this machine agrees with the web server: letters would be built with its environment."""
    while not _agrees():
        record_heartbeat()
        time.sleep(machines.CHECK_SECONDS)


def _end_without_agreement() -> None:
    """End this process gracefully once it disagrees, as after a restart of the web server; its successor waits."""
    while _agrees():
        time.sleep(machines.CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _agrees() -> bool:
    try:
        return machines.may_send()
    except Error:  # without the database nothing is sent anyway
        return True
    finally:
        connection.close()


def _wait_for_queue() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    while readiness.queue_error(writes=True):
        time.sleep(QUEUE_RETRY_SECONDS)


def run_clock() -> None:
    """Run the clock alone until SIGTERM."""
    over = Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_signal: over.set())
    machines.keep_reporting("clock")
    Clock().run(over)


def load_tasks() -> None:
    os.environ["CELERY_SKIP_CHECKS"] = "true"  # these checks would load the desk
    app.loader.import_default_modules()


def _beat(**_event: object) -> None:
    beat(Component.WORKER)


def _tick_or_end(over: Event) -> None:
    """Run the clock; if it crashes, end the process, so that the supervisor restarts it."""
    try:
        Clock().run(over)
    except BaseException:
        log.exception("the clock has stopped; its worker is started again")
    if not over.is_set():
        os._exit(CLOCK_CRASHED)


class Clock:
    """Enqueues each task of CELERY_BEAT_SCHEDULE at its interval, by monotonic time: date changes do not matter.

    The first run of a rare task is soon after the start. Tasks start a second apart: those that come together take a
    thread each, with a database connection that stays open.
    """

    def __init__(self) -> None:
        load_tasks()
        now, self.due_at, self.local_pool = time.monotonic(), dict[str, float](), TaskPool()
        for number, entry in enumerate(settings.CELERY_BEAT_SCHEDULE.values()):
            is_rare = entry["schedule"] >= RARE_SECONDS
            delay = min(entry["schedule"], FIRST_RUN_SECONDS_MAX) - number if is_rare else number
            self.due_at[entry["task"]] = now + delay

    def run(self, over: Event) -> None:
        while not over.wait(TICK_SECONDS):
            self.tick(time.monotonic())
        self.local_pool.shut_down()

    def tick(self, now: float) -> None:
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            name = entry["task"]
            if self.due_at[name] <= now:
                self.due_at[name] = now + entry["schedule"]
                task = app.tasks[name]
                if not enqueue(task, **entry["options"]):
                    self.local_pool.submit(task)
                beat(Component.CLOCK)


class TaskPool:
    """Runs tasks in threads of this process while the queue is down; each task at most once at a time."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(CLOCK_CONCURRENCY, "task")
        self.futures: dict[str, Future[None]] = {}

    def submit(self, task: "Task[..., None]") -> None:
        running = self.futures.get(task.name)
        if running is None or running.done():
            self.futures[task.name] = self.threads.submit(_run_task, task)

    def shut_down(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def _run_task(task: "Task[..., None]") -> None:
    """Run a task in this process; Celery logs its exceptions."""
    try:
        if _agrees():
            task.apply()
    finally:
        connection.close()
