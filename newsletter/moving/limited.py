"""Limits that a process sets for itself before it reads what a stranger has made. Pure."""

import resource
from typing import Final

MEMORY_MAX: Final = 2 * 1024**3  # bytes
CPU_SECONDS: Final = 2 * 3600
FILE_BYTES: Final = 1024**3  # of each file that is written


def limit(memory: int, cpu_seconds: int) -> None:
    """Let this process end rather than take more: MemoryError, SIGXCPU, and OSError for a file that is too large."""
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
