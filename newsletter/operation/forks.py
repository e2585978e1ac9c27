"""Processes that are copies of this one: what is loaded is in memory once, and a copy begins its work at once."""

import ctypes
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter.operation.supervisor import STOP_SIGNALS, Child, die_with_parent

M_ARENA_MAX = -8  # mallopt(3) of glibc
ARENAS = 2  # heaps of one process: each of its threads would get one
PIECES = (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, *range(1_000, 15, -16))  # octets
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class _Heap(ctypes.Structure):
    """What mallinfo2(3) tells: `free` octets in all, `top` of them in one piece at the end."""

    _fields_ = [(f"_{number}", ctypes.c_size_t) for number in range(8)] + [
        ("free", ctypes.c_size_t),
        ("top", ctypes.c_size_t),
    ]


class Forked:
    """A copy of this process that does `work` and ends; to be asked and ended like a subprocess.Popen.

    title: what `ps` shows. leads: whether it begins a process group of its own, or stays in this one's.
    """

    def __init__(self, work: Callable[[], None], title: str, *, leads: bool = True) -> None:
        arguments = (work, title, leads, os.getpid())
        self._process = multiprocessing.get_context("fork").Process(target=_begin, args=arguments)
        self._process.start()
        if leads:
            with suppress(OSError):  # it did so itself, or has ended
                os.setpgid(self.pid, self.pid)

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("a copy of this process", timeout or 0)
        return status


@dataclass
class Fork(Child):
    """A program that must always run, as a copy of the supervisor's process. Its environment is the supervisor's."""

    work: Callable[[], None] = lambda: None

    def launch(self, env: Mapping[str, str], folder: Path) -> Forked:
        return Forked(self.work, " ".join(self.argv) or self.name)


def settle() -> None:
    """Make ready what is loaded, so that as little of it as possible is written to, and so copied, in each process."""
    gc.collect()
    gc.freeze()  # a collection that looked at these objects would copy their pages
    if _libc is not None and hasattr(_libc, "mallinfo2"):  # glibc
        _libc.malloc_trim(0)
        _fill_holes(_libc)


def _fill_holes(libc: Any) -> None:
    """Take every free piece of the heap and keep it: a copy that used one would copy the page around it.

    Measured: a hand of a worker had 6 MB less of its own, for 1.6 MB that are in memory once.
    """
    libc.mallinfo2.restype, libc.malloc.restype, libc.sbrk.restype = _Heap, ctypes.c_void_p, ctypes.c_void_p
    libc.malloc.argtypes, libc.free.argtypes, libc.sbrk.argtypes = [ctypes.c_size_t], [ctypes.c_void_p], [ctypes.c_long]
    end = libc.sbrk(0) - libc.mallinfo2().top  # of the holes: behind it is only the piece that the heap ends with
    for octets in PIECES:
        while (piece := libc.malloc(octets)) is not None and piece < end:
            pass
        libc.free(piece)


def _begin(work: Callable[[], None], title: str, leads: bool, parent: int) -> None:
    """Do `work` until SIGTERM, or until the parent has died."""
    if leads:
        os.setpgid(0, 0)
    die_with_parent()
    signal.set_wakeup_fd(-1)  # the supervisor's
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(M_ARENA_MAX, ARENAS)
    _entitle(title)
    if os.getppid() == parent:
        work()


def _entitle(title: str) -> None:
    """Write a title, word by word, over those that this process was started with, as far as they reach (Linux).

    Source: proc_pid_stat(5), arg_start and arg_end.
    """
    with suppress(OSError, IndexError, ValueError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
        if 0 < begin < end:
            words = title.encode().replace(b" ", b"\0")
            ctypes.memmove(begin, words[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)
