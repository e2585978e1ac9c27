"""Runs the converter in a subprocess, and reads its reports."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path

import newsletter
from newsletter.moving.folder.layout import partial_path
from newsletter.moving.limited import CPU_SECONDS, MEMORY_MAX

_ENDED = {
    -signal.SIGXCPU: "it takes too long to convert",
    -signal.SIGKILL: "it was stopped; this machine may have too little memory for it",
}


class ConversionError(Exception):
    """The export cannot be converted; the sentence says why."""


def run_converter(  # noqa: PLR0913 - an option of the program each
    path: Path,
    folder: Path,
    *,
    zone: tzinfo,
    site: str = "",
    pictures: Sequence[Path] = (),
    fetch: bool = False,
    progress: Callable[[int, int], None] | None = None,
    memory: int = MEMORY_MAX,
    cpu_seconds: int = CPU_SECONDS,
) -> None:
    """Convert an export into a new folder of posts. progress: gets how many posts are done, and of how many.

    Raises ConversionError; then there is no folder. The process sees no setting and no secret of this one.
    """
    options = [f"--zone={zone}", f"--site={site}", *(f"--pictures={one.resolve()}" for one in pictures)]
    options += [f"--memory={memory}", f"--cpu-seconds={cpu_seconds}", *(["--fetch"] if fetch else [])]
    options += ["--", str(path.resolve()), str(folder.resolve())]
    command = [sys.executable, "-m", "newsletter.moving.converters", *options]
    top = Path(newsletter.__file__).parents[1]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=top, env={"LANG": "C.UTF-8"}, text=True) as child:  # noqa: S603  # ours
            try:
                error = _error(child.stdout or (), progress)
            except BaseException:
                child.kill()
                raise
        if child.returncode:
            raise ConversionError(error or _ENDED.get(child.returncode, "the program that converts it has failed"))
    finally:
        shutil.rmtree(partial_path(folder), ignore_errors=True)  # of a process that was killed


def _error(lines: Iterable[str], progress: Callable[[int, int], None] | None) -> str:
    error = ""
    for line in lines:
        report = json.loads(line)
        error = report.get("error", error)
        if progress and "done" in report:
            progress(report["done"], report["of"])
    return error
