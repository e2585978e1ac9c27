"""Files of jobs, kept for some days: mode 0600, each job's in a folder with a random name.

A file is valid up to the size in its job's row. What a killed worker wrote beyond is cut off.
"""

import os
import secrets
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

from newsletter.desk.models import FILES_LIFETIME, Errand, Job

READERS_FILE, UPLOADED_FILE, REFUSED_FILE = "readers.csv", "given.csv", "refused.csv"
ORPHAN_AGE = timedelta(days=1)  # a row that is written in the same transaction needs no longer
UTF8_BOM: Final = b"\xef\xbb\xbf"  # lets Excel read the Chinese


def make_folder(kind: type[Job]) -> str:
    name = secrets.token_hex(16)
    (_root(kind) / name).mkdir(mode=0o700, parents=True)
    return name


def path_of(job: Job, name: str) -> Path:
    return _root(type(job)) / job.folder / name


def write_upload(job: Job, name: str, pieces: Iterable[bytes]) -> int:
    """Write an uploaded file; return its size in bytes."""
    with _opened(path_of(job, name), os.O_TRUNC) as file:
        for piece in pieces:
            file.write(piece)
        return file.tell()


def add_rows(errand: Errand, name: str, heading: str, rows: Iterable[str]) -> None:
    """Append rows, the first ones below a heading. The caller saves the errand."""
    text = heading + "".join(rows) if not errand.size else "".join(rows)
    octets = (b"" if errand.size else UTF8_BOM) + text.encode()
    errand.size = _append(path_of(errand, name), errand.size, octets)


def remove(job: Job) -> None:
    if job.folder:
        shutil.rmtree(_root(type(job)) / job.folder, ignore_errors=True)


def remove_old(kind: type[Job], now: datetime) -> int:
    """Remove expired folders, and those of no job; return how many."""
    count = _remove_orphans(kind, now)
    for job in kind.objects.with_expired_files(now):
        remove(job)
        count += kind.objects.filter(pk=job.pk).update(folder="")
    return count


def forget_words(now: datetime) -> int:
    """Remove the selections of errands that ended a day ago; return of how many errands."""
    ended = Errand.objects.filter(ended_at__lt=now - FILES_LIFETIME).exclude(state__in=Errand.ACTIVE_STATES)
    old = ended.exclude(chosen={})
    for errand in old:
        errand.forget_words()
    return len(old)


def _remove_orphans(kind: type[Job], now: datetime) -> int:
    """Remove the folders that no row has named for a day: a transaction failed, or a process died."""
    root, before = _root(kind), (now - ORPHAN_AGE).timestamp()
    named = set(kind.objects.exclude(folder="").values_list("folder", flat=True))
    folders = root.iterdir() if root.is_dir() else []
    orphans = [one for one in folders if one.name not in named and one.stat().st_mtime < before]
    for one in orphans:
        shutil.rmtree(one, ignore_errors=True)
    return len(orphans)


def _append(path: Path, size: int, octets: bytes) -> int:
    """Write behind the first `size` bytes of a file, on the disk when this returns; return the new size."""
    with _opened(path) as file:
        file.truncate(size)
        file.seek(size)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _root(kind: type[Job]) -> Path:
    folder: Path = settings.DATA_DIR / kind.SUBDIR
    return folder


def _opened(path: Path, flags: int = 0) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+b")
