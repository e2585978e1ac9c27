"""Read a CSV file of readers: our own export, or that of another program (columns.py knows whose)."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from subscribers.importers.columns import NOTHING, Choices, ColumnError, Columns
from subscribers.importers.encodings import NAMES, FileError, encoding_of, first_line, heading_of
from subscribers.importers.refused import made_up
from subscribers.importers.rows import Row, RowReader, Unreadable

SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs"}
IN_WORDS = {"note", "kept"}  # fields whose cells may have lines
NAMED = {"name", "first_name", "last_name"}  # fields whose cells may have two
LINES_MAX = 50  # of a note; a longer one is a quotation mark that is not closed


@dataclass(frozen=True)
class Glimpse:
    """The first lines of a file. names: of its columns; none if its first line is a reader already."""

    names: list[str]
    samples: list[list[str]]


def glimpse(path: Path, count: int) -> Glimpse:
    """Return the names of a file's columns and its first rows, whatever they mean; raise FileError for no table."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            first, delimiter, _lines = first_line(file)
            lines = csv.reader(chain([first], file), delimiter=delimiter)
            rows = [row for row in islice(lines, count + 1) if any(map(str.strip, row))]
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(_("Line %(start)d is not CSV: %(error)s") % {"start": 1, "error": error}) from error
    if not rows:
        raise FileError(_("There is nothing in the file."))
    return Glimpse([], rows) if "@" in rows[0][0] else Glimpse([name.strip() for name in rows[0]], rows[1:])


@contextmanager
def opened(path: Path, choices: Choices = NOTHING, *, is_checked: bool = False) -> Iterator["Table"]:
    """Open a table of readers, after one look through all of it.

    choices: what whoever imports says of its columns. is_checked: it was looked through before.
    Raises FileError when it has no column of addresses or one that is unknown, or when a quotation mark is missing.
    """
    encoding = encoding_of(path)
    with path.open("rb") as file:
        table = Table(file, encoding, choices)
        if not is_checked:
            table.check()
        yield table


class Table:
    """A CSV file that is being read, row by row. names: of its columns; made up if its first line is a row."""

    def __init__(self, file: BinaryIO, encoding: str, choices: Choices = NOTHING) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding, newline="")
        first, self._delimiter, self._lines_before = first_line(self._text)
        heading = heading_of(first, self._delimiter)
        self._first: list[str] | None = None  # the first line, when it is a row already
        self._width = len(heading)
        self.written = f"{NAMES[encoding]}, {SIGNS[self._delimiter]}" if encoding in NAMES else encoding
        try:
            self.columns = Columns.of(heading, choices)
        except ColumnError as error:
            raise FileError(str(error)) from error
        self.names = [name.strip() for name in heading]
        if "email" not in self.columns.places:
            self._do_without_heading(heading)
        elif self.columns.unknown:
            raise FileError(self.columns.question())

    def bytes_read(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[Row | Unreadable]:
        """Yield each row of the file; blank lines are none."""
        read = RowReader(self.columns, self._width).read
        for line, cells in self._lines():
            yield read(line, cells)

    def rows_and_cells(self, skipped: int = 0) -> Iterator[tuple[Row | Unreadable, list[str]]]:
        """Yield each row with its cells as they stand in the file, but for the first ones."""
        read = RowReader(self.columns, self._width).read
        for line, cells in islice(self._lines(), skipped, None):
            yield read(line, cells), cells

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        if self._first is not None:
            yield self._lines_before, self._first
        for _start, end, cells in self._records():
            if any(map(str.strip, cells)):
                yield end, cells

    def check(self) -> None:
        """Read all of it once, and begin anew.

        Raises FileError where it stops being CSV, or where a quotation mark takes in the lines below it.
        """
        most = {place: 1 for name in NAMED for place in self.columns.places.get(name, ())}
        most |= {place: LINES_MAX for name in IN_WORDS for place in self.columns.places.get(name, ())}
        used = {place for places in self.columns.places.values() for place in places}
        for start, end, cells in self._records():
            if end > start and any(
                self._takes_in(cell, most.get(place, 0 if place in used else LINES_MAX))
                for place, cell in enumerate(cells)
            ):
                said = _(
                    "Line %(start)d: a quotation mark opens here and is closed in line %(end)d."
                    " Is one missing or too many?"
                )
                raise FileError(said % {"start": start, "end": end})
        self._text.seek(0)
        first_line(self._text)

    def _takes_in(self, cell: str, most: int) -> bool:
        """Return whether a cell holds what looks like other rows. most: lines that it may have below its first."""
        below = cell.splitlines()[1:]
        is_row = any("@" in line and line.count(self._delimiter) >= self._width - 1 > 0 for line in below)
        is_address = most == 1 and any("@" in line for line in below)
        return is_row or is_address or len(below) > LINES_MAX or (most < len([one for one in below if one.strip()]))

    def _records(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield first and last line of each record behind the heading, and its cells."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        before = self._lines_before
        start = before + 1
        try:
            for cells in reader:
                yield start, reader.line_num + before, cells
                start = reader.line_num + before + 1
        except (csv.Error, UnicodeDecodeError) as error:
            end = reader.line_num + before
            one, more = _("Line %(start)d is not CSV: %(error)s"), _("Line %(start)d to %(to)d is not CSV: %(error)s")
            raise FileError((more if end > start else one) % {"start": start, "to": end, "error": error}) from error

    def _do_without_heading(self, first: list[str]) -> None:
        if not first or "@" not in first[0]:
            given = ", ".join(cell.strip()[:40] for cell in first[:6]) or _("nothing")
            raise FileError(_("The first line must name a column “email”; it has %s") % given)
        self._first, self.columns = first, Columns({"email": [0]})
        self.names = made_up(len(first))
