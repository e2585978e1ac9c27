"""Heartbeats: when each part last did its work, for whoever has to see that it no longer does.

A part sets the time of its file in DATA_DIR/heartbeats to the machine's monotonic clock, which all processes share
and no change of the date moves; no byte is written. With Redis it also sets a key that lives for SILENT_SECONDS, so
that a machine whose tasks are done by another one knows that they are done.

To set a file's time writes to the disk all the same. Where one `up` runs all parts, the files are in memory, and the
folder has links to them (`keep_in_memory`).
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from newsletter.publication.limits import begin_outage, is_away

EVERY_SECONDS = 10.0  # at most one heartbeat of a part in this time
SILENT_SECONDS = 30.0
WORK_SECONDS = 600.0  # that one task may take before it counts as hung
SERVER = "heartbeats"


class Part(StrEnum):
    """What has to do its work again and again."""

    DISPATCHER = "dispatcher"  # recovers, begins and closes mailings
    CONFIRMATIONS = "confirmations"  # single mails
    LANES = "lanes"  # only while a mailing is being sent
    CLOCK = "clock"  # puts tasks on the queue
    WORKER = "worker"  # takes tasks, whether they succeed or not
    HANDS = "hands"  # a worker looks after its own; no other machine can do that in its place


ALWAYS = (Part.DISPATCHER, Part.CONFIRMATIONS, Part.CLOCK)  # those that must beat whatever there is to do
HERE_ALONE = (Part.HANDS,)
_latest: dict[Part, float] = {}  # of this process, by the monotonic clock
_in_memory: dict[Part, int] = {}  # descriptors that this process and its copies share


def beat(part: Part) -> None:
    """Note that a part has just done its work; most calls cost nothing."""
    now = time.monotonic()
    if now - _latest.get(part, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    _latest[part] = now
    with suppress(OSError):  # a full disk: the work goes on
        os.utime(_in_memory[part] if part in _in_memory else _own_file(part), (now, now))
    _share(part)


def _own_file(part: Part) -> Path:
    """Return the file of a part, which is there; a link was left by an `up` that is gone."""
    path = _path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink(missing_ok=True)
    path.touch()
    return path


def keep_in_memory() -> None:
    """Have this process and its copies, which are all parts of this machine, write no heartbeat to the disk (Linux).

    Whoever asks from outside follows the links, as long as this process lives.
    """
    if not hasattr(os, "memfd_create"):
        return
    now = time.monotonic()
    for part in Part:
        _in_memory[part] = os.memfd_create(f"heartbeat-{part}")
        path = _path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(f"/proc/{os.getpid()}/fd/{_in_memory[part]}")
        os.utime(path, (now, now), follow_symlinks=False)


def _share(part: Part) -> None:
    if settings.REDIS_URL and part not in HERE_ALONE and not is_away(SERVER):
        try:
            cache.set(_key(part), 1, SILENT_SECONDS)
        except RedisError as error:
            begin_outage(SERVER, error, meanwhile="each machine knows of its own parts alone")


@contextmanager
def working(part: Part) -> Iterator[None]:
    """Beat for a part when its task succeeds, and while it takes long, for up to WORK_SECONDS."""
    beat(Part.WORKER)
    over = Event()
    Thread(target=_beat_until, args=(over, part), daemon=True).start()
    try:
        yield
        beat(part)
    finally:
        over.set()


def _beat_until(over: Event, part: Part) -> None:
    until = time.monotonic() + WORK_SECONDS
    while not over.wait(EVERY_SECONDS) and time.monotonic() < until:
        beat(Part.WORKER)
        beat(part)


def latest(part: Part, *, anywhere: bool = False) -> float | None:
    """Return when a part beat last, by the monotonic clock; None if not since the machine was started.

    anywhere: count another machine's as one of this moment; it is asked for only when this one's is old.
    """
    now = time.monotonic()
    at = _modified_at(part, otherwise=now + 1)
    if anywhere and not 0 <= now - at <= SILENT_SECONDS and _beats_elsewhere(part):
        return now
    return at if at <= now else None


def _modified_at(part: Part, *, otherwise: float) -> float:
    """Return the time of a part's file; of a link that leads nowhere any more, its own."""
    path = _path(part)
    looks: tuple[Callable[[], os.stat_result], ...] = (lambda: os.fstat(_in_memory[part]), path.stat, path.lstat)
    for look in looks:
        with suppress(OSError, KeyError):
            return look().st_mtime
    return otherwise


def silent_seconds(part: Part, *, allowed: float = SILENT_SECONDS, unknown: bool = False) -> float:
    """Return how long a part has not beaten here or anywhere, 0 if that is not longer than `allowed`.

    unknown: whether one that has never run on this machine counts as silent for ever.
    """
    at = latest(part, anywhere=True)
    if at is None:
        return math.inf if unknown else 0.0
    age = time.monotonic() - at
    return age if age > allowed else 0.0


def _beats_elsewhere(part: Part) -> bool:
    if not settings.REDIS_URL or is_away(SERVER):
        return False
    try:
        return cache.get(_key(part)) is not None
    except RedisError as error:
        begin_outage(SERVER, error, meanwhile="each machine knows of its own parts alone")
        return False


def forget(parts: Iterable[Part] = Part) -> None:
    """Forget these heartbeats of this machine, before what leaves them is started."""
    for part in parts:
        _latest.pop(part, None)
        _path(part).unlink(missing_ok=True)


def _path(part: Part) -> Path:
    folder: Path = settings.DATA_DIR / "heartbeats"
    return folder / part


def _key(part: Part) -> str:
    return f"heartbeat:{part}"
