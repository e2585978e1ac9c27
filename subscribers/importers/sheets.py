"""A workbook (XLSX) as the lines of a CSV file: its first sheet, which the other importers then read."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import batched
from typing import IO, Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.importers.encodings import FileError

WORKBOOK: Final = "xl/workbook.xml"
UNPACKED_MAX: Final = 256 * 1024 * 1024  # bytes
AT_ONCE: Final = 1000  # rows

type Cell = str | float | bool | datetime | date | time | timedelta


def is_workbook(file: IO[bytes]) -> bool:
    """Return whether a file is a workbook; other ZIPs are none."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as packed:
        return WORKBOOK in packed.namelist()


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the first sheet of a workbook as CSV in UTF-8; raise FileError for one that cannot be read."""
    with zipfile.ZipFile(file) as packed:
        if sum(one.file_size for one in packed.infolist()) > UNPACKED_MAX:
            raise FileError(_("The file in the ZIP is too large. Send it in parts."))
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - 2 MB, for the few who send a workbook

    file.seek(0)
    try:
        with CalamineWorkbook.from_filelike(file) as book:
            rows = book.get_sheet_by_index(0).iter_rows() if book.sheet_names else iter(())
            for some in batched(rows, AT_ONCE, strict=False):
                yield _csv(some)
    except (CalamineError, zipfile.BadZipFile) as error:
        raise FileError(_("The workbook cannot be opened.")) from error


def _csv(rows: tuple[list[Any], ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_text(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _text(cell: Cell) -> str:
    """Return a cell as a CSV file of the same table has it; a time of a sheet is the local one of its author."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=timezone.get_default_timezone()).isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
