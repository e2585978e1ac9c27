"""The secret that is made once and kept in a file. Pure."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def kept(path: Path, new: str) -> str:
    """Return what stands in `path`; write `new` there first if the file is missing or empty.

    Only its owner may read it. Of several processes that come at once one writes, and all return the same. A kill at
    any moment leaves no file, or a whole one.
    """
    if not _read(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            if not _read(path):
                _write(path, new)
    return _read(path)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: the kernel lets go of it when the process dies."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _write(path: Path, text: str) -> None:
    """Write a whole file, then give it its name."""
    unnamed = path.with_name(f".{path.name}.new")
    unnamed.unlink(missing_ok=True)  # of a process that was killed here
    with os.fdopen(os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unnamed.replace(path)
