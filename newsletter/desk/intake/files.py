"""The export of an import, and the old pages that were in it: for some days, in a folder of its own, its owner's alone.

The folder's name cannot be guessed. The file of old pages is valid up to a number of bytes that the row of the import
knows; what a killed worker wrote beyond is cut off.
"""

import os
import secrets
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

from newsletter.desk.bulk.files import remove_orphans
from newsletter.desk.models import PostImport, PostImportEntry

PAGES: Final = "pages"  # the old pages, one behind the other
PAGE_MAX: Final = 1024**2  # bytes of one that is shown


def make_folder() -> str:
    """Make a folder and return its name."""
    name = secrets.token_hex(16)
    (_root() / name).mkdir(mode=0o700, parents=True)
    return name


def path_of(found: PostImport) -> Path:
    return _root() / found.folder / found.file


def keep(folder: str, name: str, pieces: Iterable[bytes]) -> Path:
    """Write a file that was sent, piece by piece; return where it is."""
    path = _root() / folder / name
    with _opened(path, os.O_TRUNC) as file:
        for piece in pieces:
            file.write(piece)
    return path


def add_page(found: PostImport, page: str) -> tuple[int, int]:
    """Write an old page behind those that are valid; return where it begins and its bytes. The caller commits both."""
    octets = page.encode(errors="replace")[:PAGE_MAX]
    with _opened(_root() / found.folder / PAGES) as file:
        file.truncate(found.kept)
        file.seek(found.kept)
        file.write(octets)
    return found.kept, len(octets)


def page_of(found: PostImport, entry: PostImportEntry) -> str:
    """Return an old page; "" if there is none any more."""
    try:
        with (_root() / found.folder / PAGES).open("rb") as file:
            file.seek(entry.old_at)
            return file.read(entry.old_size).decode(errors="replace")
    except OSError:
        return ""


def remove(folder: str) -> None:
    if folder:
        shutil.rmtree(_root() / folder, ignore_errors=True)


def remove_old(now: datetime) -> int:
    """Remove the files that have had their day, and those of no import; return how many folders these were."""
    named = set(PostImport.objects.exclude(folder="").values_list("folder", flat=True))
    count = remove_orphans(_root(), named, now)
    for found in PostImport.objects.with_old_files(now):
        remove(found.folder)
        count += PostImport.objects.filter(pk=found.pk).update(folder="", kept=0)
    return count


def _root() -> Path:
    folder: Path = settings.DATA_DIR / "imports"
    return folder


def _opened(path: Path, flags: int = 0) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+b")
