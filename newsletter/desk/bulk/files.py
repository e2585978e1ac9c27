"""Files with readers in them, for a day: their owner's alone, in a folder of their own whose name nobody can guess.

A file is valid up to a number of bytes that the row of its errand knows. What a killed worker wrote beyond is cut
off.
"""

import os
import secrets
import shutil
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

from newsletter.desk.models import Errand

READERS, GIVEN, REFUSED = "readers.csv", "given.csv", "refused.csv"
ORPHAN = timedelta(days=1)  # a row that is written in the same transaction needs no longer
MARK: Final = b"\xef\xbb\xbf"  # lets Excel read the Chinese


def make_folder() -> str:
    """Make a folder and return its name."""
    name = secrets.token_hex(16)
    (_root() / name).mkdir(mode=0o700, parents=True)
    return name


def path_of(errand: Errand, name: str) -> Path:
    return _root() / errand.folder / name


def keep(errand: Errand, name: str, pieces: Iterable[bytes]) -> int:
    """Write a file that was sent; return its size in bytes."""
    with _opened(path_of(errand, name), os.O_TRUNC) as file:
        for piece in pieces:
            file.write(piece)
        return file.tell()


def append(path: Path, size: int, text: str) -> int:
    """Write text behind the first `size` bytes of a file, on the disk when this returns; return the new size."""
    with _opened(path) as file:
        file.truncate(size)
        file.seek(size)
        file.write((MARK if not size else b"") + text.encode())
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def remove(errand: Errand) -> None:
    """Remove all files of an errand."""
    if errand.folder:
        shutil.rmtree(_root() / errand.folder, ignore_errors=True)


def remove_old(now: datetime) -> int:
    """Remove the files that have had their day, and those of no errand; return how many folders these were."""
    named = set(Errand.objects.exclude(folder="").values_list("folder", flat=True))
    count = remove_orphans(_root(), named, now)
    for errand in Errand.objects.with_old_files(now):
        remove(errand)
        count += Errand.objects.filter(pk=errand.pk).update(folder="")
    return count


def remove_orphans(root: Path, named: Collection[str], now: datetime) -> int:
    """Remove the folders in `root` that no row has named for a day: a transaction failed, or a process died."""
    before = (now - ORPHAN).timestamp()
    folders = root.iterdir() if root.is_dir() else []
    orphans = [one for one in folders if one.name not in named and one.stat().st_mtime < before]
    for one in orphans:
        shutil.rmtree(one, ignore_errors=True)
    return len(orphans)


def forget_words(now: datetime) -> int:
    """Forget whom ended errands were about, as their files are forgotten; return of how many."""
    old = Errand.objects.with_old_words(now)
    for errand in old:
        errand.forget_words()
    return len(old)


def _root() -> Path:
    folder: Path = settings.DATA_DIR / "readers"
    return folder


def _opened(path: Path, flags: int = 0) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+b")
