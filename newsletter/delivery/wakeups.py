"""Waking the lanes of this machine, which look at the ledger once a second by themselves. No queue is asked.

A file's time says when they were woken last: it needs no message that could be lost, and no file system that has pipes.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

EVERY_SECONDS = 1.0  # between a lane's looks at the ledger: the lanes of other machines are not woken
GLANCE_SECONDS = 0.05  # between looks at the file, and at whether to stop


def wake_lanes() -> None:
    """Have every idle lane of this machine look at the ledger at once."""
    with suppress(OSError):  # a full disk: they look within a second
        _file().parent.mkdir(parents=True, exist_ok=True)
        _file().touch()


def waker() -> Callable[[Callable[[], bool]], None]:
    """Return what waits until lanes are woken, or a second has passed, or its argument says that it is over."""
    woken_at = _woken_at()

    def wait(is_over: Callable[[], bool]) -> None:
        nonlocal woken_at
        until = time.monotonic() + EVERY_SECONDS
        while time.monotonic() < until and not is_over() and woken_at == _woken_at():
            time.sleep(GLANCE_SECONDS)  # a file wakes nobody: it is looked at again and again
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
