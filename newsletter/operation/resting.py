"""Celery's beat where the database is one file: while nobody writes into it, most tasks find nothing and can wait.

What a task finds is in the database. So it is put on the queue in its rhythm (settings) as long as something is
written, and for TAIL_SECONDS more; then more seldom, and all tasks together. A write wakes the clock, and so does the
time of a mailing. Monotonic time alone counts: no date that jumps holds anything up.
"""

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery.beat import ScheduleEntry
from celery.beat import Scheduler as CelerysScheduler
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from newsletter.publication.heartbeats import Part, beat
from newsletter.stirring import Folder

TAIL_SECONDS = 30.0  # of the full rhythm after a write: some things are due only when they have rested for a moment
REST_SECONDS = 120.0  # between two tries of a task that finds nothing
LONG_SECONDS = 60.0  # a rhythm as long as this one stays: such a task may ask others, as the mailbox
HEARTBEAT_SECONDS = 15.0  # between those that must show that they work: half of what would be called silence
HEARTBEATS = ("newsletter.delivery.tasks.dispatch", "subscribers.tasks.send_confirmations")
FIRST_SECONDS = 600.0  # after a start, at the latest, each task has had its turn: nothing is kept of the last ones
GLANCE_SECONDS = 1.0  # between two looks at the files while they are written to
# Between two tasks that are due together, so that one hand does them all, as it does at rest. The other one stays as it
# was when it was copied, and 10 MB of it are in memory once.
APART_SECONDS = 0.1
TOGETHER = "newsletter.operation.tasks.take_turns"

log = logging.getLogger(__name__)


def due_at(task: str, period: float, put_at: float, written_at: float) -> float:
    """Return when a task is due that was put on the queue at `put_at`, when the last write was noticed at `written_at`.

    At rest the times are multiples of HEARTBEAT_SECONDS, so that one wake-up does for all.
    """
    if period >= LONG_SECONDS or written_at + TAIL_SECONDS >= put_at:
        return put_at + period
    rest = HEARTBEAT_SECONDS if task in HEARTBEATS else REST_SECONDS
    return (put_at + rest) // HEARTBEAT_SECONDS * HEARTBEAT_SECONDS


class RestingScheduler(CelerysScheduler):
    """Puts tasks on the queue of files, seldom while nothing happens."""

    def __init__(self, app: Any, *, lazy: bool = False, **kwargs: Any) -> None:
        super().__init__(app, lazy=lazy, **kwargs)
        now = time.monotonic()
        self.written_at, self.seen, self.begins = now, self._files(), math.inf
        self.put_at: dict[str | None, float] = {
            name: now - max(0.0, self._period(entry) - FIRST_SECONDS) for name, entry in self.schedule.items()
        }
        self.folder = None if lazy else Folder(_database().parent)

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Put on the queue what is due, and wait for what is due next, or for a write."""
        self._notice(time.monotonic())
        now = time.monotonic()
        due = sorted((one for one in self.schedule.values() if self._due_at(one) <= now), key=self._period)
        if self._rests(now):
            self._put_together(due)
        else:
            self._put_one_by_one(due)
        left = min(map(self._due_at, self.schedule.values())) - time.monotonic()
        if self.folder is None or not self._rests(time.monotonic()):
            time.sleep(max(0.0, min(left, GLANCE_SECONDS)))  # what is written now changes no rhythm
        else:
            self.folder.wait(left)
        return 0.0

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        sent = super().apply_async(entry, producer, advance, **kwargs)
        beat(Part.CLOCK)
        return sent

    def _rests(self, now: float) -> bool:
        return now - self.written_at >= TAIL_SECONDS

    def _put_one_by_one(self, due: Sequence[ScheduleEntry]) -> None:
        for entry in due:
            left = max(self.put_at.values()) + APART_SECONDS - time.monotonic()
            if left > 0:
                time.sleep(left)
            self.put_at[entry.name] = time.monotonic()
            self.apply_entry(entry, producer=self.producer)

    def _put_together(self, due: Sequence[ScheduleEntry]) -> None:
        """Put them on the queue as one task: at rest each of them is done in milliseconds."""
        if due:
            self.put_at |= dict.fromkeys((entry.name for entry in due), time.monotonic())
            expires = max((entry.options or {})["expires"] for entry in due)  # all have it: settings
            names = [str(entry.task) for entry in due]
            together = ScheduleEntry("at rest", TOGETHER, args=(names,), options={"expires": expires}, app=self.app)
            self.apply_entry(together, producer=self.producer)

    def _due_at(self, entry: ScheduleEntry) -> float:
        due = due_at(str(entry.task), self._period(entry), self.put_at[entry.name], self.written_at)
        return max(self.put_at[entry.name] + self._period(entry), min(due, self.begins))

    def _notice(self, now: float) -> None:
        """Look whether the database was written to, and then when the next mailing begins; none rests beside one."""
        files = self._files()
        if files != self.seen:
            self.seen, self.written_at, self.begins = files, now, now + _seconds_until_a_mailing()
        elif now >= self.begins:
            self.written_at, self.begins = now, now + _seconds_until_a_mailing()

    @staticmethod
    def _period(entry: ScheduleEntry) -> float:
        seconds: float = entry.schedule.run_every.total_seconds()  # type: ignore[union-attr]  # all are in seconds
        return seconds

    @staticmethod
    def _files() -> list[tuple[int, int]]:
        """Return what differs after each write: SQLite writes into its log first, and now and then into the file."""
        database = _database()
        return [_stat(database), _stat(database.with_name(f"{database.name}-wal"))]


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _database() -> Path:
    return Path(settings.DATABASES["default"]["NAME"])


def _seconds_until_a_mailing() -> float:
    """Return 0 while one goes out, else how long until the next one begins."""
    from newsletter.delivery.models import Mailing  # noqa: PLC0415 - Celery reads this module before there are models

    try:
        return Mailing.objects.seconds_until_next(timezone.now())
    except (DatabaseError, InterfaceError) as error:
        log.warning("The clock cannot ask when the next mailing begins, and does not rest: %s", error)
        return 0.0
