"""The export of the day before: its pictures need no second copy on the disk. No Django."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Former:
    """The export before, on the same disk. files: as its manifest has them; seconds: when it was begun, since 1970."""

    root: Path
    files: dict[str, dict[str, Any]]
    seconds: float

    def of(self, source: Path, name: str) -> dict[str, Any] | None:
        """Return what its manifest says of a file that is still the same, by its size and its age; else None."""
        now = source.stat()
        return self.known(name, now.st_size) if now.st_mtime < self.seconds else None

    def known(self, name: str, size: int) -> dict[str, Any] | None:
        """Return what its manifest says of a file of this size; None if it has none."""
        told = self.files.get(name)
        return told if told is not None and told["bytes"] == size and _has_size(self.root / name, size) else None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.lstat().st_size == size and not path.is_symlink()
    except OSError:
        return False


def linked(there: Path, here: Path) -> bool:
    """Return whether a file has a second name now: not every disk can."""
    here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(there, here, follow_symlinks=False)
    except OSError:
        return False
    return True
