"""Limits that a process sets for itself before it reads what a stranger has made. Pure."""

import resource
from typing import Final

MEMORY_MAX: Final = 2 * 1024**3  # bytes
CPU_SECONDS: Final = 2 * 3600
FILE_BYTES: Final = 1024**3  # of each file that is written


def limit(*, memory: int = MEMORY_MAX, cpu_seconds: int = CPU_SECONDS, file_bytes: int = FILE_BYTES) -> None:
    """Let this process end rather than take more. Memory raises MemoryError, seconds end it by SIGXCPU."""
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
    }
    for name, most in limits.items():
        _soft, hard = resource.getrlimit(name)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (most, most))
