"""Make a backup: one complete file or none. Files are stored by their path in DATA_DIR.

Pictures of a bucket are stored as if they were files: one backup restores everything, with a bucket or without.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self, cast

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from newsletter.operation.backup import databases
from newsletter.operation.backup.archive import (
    ENCRYPTED_SUFFIX,
    FILES_PREFIX,
    MANIFEST_NAME,
    MANIFEST_VERSION,
    ArchiveMember,
    BackupWriter,
    DamagedBackup,
    EncryptionError,
    encrypting,
)
from newsletter.operation.backup.databases import ASIDE_PREFIX, COPY_CHUNK_BYTES
from newsletter.publication.pictures.storages import MediaStore, media
from subscribers.departures import fsync_folder

SECRET_KEY_FILE_NAME = "secret_key"  # noqa: S105 - the name of its file
APPEND_ONLY_FILES = {"departures", "wishes"}  # independent lines in any order: decision 0045
MEDIA_FOLDER, DKIM_FOLDER = "media", "dkim"
BACKED_UP_FOLDERS = (MEDIA_FOLDER, DKIM_FOLDER)


def write_files(archive: BackupWriter) -> None:
    """Add the files; the append-only ones last, so that they are the newest."""
    if media.is_remote:
        for name, octets in media.contents(media.picture_byte_counts()):
            archive.add(f"{FILES_PREFIX}{MEDIA_FOLDER}/{name}", octets)
    for name in backup_paths():
        archive.add_file(settings.DATA_DIR / name, name)


def backup_paths() -> Iterator[str]:
    """Paths of all files in DATA_DIR that belong in a backup."""
    for folder in (DKIM_FOLDER,) if media.is_remote else BACKED_UP_FOLDERS:
        found = sorted((settings.DATA_DIR / folder).rglob("*"))
        yield from (str(path.relative_to(settings.DATA_DIR)) for path in found if path.is_file())
    yield from (name for name in sorted(APPEND_ONLY_FILES) if (settings.DATA_DIR / name).exists())


@dataclass
class FileRestorer:
    """Restores files: equal ones stay, missing lines of logs are added.

    Changed ones are written beside the old until `finish`, which renames the old, except `overwritable_paths`.
    bucket: where pictures go; None for the folder.
    """

    folder: Path
    aside_tag: str  # in the new names of old files
    overwritable_paths: set[str] = field(default_factory=set)
    bucket: MediaStore | None = None
    existing_pictures: dict[str, int] | None = None  # what the bucket had before
    restored_count: int = 0
    set_aside_count: int = 0
    changed_files: dict[Path, Path] = field(default_factory=dict)  # new file by the one it will replace

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        for fresh in self.changed_files.values():
            fresh.unlink(missing_ok=True)

    def finish(self) -> None:
        for path, fresh in self.changed_files.items():
            if str(path.relative_to(self.folder)) not in self.overwritable_paths:
                path.rename(path.with_name(f"{ASIDE_PREFIX}{self.aside_tag}.{path.name}"))
                self.set_aside_count += 1
            fresh.replace(path)

    def restore(self, member: ArchiveMember) -> None:
        path = self._path(member.data_path)
        if member.data_path in APPEND_ONLY_FILES:
            merge_lines(path, member.source.read())
            return
        self.restored_count += 1
        if self.bucket and member.data_path.startswith(f"{MEDIA_FOLDER}/"):
            self._put_picture(self.bucket, member)
        else:
            self._put_file(path, member)

    def _put_picture(self, bucket: MediaStore, member: ArchiveMember) -> None:
        """Upload a picture unless it is there: its name is a content hash."""
        if self.existing_pictures is None:
            self.existing_pictures = bucket.picture_byte_counts()
        name = member.data_path.removeprefix(f"{MEDIA_FOLDER}/")
        if self.existing_pictures.get(name) != member.size:
            bucket.put(name, cast("IO[bytes]", member.source))

    def _put_file(self, path: Path, member: ArchiveMember) -> None:
        fresh = path.with_name(f".{path.name}.new")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                while octets := member.source.read(COPY_CHUNK_BYTES):
                    target.write(octets)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        if path.exists() and path.read_bytes() != fresh.read_bytes():
            self.changed_files[path] = fresh
        else:
            fresh.replace(path)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        is_in_folder = name.startswith(tuple(f"{folder}/" for folder in BACKED_UP_FOLDERS))
        if name not in {SECRET_KEY_FILE_NAME, *APPEND_ONLY_FILES} and not is_in_folder:
            raise DamagedBackup(f"unexpected file in backup: {name}")
        return path


def merge_lines(path: Path, octets: bytes) -> None:
    """Append missing lines. Existing ones are newer than the backup, and stay."""
    old = set(path.read_bytes().splitlines()) if path.exists() else set()
    new = [line for line in octets.splitlines() if line and line not in old]
    if new:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as target:
            target.write(b"".join(b"\n" + line for line in new))
            target.flush()
            os.fsync(target.fileno())


@dataclass(frozen=True)
class BackupResult:
    """A complete backup. size: bytes."""

    path: Path
    size: int
    duration_seconds: float
    row_counts: dict[str, int]


def make_backup(path: Path, now: datetime, *, key: str | None = None) -> BackupResult:
    """Write a backup to `path` while everything runs.

    key: age public key to encrypt for, "" for none; default BACKUP_AGE_KEY.
    Raises FileExistsError, EncryptionError, DatabaseUnusable or OSError; then no file is left.
    """
    if path.exists():
        raise FileExistsError(f"{path} already exists; backups are never overwritten")
    key = settings.BACKUP_AGE_KEY if key is None else key
    if bool(key) != (path.suffix == ENCRYPTED_SUFFIX):
        raise EncryptionError(
            f"BACKUP_AGE_KEY is set, so the backup is encrypted: let its name end in {ENCRYPTED_SUFFIX}"
            if key
            else f"a name ending in {ENCRYPTED_SUFFIX} requires encryption: set BACKUP_AGE_KEY to a public key of age"
        )
    began = time.monotonic()
    with _atomic_file(path) as file, encrypting(file, key) if key else nullcontext(file) as stream:
        row_counts = _write_members(stream, path.parent, now)
    return BackupResult(path, path.stat().st_size, time.monotonic() - began, row_counts)


def _write_members(stream: IO[bytes], scratch: Path, now: datetime) -> dict[str, int]:
    engine = databases.current_engine()
    with BackupWriter(stream) as archive:
        with engine.snapshot(scratch) as dump:
            archive.add_json(MANIFEST_NAME, _manifest(engine, dump.row_counts, now))
            archive.add_dump(dump.source)
        # After the database, so that every picture it refers to and every departure made meanwhile is included.
        archive.add(f"{FILES_PREFIX}{SECRET_KEY_FILE_NAME}", settings.SECRET_KEY.encode())
        write_files(archive)
        archive.finish()
    return dump.row_counts


def _manifest(engine: databases.Engine, rows: dict[str, int], now: datetime) -> dict[str, object]:
    migrations = sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    made_at = now.astimezone(UTC).isoformat(timespec="seconds")
    facts = {"engine": engine.name, "database_bytes": engine.byte_count(), "rows": rows, "migrations": migrations}
    return {"form": MANIFEST_VERSION, "made_at": made_at} | facts


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file with mode 0600 that gets its name once it is complete and synced."""
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
    fsync_folder(path.parent)
