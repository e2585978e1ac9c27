"""Resource limits that a process sets for itself before it reads untrusted input. Pure."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MEMORY_MAX: Final = 2 * 1024**3  # bytes
CPU_SECONDS: Final = 2 * 3600
FILE_BYTES: Final = 1024**3  # of each file that is written


def limit(memory: int, cpu_seconds: int) -> None:
    """Beyond: MemoryError, SIGXCPU, and OSError for a file that is too large."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    for name, wanted in limits.items():
        hard = resource.getrlimit(name)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(name, (soft, hard))


@contextmanager
def cpu_time(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes more CPU time, also within a regular expression. In the main thread."""

    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
