"""Heartbeats: when each part last did its work, for whoever has to see that it no longer does.

A part sets the time of its file in DATA_DIR/heartbeats to the machine's monotonic clock, which all processes share
and no change of the date moves. Nothing beats in the background: only work that is done does. With Redis a part also
sets a key that lives for SILENT_SECONDS, so that a machine whose tasks are done by another one knows that they are.
"""

import math
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from newsletter.publication.limits import begin_outage, is_away, redis_errors

EVERY_SECONDS = 10.0  # at most one heartbeat of a part in this time
SILENT_SECONDS = 60.0
SERVER = "heartbeats"


class Part(StrEnum):
    """What has to do its work again and again, on one machine or another."""

    DISPATCHER = "dispatcher"  # recovers, begins and closes mailings
    CONFIRMATIONS = "confirmations"  # single mails
    LANES = "lanes"  # only while a mailing is being sent
    CLOCK = "clock"  # puts tasks on the queue
    WORKER = "worker"  # ends tasks, whether they succeed or not


ALWAYS = (Part.DISPATCHER, Part.CONFIRMATIONS, Part.CLOCK)  # those that must beat whatever there is to do


class _Own:
    """What this process has beaten, and the name of its own file: "" where nobody looks at it."""

    name = ""
    latest: dict[str, float] = {}


def take(name: str) -> None:
    """Be the process whose supervisor looks at the file `name`."""
    _Own.name, _Own.latest = name, {}


def show() -> None:
    """Note that this process has just done a piece of its work."""
    if _Own.name:
        beat(_Own.name)


def beat(part: str) -> None:
    """Note that a part has just done its work; most calls cost nothing."""
    now = time.monotonic()
    if now - _Own.latest.get(part, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    _Own.latest[part] = now
    path = _path(part)
    with suppress(OSError):  # a full disk: the work goes on
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (now, now))
    _share(part)


def _share(part: str) -> None:
    if settings.REDIS_URL and part in Part and not is_away(SERVER):
        try:
            cache.set(_key(part), 1, SILENT_SECONDS)
        except redis_errors() as error:
            begin_outage(SERVER, error, meanwhile="each machine knows of its own parts alone")


def latest(part: str, *, anywhere: bool = False) -> float | None:
    """Return when a part beat last, by the monotonic clock; None if not since the machine was started.

    anywhere: count another machine's as one of this moment; it is asked for only when this one's is old.
    """
    now = time.monotonic()
    try:
        at = _path(part).stat().st_mtime
    except OSError:
        at = math.inf
    if anywhere and not 0 <= now - at <= SILENT_SECONDS and _beats_elsewhere(part):
        return now
    return at if at <= now else None


def silent_seconds(part: str, *, allowed: float = SILENT_SECONDS, unknown: bool = False) -> float:
    """Return how long a part has not beaten here or anywhere, 0 if that is not longer than `allowed`.

    unknown: whether one that has never run on this machine counts as silent for ever.
    """
    at = latest(part, anywhere=True)
    if at is None:
        return math.inf if unknown else 0.0
    age = time.monotonic() - at
    return age if age > allowed else 0.0


def _beats_elsewhere(part: str) -> bool:
    if not settings.REDIS_URL or is_away(SERVER):
        return False
    try:
        return cache.get(_key(part)) is not None
    except redis_errors() as error:
        begin_outage(SERVER, error, meanwhile="each machine knows of its own parts alone")
        return False


def forget(parts: Iterable[str] = Part) -> None:
    """Forget these heartbeats of this machine, before what leaves them is started."""
    for part in parts:
        _Own.latest.pop(part, None)
        _path(part).unlink(missing_ok=True)


def _path(part: str) -> Path:
    folder: Path = settings.DATA_DIR / "heartbeats"
    return folder / part


def _key(part: str) -> str:
    return f"heartbeat:{part}"
