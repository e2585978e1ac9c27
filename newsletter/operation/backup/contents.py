"""What lies beside the database in a backup: pictures, keys, departures. Each by its path in DATA_DIR.

Pictures of a bucket are in it as if they were files: one backup brings back everything, with a bucket or without.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self, cast

from django.conf import settings

from newsletter.operation.backup.archive import FILES, Damaged, Member, Writer
from newsletter.operation.backup.dumps import ASIDE, COPIED_BYTES
from newsletter.publication.pictures.storages import Media, media

SECRET = "secret_key"  # noqa: S105 - the name of its file
LOGS = {"departures", "wishes"}  # lines for themselves, in any order: decision 0045
MEDIA, DKIM = "media", "dkim"
FOLDERS = (MEDIA, DKIM)


def write(archive: Writer) -> None:
    """Add the files, those of readers who left last, as late as can be."""
    if media.is_remote:
        for name, octets in media.contents(media.pictures()):
            archive.add(f"{FILES}{MEDIA}/{name}", octets)
    for name in names():
        archive.add_file(settings.DATA_DIR / name, name)


def names() -> Iterator[str]:
    """Yield the paths of all files in DATA_DIR that a backup holds."""
    for folder in (DKIM,) if media.is_remote else FOLDERS:
        found = sorted((settings.DATA_DIR / folder).rglob("*"))
        yield from (str(path.relative_to(settings.DATA_DIR)) for path in found if path.is_file())
    yield from (name for name in sorted(LOGS) if (settings.DATA_DIR / name).exists())


@dataclass
class Putting:
    """Puts files back: what is there stays, lines that are missing are added.

    What differs waits beside its file until `finish`, which puts the other aside.

    bucket: where the pictures go; into the folder as well, if it is None.
    """

    folder: Path
    mark: str  # in the name of what is put aside
    overwrites: set[str] = field(default_factory=set)
    bucket: Media | None = None
    there: dict[str, int] | None = None  # what the bucket had before
    files: int = 0
    put_aside: int = 0
    waiting: dict[Path, Path] = field(default_factory=dict)  # what differs, by the file whose place it takes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        for fresh in self.waiting.values():
            fresh.unlink(missing_ok=True)

    def finish(self) -> None:
        """Put what differs in its place; nothing of it needs room on the disk."""
        for path, fresh in self.waiting.items():
            if str(path.relative_to(self.folder)) not in self.overwrites:
                path.rename(path.with_name(f"{ASIDE}{self.mark}.{path.name}"))
                self.put_aside += 1
            fresh.replace(path)

    def put(self, member: Member) -> None:
        path = self._path(member.file)
        if member.file in LOGS:
            join(path, member.source.read())
            return
        self.files += 1
        if self.bucket and member.file.startswith(f"{MEDIA}/"):
            self._put_picture(self.bucket, member)
        else:
            self._put_file(path, member)

    def _put_picture(self, bucket: Media, member: Member) -> None:
        """Put a picture into the bucket, unless it has it: its name is made of its content."""
        if self.there is None:
            self.there = bucket.pictures()
        name = member.file.removeprefix(f"{MEDIA}/")
        if self.there.get(name) != member.size:
            bucket.put(name, cast("IO[bytes]", member.source))

    def _put_file(self, path: Path, member: Member) -> None:
        fresh = path.with_name(f".{path.name}.new")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                while octets := member.source.read(COPIED_BYTES):
                    target.write(octets)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        if path.exists() and path.read_bytes() != fresh.read_bytes():
            self.waiting[path] = fresh
        else:
            fresh.replace(path)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if name not in {SECRET, *LOGS} and not name.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            raise Damaged(f"a backup holds no {name}")
        return path


def join(path: Path, octets: bytes) -> None:
    """Add the lines that a file does not have. What it has is newer than the backup, and stays."""
    old = set(path.read_bytes().splitlines()) if path.exists() else set()
    new = [line for line in octets.splitlines() if line and line not in old]
    if new:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as target:
            target.write(b"".join(b"\n" + line for line in new))
            target.flush()
            os.fsync(target.fileno())
