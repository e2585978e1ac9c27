"""Waiting until something stirs in a folder, without looking at it again and again (Linux: inotify and epoll).

Elsewhere, and where the system gives no more of these, whoever waits looks every GLANCE_SECONDS as before.
"""

import ctypes
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

GLANCE_SECONDS = 0.05
# Source: inotify(7). A file is written to, its time is set, it is closed after writing, gets its name here, is made.
STIRS = 0x2 | 0x4 | 0x8 | 0x80 | 0x100
IN_NONBLOCK, IN_CLOEXEC = os.O_NONBLOCK, getattr(os, "O_CLOEXEC", 0)
DRAINED = 65_536  # octets read at once of what woke us

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Folder:
    """A folder whose files are waited for, by the process that makes this object.

    shared: a descriptor that several processes wait for; when it can be read, one of them wakes.
    In the main thread a signal ends a wait as well.
    """

    def __init__(self, path: Path, *, shared: int | None = None) -> None:
        self._waiting: select.epoll | None = None
        self._signals = -1
        inotify = _inotify(path)
        if inotify < 0:
            return
        self._waiting = select.epoll()
        self._drained = [inotify]
        self._waiting.register(inotify, select.EPOLLIN)
        if shared is not None:
            self._waiting.register(shared, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        if threading.current_thread() is threading.main_thread():
            self._hear_signals(self._waiting)

    def wait(self, seconds: float) -> bool:
        """Wait, at most `seconds` and perhaps less; return whether something may have happened."""
        if self._waiting is None:
            time.sleep(min(max(0.0, seconds), GLANCE_SECONDS))  # nobody wakes us
            return True
        if self._signals < 0:
            seconds = min(seconds, GLANCE_SECONDS)
        found = self._waiting.poll(max(0.0, seconds))
        for number, _event in found:
            if number in self._drained:
                with suppress(BlockingIOError):
                    os.read(number, DRAINED)
        return bool(found)

    def _hear_signals(self, waiting: select.epoll) -> None:
        """Wake when Python has been told of a signal, which would else let the wait go on."""
        self._signals, told = os.pipe2(IN_NONBLOCK | IN_CLOEXEC)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        waiting.register(self._signals, select.EPOLLIN)
        self._drained.append(self._signals)


def _inotify(path: Path) -> int:
    """Return a descriptor that can be read when something stirs in the folder; -1 if there can be none."""
    if _libc is None:
        return -1
    number: int = _libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
    if number >= 0 and _libc.inotify_add_watch(number, os.fsencode(path), STIRS) < 0:
        os.close(number)
        return -1
    return number
