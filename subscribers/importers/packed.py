"""An upload as CSV: a table in a ZIP, the first sheet of a workbook, or the file itself."""

import logging
import lzma
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import IO, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.importers import workbook
from subscribers.importers.csv_file import FileError
from subscribers.importers.workbook import NO_WORKBOOK

WORKBOOK_FILE: Final = "xl/workbook.xml"
UNPACKED_MAX: Final = 256 * 1024 * 1024  # bytes; zipfile reads no more of a file than the ZIP says
CHUNK_BYTES: Final = 1 << 20
# What a ZIP raises that is broken, cut off or locked, or packed in a way that nobody here knows; OSError is of bzip2.
ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError)

log = logging.getLogger(__name__)


def as_csv(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file piece by piece as CSV; raise FileError for a ZIP without a table, or one that cannot be read."""
    if not zipfile.is_zipfile(file):
        file.seek(0)
        yield from iter(partial(file.read, CHUNK_BYTES), b"")
        return
    try:
        with zipfile.ZipFile(file) as packed:
            yield from _table_in(packed, file)
    except FileError:
        raise
    except ZIP_ERRORS as error:
        raise FileError(_("The ZIP cannot be opened.")) from error


def _table_in(packed: zipfile.ZipFile, file: IO[bytes]) -> Iterator[bytes]:
    if sum(one.file_size for one in packed.infolist()) > UNPACKED_MAX:
        raise FileError(_("The file in the ZIP is too large. Send it in parts."))
    if WORKBOOK_FILE in packed.namelist():
        yield from _first_sheet(file)
        return
    tables = [name for name in packed.namelist() if _is_table(name)]
    if len(tables) != 1:
        raise FileError(_("The ZIP must have one CSV file in it."))
    with packed.open(tables[0]) as table:
        yield from iter(partial(table.read, CHUNK_BYTES), b"")


def _is_table(name: str) -> bool:
    """macOS puts shadow files beside the author's."""
    return name.lower().endswith((".csv", ".tsv", ".txt")) and not name.startswith("__MACOSX/")


def _first_sheet(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as errors:
        shutil.copyfileobj(file, given)
        given.seek(0)
        command = [sys.executable, "-I", workbook.__file__, str(timezone.get_default_timezone())]
        done = subprocess.run(command, stdin=given, stdout=written, stderr=errors, env={}, check=False)  # noqa: S603  # ours
        if done.returncode not in {0, NO_WORKBOOK}:  # a file that is no workbook is the author's own affair
            errors.seek(0)
            reason = errors.read(500).decode(errors="replace")
            log.warning("A workbook could not be read: exit code %d: %s", done.returncode, reason)
        if done.returncode:
            raise FileError(_("The workbook cannot be opened."))
        written.seek(0)
        yield from iter(partial(written.read, CHUNK_BYTES), b"")
