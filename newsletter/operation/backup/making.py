"""Make a backup: one file, whole or not there."""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from newsletter.operation.backup import contents, engines
from newsletter.operation.backup.archive import FILES, FORM, MANIFEST, Writer
from newsletter.operation.backup.sealing import SUFFIX, Sealed, sealing


@dataclass(frozen=True)
class Made:
    """A backup that is whole. seconds: that it took."""

    path: Path
    octets: int
    seconds: float
    rows: dict[str, int]


def make(path: Path, now: datetime, *, key: str | None = None) -> Made:
    """Write a backup of this installation to `path`, while everything runs.

    key: the public one of age that it is encrypted for, or ""; by default BACKUP_AGE_KEY.
    Raises FileExistsError if the file is there, Sealed, Unusable or OSError if it cannot be; then no file is left.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already: a backup is never written over")
    key = settings.BACKUP_AGE_KEY if key is None else key
    if bool(key) != (path.suffix == SUFFIX):
        raise Sealed(
            f"BACKUP_AGE_KEY is set, so the backup is encrypted: let its name end in {SUFFIX}"
            if key
            else f"a name in {SUFFIX} asks for encryption: set BACKUP_AGE_KEY to a public key of age"
        )
    began = time.monotonic()
    with _whole(path) as file, _sealed(file, key) as stream:
        rows = _write(stream, path.parent, now)
    return Made(path, path.stat().st_size, time.monotonic() - began, rows)


def _write(stream: IO[bytes], scratch: Path, now: datetime) -> dict[str, int]:
    engine = engines.here()
    with Writer(stream) as archive:
        with engine.dumped(scratch) as dump:
            archive.add_json(MANIFEST, _manifest(engine, dump.rows, now))
            archive.add_dump(dump.source)
        # After the database: each picture that it names is there, and who leaves meanwhile is in the lines.
        archive.add(f"{FILES}{contents.SECRET}", settings.SECRET_KEY.encode())
        contents.write(archive)
        archive.finish()
    return dump.rows


def _manifest(engine: engines.Engine, rows: dict[str, int], now: datetime) -> dict[str, object]:
    migrations = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    made_at = now.astimezone(UTC).isoformat(timespec="seconds")
    return {"form": FORM, "made_at": made_at, "engine": engine.name, "rows": rows, "migrations": migrations}


def _sealed(file: IO[bytes], key: str) -> AbstractContextManager[IO[bytes]]:
    return sealing(file, key) if key else nullcontext(file)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file of its owner alone that gets its name when it is whole and on the disk."""
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part.unlink(missing_ok=True)  # of a process that was killed here
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 1024**2) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
