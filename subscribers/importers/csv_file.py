"""Read a CSV file of readers: our own export, or that of another program (columns.py knows whose)."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from subscribers.addresses import AddressError, normalise, one_line
from subscribers.importers.columns import NOTHING, STATE_OF, Choices, ColumnError, Columns, is_yes
from subscribers.importers.encodings import NAMES, FileError, delimiter_of, encoding_of
from subscribers.importers.programs import NONE, Program
from subscribers.importers.times import NEVER, moment
from subscribers.models.tags import TAGS_LENGTH_MAX, joined, split_tags

ESCAPED = ("'=", "'+", "'-", "'@")  # how an export keeps a spreadsheet from computing a cell

NAME_LENGTH_MAX = 80  # characters; the field of Subscriber
CELL_LENGTH_MAX = 500  # characters of a cell that are read; the longest that means anything is an address
SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs"}
IN_WORDS = {"note", "kept"}  # fields whose cells may have lines
SHORTEST_TIME = 5  # characters; a shorter word is a yes or a no
LINES_MAX = 50  # of a note; a longer one is a quotation mark that is not closed
GRAVITY = ["active", "pending", "paused", "unsubscribed", "manual", "bounced", "complained", "erased"]
MUST_NOT_BE_MAILED = {"bounced", "complained", "manual", "erased"}


class RowError(ValueError):
    """One row cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reader as a file has it. state: one of STATES."""

    line: int
    email: str
    name: str = ""
    state: str = "active"
    tags: tuple[str, ...] = ()
    consent_at: datetime | None = None
    paused_until: datetime | None = None
    left_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    line: int
    reason: str


@dataclass(frozen=True)
class Glimpse:
    """The first lines of a file. names: of its columns; none if its first line is a reader already."""

    names: list[str]
    samples: list[list[str]]


def glimpse(path: Path, count: int) -> Glimpse:
    """Return the names of a file's columns and its first rows, whatever they mean; raise FileError for no table."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline()
        delimiter = delimiter_of(first)
        file.seek(0)
        try:
            rows = [row for row in islice(csv.reader(file, delimiter=delimiter), count + 1) if any(map(str.strip, row))]
        except csv.Error as error:
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
    """A CSV file that is being read, row by row."""

    def __init__(self, file: BinaryIO, encoding: str, choices: Choices = NOTHING) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding, newline="")
        first = self._text.readline()
        self._delimiter = delimiter_of(first)
        heading = next(csv.reader([first], delimiter=self._delimiter), [])
        self._first: list[str] | None = None  # the first line, when it is a row already
        self._width = len(heading)
        self.written = f"{NAMES[encoding]}, {SIGNS[self._delimiter]}" if encoding in NAMES else encoding
        try:
            self.columns = Columns.of(heading, choices)
        except ColumnError as error:
            raise FileError(str(error)) from error
        if "email" not in self.columns.places:
            self._do_without_heading(heading)
        elif self.columns.unknown:
            raise FileError(self.columns.question())

    def bytes_read(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[Row | Unreadable]:
        """Yield each row of the file; blank lines are none."""
        for row, _cells in self.rows_and_cells():
            yield row

    def rows_and_cells(self, skipped: int = 0) -> Iterator[tuple[Row | Unreadable, list[str]]]:
        """Yield each row with its cells as they stand in the file, but for the first ones."""
        for line, cells in islice(self._lines(), skipped, None):
            yield self._row(line, cells), cells

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        if self._first is not None:
            yield 1, self._first
        for _start, end, cells in self._records():
            if any(map(str.strip, cells)):
                yield end, cells

    def check(self) -> None:
        """Read all of it once, and begin anew.

        Raises FileError where it stops being CSV, or where a quotation mark takes in the lines below it.
        """
        used = {place for name, places in self.columns.places.items() if name not in IN_WORDS for place in places}
        for start, end, cells in self._records():
            if end > start and any(self._takes_in(cell, is_used=place in used) for place, cell in enumerate(cells)):
                where = _("Line %(start)d: a quotation mark opens here and is closed in line %(end)d.")
                raise FileError(f"{where % {'start': start, 'end': end}} {_('Is one missing or too many?')}")
        self._text.seek(0)
        self._text.readline()

    def _takes_in(self, cell: str, *, is_used: bool) -> bool:
        """Return whether a cell holds what looks like other rows; in a note, a line break alone is none."""
        below = cell.splitlines()[1:]
        is_row = any("@" in line and line.count(self._delimiter) >= self._width - 1 > 0 for line in below)
        return is_row or len(below) > LINES_MAX or (is_used and any(map(str.strip, below)))

    def _records(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield first and last line of each record, from the second line of the file on, and its cells."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        start = 2
        try:
            for cells in reader:
                yield start, reader.line_num + 1, cells
                start = reader.line_num + 2
        except (csv.Error, UnicodeDecodeError) as error:
            end = reader.line_num + 1
            one, more = _("Line %(start)d is not CSV: %(error)s"), _("Line %(start)d to %(to)d is not CSV: %(error)s")
            raise FileError((more if end > start else one) % {"start": start, "to": end, "error": error}) from error

    def _do_without_heading(self, first: list[str]) -> None:
        if not first or "@" not in first[0]:
            given = ", ".join(cell.strip()[:40] for cell in first[:6]) or _("nothing")
            raise FileError(_("The first line must name a column “email”; it has %s") % given)
        self._first, self.columns = first, Columns({"email": [0]})

    def _row(self, line: int, cells: list[str]) -> Row | Unreadable:
        try:
            if len(cells) > self._width and any(map(str.strip, cells[self._width :])):
                numbers = {"cells": len(cells), "names": self._width}
                return Unreadable(line, _("has %(cells)d cells, the first line names %(names)d") % numbers)
            said = {name: [_cell(cells, place) for place in places] for name, places in self.columns.places.items()}
            return _read(line, said, self._kept(cells), self.columns.program)
        except (RowError, AddressError) as error:
            return Unreadable(line, str(error))

    def _kept(self, cells: list[str]) -> str:
        """Return the cells that are kept to be read, each behind the name of its column."""
        found = ((name, _cell(cells, place)) for place, name in self.columns.kept.items())
        return "\n".join(f"{one_line(name)}: {cell}" for name, cell in found if cell)


def _cell(cells: list[str], place: int) -> str:
    cell = cells[place].strip()[:CELL_LENGTH_MAX] if place < len(cells) else ""
    return cell[1:] if cell.startswith(ESCAPED) else cell


def _read(line: int, said: dict[str, list[str]], kept: str = "", program: Program = NONE) -> Row:
    cells = {name: next(filter(None, found), "") for name, found in said.items()}
    state = _state(said, program)
    is_to_be_mailed = state in {"active", "paused"}  # of others the state counts, whatever is the matter with a time
    paused_until = _moment(cells.get("paused_until", "")) if state == "paused" else None
    if state == "paused" and paused_until is None:
        raise RowError(_("is paused, but paused_until is empty"))
    return Row(
        line=line,
        email=normalise(cells["email"]),
        name=_name(cells),
        state=state,
        tags=_tags(cells.get("tags", "")),
        consent_at=_first_time(cells, "consent_at", "wants_mail", is_needed=is_to_be_mailed),
        paused_until=paused_until,
        left_at=_first_time(cells, "left_at", "refuses_mail", is_needed=False),
        note="\n".join(filter(None, (cells.get("note", ""), kept))),
    )


def _first_time(cells: dict[str, str], at: str, whether: str, *, is_needed: bool) -> datetime | None:
    """Return the time that a cell says, or the one that stands where a yes could."""
    try:
        if text := cells.get(at, ""):
            return _moment(text)
    except RowError:
        if is_needed:
            raise
    word = cells.get(whether, "")
    return moment_or_none(word) if len(word) > SHORTEST_TIME else None


def moment_or_none(text: str) -> datetime | None:
    """Return the time that a cell says; None if it says something else."""
    try:
        return moment(text)
    except ValueError:
        return None


def _state(said: dict[str, list[str]], program: Program = NONE) -> str:
    """Return the state that keeps the most mail away, of all that the columns of a row say about it."""
    states = [program.floor, *(_known_state(word, program) for word in said.get("state", []))]
    states += ["bounced"] * _says_when(said, "cleaned_at") + ["complained"] * _says_when(said, "complained_at")
    has_left = _says_when(said, "left_at") or any(_says_yes(word) for word in said.get("refuses_mail", []))
    if has_left or any(_says_yes(word) is False for word in said.get("wants_mail", [])):
        states.append("unsubscribed")
    return max(states, key=GRAVITY.index)


def _says_when(said: dict[str, list[str]], field: str) -> bool:
    return any(word and not word.startswith(NEVER) for word in said.get(field, []))


@lru_cache(maxsize=1024)  # the same cell stands in many rows
def _known_state(word: str, program: Program) -> str:
    plain = " ".join(re.split(r"[\s_-]+", word.casefold())).strip()
    state = program.words.get(plain) or STATE_OF.get(plain)
    if state is None:
        raise RowError(_("has an unknown state %r") % word.casefold())
    return state


def _says_yes(word: str) -> bool | None:
    try:
        return is_yes(word)
    except ValueError as error:
        raise RowError(_("has %r where only yes or no, or a time, says whether mail is wanted") % word) from error


def _name(cells: dict[str, str]) -> str:
    parts = (cells.get("name") or cells.get("first_name", ""), cells.get("last_name", ""))
    return one_line(" ".join(parts))[:NAME_LENGTH_MAX]


@lru_cache(maxsize=1024)  # the same cell stands in many rows
def _tags(text: str) -> tuple[str, ...]:
    """Return the tags of a cell; Mailchimp quotes each, and whole tags are left out where they are too many."""
    tags = joined(filter(None, dict.fromkeys(tag.strip(' "') for tag in split_tags(one_line(text.replace("|", ","))))))
    if len(tags) > TAGS_LENGTH_MAX:
        tags = tags[: TAGS_LENGTH_MAX + 1].rpartition(",")[0]
    return tuple(split_tags(tags))


def _moment(text: str) -> datetime | None:
    try:
        return moment(text)
    except ValueError as error:
        raise RowError(_("has %r, which is not a time like 2027-01-31T08:00:00+08:00") % text) from error
