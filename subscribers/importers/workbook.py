"""A program that writes the first sheet of a workbook as CSV: `python workbook.py ZONE < FILE`. No Django.

ZONE: of the times in the sheet. Exit code 65 (EX_DATAERR of sysexits.h) for a file that is no workbook.

It is a program of its own because the library keeps a place for every cell up to the last one. A file of a kilobyte may
name a cell so far away that half a terabyte is asked for, and a process that is refused it ends at once. Then it is
this one.
"""

import csv
import io
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import batched
from typing import IO, Final
from zoneinfo import ZoneInfo

MEMORY_MAX: Final = 2 * 1024**3  # bytes; 300,000 rows of ten cells take a quarter
CPU_SECONDS: Final = 120
NO_WORKBOOK: Final = 65
ROWS_PER_BATCH: Final = 1000  # rows

type Cell = str | float | bool | datetime | date | time | timedelta


def lines(file: IO[bytes], zone: ZoneInfo) -> Iterator[str]:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - after the limits are set

    with CalamineWorkbook.from_filelike(file) as book:
        rows = book.get_sheet_by_index(0).iter_rows() if book.sheet_names else iter(())
        for some in batched(rows, ROWS_PER_BATCH, strict=False):
            text = io.StringIO()
            csv.writer(text).writerows([text_of(cell, zone) for cell in row] for row in some)
            yield text.getvalue()


def text_of(cell: Cell, zone: ZoneInfo) -> str:
    """A cell as a CSV file of the same table has it; a time of a sheet is the local one of its author."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=zone).isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def main(zone: str) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineError  # noqa: PLC0415 - the same

    try:
        for text in lines(io.BytesIO(sys.stdin.buffer.read()), ZoneInfo(zone)):
            sys.stdout.buffer.write(text.encode())
    except (CalamineError, zipfile.BadZipFile):
        return NO_WORKBOOK
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
