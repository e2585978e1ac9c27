"""Waking the lanes of this machine, which look at the ledger by themselves now and then. No queue is asked.

A file's time says when they were woken last: it needs no message that could be lost, and no file system that has pipes.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

EVERY_SECONDS = 1.0  # between a lane's looks at the ledger: the lanes of other machines are not woken
ALONE_SECONDS = 10.0  # on SQLite, where no other machine is
LOOK_SECONDS = 0.1  # between looks at the file


def wake_lanes() -> None:
    """Have every idle lane of this machine look at the ledger soon."""
    with suppress(OSError):  # a full disk: they look by themselves
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().touch()


def waker() -> Callable[[Callable[[], bool]], None]:
    """Return what waits until lanes are woken, or it is time to look, or its argument says that it is over."""
    woken_at = _woken_at()
    seconds = ALONE_SECONDS if connection.vendor == "sqlite" else EVERY_SECONDS

    def wait(is_over: Callable[[], bool]) -> None:
        nonlocal woken_at
        until = time.monotonic() + seconds
        while not is_over() and woken_at == _woken_at() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
        woken_at = _woken_at()

    return wait


def _woken_at() -> int:
    try:
        return _file().stat().st_mtime_ns
    except OSError:
        return 0


def _file() -> Path:
    path: Path = settings.LOCK_DIR / "wake"
    return path
