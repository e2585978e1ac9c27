"""A workbook (XLSX) as a CSV file: its first sheet, read by a program of its own (workbook.py)."""

import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.importers import workbook
from subscribers.importers.encodings import FileError
from subscribers.importers.workbook import NO_WORKBOOK

WORKBOOK: Final = "xl/workbook.xml"
UNPACKED_MAX: Final = 256 * 1024 * 1024  # bytes
AT_ONCE: Final = 64 * 1024  # bytes
PROGRAM: Final = workbook.__file__

log = logging.getLogger(__name__)


def is_workbook(file: IO[bytes]) -> bool:
    """Return whether a file is a workbook; other ZIPs are none."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as packed:
        return WORKBOOK in packed.namelist()


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the first sheet of a workbook as CSV in UTF-8, in pieces; raise FileError for one that cannot be read."""
    with zipfile.ZipFile(file) as packed:
        if sum(one.file_size for one in packed.infolist()) > UNPACKED_MAX:
            raise FileError(_("The file in the ZIP is too large. Send it in parts."))
    file.seek(0)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as said:
        shutil.copyfileobj(file, given)
        given.seek(0)
        command = [sys.executable, "-I", PROGRAM, str(timezone.get_default_timezone())]
        done = subprocess.run(command, stdin=given, stdout=written, stderr=said, env={}, check=False)  # noqa: S603  # ours
        if done.returncode:
            _log(done.returncode, said)
            raise FileError(_("The workbook cannot be opened."))
        written.seek(0)
        yield from iter(partial(written.read, AT_ONCE), b"")


def _log(code: int, said: IO[bytes]) -> None:
    """Tell the operator of a program that did not end as it should; a file that is no workbook is the author's."""
    if code != NO_WORKBOOK:
        said.seek(0)
        log.warning("A workbook could not be read: exit code %d: %s", code, said.read(500).decode(errors="replace"))
