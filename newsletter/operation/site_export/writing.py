"""The folder of an export as it is written: beside its place, every file of its owner alone. No Django."""

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from newsletter.operation.site_export.folder import COPIED_BYTES, FORM, MANIFEST
from newsletter.operation.site_export.progress import Line


@dataclass
class Writer:
    """Writes files of their owner alone; `finish` makes the folder an export."""

    root: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    line: Line | None = None  # that shows how far it is

    @contextmanager
    def file(self, name: str) -> Iterator["Hashed"]:
        """Yield a file to write octets to, by its path in the folder."""
        path = self.root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", COPIED_BYTES) as target:
            hashed = Hashed(target, self.line)
            if self.line:
                self.line.say(name)
            yield hashed
            self.files[name] = {"bytes": hashed.size, "sha256": hashed.hash.hexdigest()}

    def add(self, name: str, octets: bytes) -> None:
        with self.file(name) as target:
            target.write(octets)

    def copy(self, source: Path, name: str) -> None:
        """Add a file as it is. Raises FileNotFoundError if it is gone."""
        with source.open("rb") as octets, self.file(name) as target:
            while some := octets.read(COPIED_BYTES):
                target.write(some)

    def add_rows(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Write a table, the heading first; return how many rows it has."""
        count = 0
        with self.file(name) as target, _text(target) as text:
            lines = csv.writer(text)
            lines.writerow(columns)
            for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is returned
                lines.writerow(row)
        self.files[name]["rows"] = count
        return count

    def finish(self, facts: dict[str, Any]) -> None:
        told = {"form": FORM} | facts | {"files": dict(sorted(self.files.items()))}
        path = self.root / MANIFEST
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
            json.dump(told, target, ensure_ascii=False, indent=1)


class Hashed(io.RawIOBase):
    """Writes on to another stream, and knows the size and the SHA-256 of what it was given."""

    def __init__(self, target: IO[bytes], line: Line | None = None) -> None:
        self.target, self.hash, self.size, self.line = target, hashlib.sha256(), 0, line

    def writable(self) -> bool:
        return True

    def write(self, octets: Any, /) -> int:
        self.hash.update(octets)
        self.size += len(octets)
        if self.line:
            self.line.count(len(octets))
        return self.target.write(octets)


def _text(target: Any) -> io.TextIOWrapper:
    """Return a stream of text that writes octets on to `target`."""
    return io.TextIOWrapper(target, "utf-8", newline="")


@contextmanager
def whole(place: Path, line: Line | None = None) -> Iterator[Writer]:
    """Yield a folder to fill that gets its name when the block has ended well, and is on the disk.

    Raises FileExistsError if something is there; what a process that was killed has left beside it is removed.
    """
    if place.is_symlink() or (place.exists() and not _is_empty(place)):
        raise FileExistsError(f"{place} is there already, and is not empty: an export is never written over")
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.mkdir(mode=0o700)
    try:
        yield Writer(part, line=line)
        os.sync()  # thousands of files: one by one it would take minutes
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())
