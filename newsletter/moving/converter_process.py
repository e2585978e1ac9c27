"""Runs the converter in a subprocess, which sets its own resource limits. Uses no Django."""

import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Final

import newsletter
from newsletter.moving.folder.layout import temporary_path

MEMORY_MAX: Final = 2 * 1024**3  # bytes
CPU_SECONDS: Final = 2 * 3600
FILE_BYTES: Final = 1024**3  # of each file that is written
_SIGNAL_ERRORS = {
    -signal.SIGXCPU: "it takes too long to convert",
    -signal.SIGKILL: "it was stopped; this machine may have too little memory for it",
}


class ConversionError(Exception):
    """The export cannot be converted; the message says why."""


def run_converter(  # noqa: PLR0913 - each is an option of the program
    export_path: Path,
    folder: Path,
    *,
    zone: tzinfo,
    site_url: str = "",
    picture_folders: Sequence[Path] = (),
    fetch: bool = False,
    progress: Callable[[int, int], None] | None = None,
    memory: int = MEMORY_MAX,
    cpu_seconds: int = CPU_SECONDS,
) -> None:
    """Write a new folder of posts. progress: called with (done, total). Raises ConversionError."""
    command = [sys.executable, "-m", "newsletter.moving.converters.convert", str(export_path.resolve())]
    command += [str(folder.resolve()), str(zone), site_url, str(memory), str(cpu_seconds), "fetch" if fetch else ""]
    command += [str(one.resolve()) for one in picture_folders]
    top = Path(newsletter.__file__).parents[1]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=top, env={"LANG": "C.UTF-8"}, text=True) as child:  # noqa: S603  # ours
            try:
                error = _read_error(child.stdout or (), progress)
            except BaseException:
                child.kill()
                raise
        if child.returncode:
            default = "the program that converts it has failed"
            raise ConversionError(error or _SIGNAL_ERRORS.get(child.returncode, default))
    finally:
        shutil.rmtree(temporary_path(folder), ignore_errors=True)  # of a process that was killed


def _read_error(lines: Iterable[str], progress: Callable[[int, int], None] | None) -> str:
    error = ""
    for line in lines:
        report = json.loads(line)
        error = report.get("error", error)
        if progress and "done" in report:
            progress(report["done"], report["of"])
    return error


def set_resource_limits(memory: int, cpu_seconds: int) -> None:
    """A process that exceeds them gets MemoryError, SIGXCPU, or OSError (file too large)."""
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: cpu_seconds}
    limits |= {resource.RLIMIT_FSIZE: FILE_BYTES, resource.RLIMIT_CORE: 0}
    for name, wanted in limits.items():
        hard = resource.getrlimit(name)[1]
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(name, (soft, hard))


@contextmanager
def cpu_time_limit(seconds: float) -> Iterator[None]:
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
