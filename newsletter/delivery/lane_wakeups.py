"""Wakes the lanes of this machine, which otherwise poll the ledger. Needs no queue.

The wake-up is the modification time of a file: no message that could get lost, no pipe that a file system may lack.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

POLL_SECONDS = 1.0  # between a lane's polls of the ledger: lanes of other machines are not woken
SQLITE_POLL_SECONDS = 10.0  # on SQLite, where there is no other machine
CHECK_SECONDS = 0.1  # between checks of the file


def wake_lanes() -> None:
    """Let every idle lane of this machine poll the ledger soon."""
    with suppress(OSError):  # a full disk: they poll anyway
        _wake_file().parent.mkdir(parents=True, exist_ok=True)
        _wake_file().touch()


def wake_up_waiter() -> Callable[[Callable[[], bool]], None]:
    """A function that waits for a wake-up or the next poll; it ends early when its argument returns True."""
    woken_at = _woken_at()
    seconds = SQLITE_POLL_SECONDS if connection.vendor == "sqlite" else POLL_SECONDS

    def wait(is_over: Callable[[], bool]) -> None:
        nonlocal woken_at
        until = time.monotonic() + seconds
        while not is_over() and woken_at == _woken_at() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_SECONDS))
        woken_at = _woken_at()

    return wait


def _woken_at() -> int:
    try:
        return _wake_file().stat().st_mtime_ns
    except OSError:
        return 0


def _wake_file() -> Path:
    return Path(settings.LOCK_DIR, "wake")
