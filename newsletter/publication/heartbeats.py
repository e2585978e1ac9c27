"""Heartbeats of the background components, for supervisor, doctor and /readyz.

Each component sets the mtime of its file in DATA_DIR/heartbeats to the machine's monotonic clock, which processes share
and date changes do not affect. Only finished work counts; no thread beats on its own. With Redis a component also sets
a key for SILENT_AFTER_SECONDS, so that other machines see it.
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

from newsletter.limits.circuit_breaker import is_circuit_open, open_circuit, redis_errors

BEAT_INTERVAL_SECONDS = 10.0  # minimum interval between two heartbeats
SILENT_AFTER_SECONDS = 60.0
CIRCUIT = "heartbeats"  # name of the circuit breaker


WEB_SERVER = "web"  # beats once, when it begins


class Component(StrEnum):
    """A background component that must run on some machine."""

    DISPATCHER = "dispatcher"  # recovers, starts and closes mailings
    CONFIRMATIONS = "confirmations"  # single mails
    LANES = "lanes"  # only while a mailing is being sent
    CLOCK = "clock"  # puts tasks on the queue
    WORKER = "worker"  # finishes tasks, successful or not


ALWAYS_BEATING = (Component.DISPATCHER, Component.CONFIRMATIONS, Component.CLOCK)  # must beat even without work


class _ProcessState:
    """State of this process. name: its own file, "" without a supervisor."""

    name = ""
    beats: dict[str, float] = {}


def set_process_name(name: str) -> None:
    _ProcessState.name, _ProcessState.beats = name, {}


def record_heartbeat() -> None:
    if _ProcessState.name:
        beat(_ProcessState.name)


def beat(component: str) -> None:
    """Record a heartbeat; a no-op within BEAT_INTERVAL_SECONDS."""
    now = time.monotonic()
    if now - _ProcessState.beats.get(component, -BEAT_INTERVAL_SECONDS) < BEAT_INTERVAL_SECONDS:
        return
    _ProcessState.beats[component] = now
    path = _path(component)
    with suppress(OSError):  # a full disk must not stop the work
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (now, now))
    _share(component)


def _share(component: str) -> None:
    if settings.REDIS_URL and component in Component and not is_circuit_open(CIRCUIT):
        try:
            cache.set(_key(component), 1, SILENT_AFTER_SECONDS)
        except redis_errors() as error:
            open_circuit(CIRCUIT, error, meanwhile="each machine knows only its own components")


def last_beat(component: str, *, anywhere: bool = False) -> float | None:
    """Monotonic time of the last heartbeat; None if there was none since boot.

    anywhere: a recent heartbeat of another machine counts as now; queried only if the one here is old.
    """
    now = time.monotonic()
    try:
        at = _path(component).stat().st_mtime
    except OSError:
        at = math.inf
    if anywhere and not 0 <= now - at <= SILENT_AFTER_SECONDS and _beats_elsewhere(component):
        return now
    return at if at <= now else None


def silent_seconds(component: str, *, allowed: float = SILENT_AFTER_SECONDS, unknown_is_silent: bool = False) -> float:
    """Seconds since the last heartbeat on any machine; 0 up to `allowed`.

    unknown_is_silent: treat a component without any known heartbeat (none here since boot, none elsewhere lately) as
        infinitely silent.
    """
    at = last_beat(component, anywhere=True)
    if at is None:
        return math.inf if unknown_is_silent else 0.0
    age = time.monotonic() - at
    return age if age > allowed else 0.0


def _beats_elsewhere(component: str) -> bool:
    if not settings.REDIS_URL or is_circuit_open(CIRCUIT):
        return False
    try:
        return cache.get(_key(component)) is not None
    except redis_errors() as error:
        open_circuit(CIRCUIT, error, meanwhile="each machine knows only its own components")
        return False


def clear_beats(components: Iterable[str] = (*Component, WEB_SERVER)) -> None:
    """Delete heartbeats of this machine, before its components start."""
    for component in components:
        _ProcessState.beats.pop(component, None)
        _path(component).unlink(missing_ok=True)


def _path(component: str) -> Path:
    folder: Path = settings.DATA_DIR / "heartbeats"
    return folder / component


def _key(component: str) -> str:
    return f"heartbeat:{component}"
