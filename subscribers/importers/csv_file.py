"""Read a CSV file of readers: our own export, or one of beehiiv, Ghost, Mailchimp or Substack."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from subscribers.addresses import AddressError, normalise, one_line

ENCODINGS = ("utf-8-sig", "cp950")  # Excel in Taiwan writes the second
DELIMITERS = ",;\t"
ESCAPED = ("'=", "'+", "'-", "'@")  # how an export keeps a spreadsheet from computing a cell

# What each column is called in other programs' exports, in lower case, without spaces and signs.
COLUMNS = {
    "email": ("email", "emailaddress", "mail", "電子郵件", "電子信箱"),
    "name": ("name", "fullname", "姓名", "名稱"),
    "first_name": ("firstname",),
    "last_name": ("lastname", "surname"),
    "state": ("state", "status", "狀態"),
    "tags": ("tags", "labels", "標籤"),
    "consent_at": ("consentat", "confirmtime", "optintime", "subscribedat", "createdat"),
    "paused_until": ("pauseduntil",),
    "left_at": ("unsubscribedat", "unsubtime"),
    "cleaned_at": ("cleantime",),
    "wants_mail": ("subscribedtoemails",),
    "refuses_mail": ("emaildisabled",),
}
STATES = {
    "active": ("", "active", "subscribed", "confirmed", "enabled"),
    "pending": ("pending", "unconfirmed", "validating"),
    "paused": ("paused",),
    "unsubscribed": ("unsubscribed", "inactive", "disabled"),
    "bounced": ("bounced", "cleaned", "invalid", "hard bounce"),
    "complained": ("complained", "spam", "abuse"),
    "manual": ("manual", "suppressed", "blocklisted"),
    "erased": ("erased",),
}
STATE_OF = {word: state for state, words in STATES.items() for word in words}
NAME_LENGTH_MAX, TAGS_LENGTH_MAX = 80, 200  # characters; the fields of Subscriber
CELL_LENGTH_MAX = 500  # characters of a cell that are read; the longest that means anything is an address
MUST_NOT_BE_MAILED = {"bounced", "complained", "manual", "erased"}


class FileError(ValueError):
    """The file as a whole is no table of readers; the message says why."""


class RowError(ValueError):
    """One row cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A reader as a file has it. state: one of STATES."""

    line: int
    email: str
    name: str = ""
    state: str = "active"
    tags: str = ""
    consent_at: datetime | None = None
    paused_until: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    line: int
    reason: str


@contextmanager
def opened(path: Path) -> Iterator["Table"]:
    """Open a table of readers; raise FileError when it has no column of addresses."""
    encoding = _encoding(path)
    with path.open("rb") as file:
        yield Table(file, encoding)


class Table:
    """A CSV file that is being read, row by row."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding, newline="")
        first = self._text.readline()
        self._delimiter = max(DELIMITERS, key=first.count)
        heading = next(csv.reader([first], delimiter=self._delimiter), [])
        self._first: list[str] | None = None  # the first line, when it is a row already
        self._width = len(heading)
        self._columns = _columns(heading)
        if "email" not in self._columns:
            self._do_without_heading(heading)

    def bytes_read(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[Row | Unreadable]:
        """Yield each row of the file; blank lines are none. Raise FileError where it stops being CSV."""
        if self._first is not None:
            yield self._row(1, self._first)
        reader = csv.reader(self._text, delimiter=self._delimiter)
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield self._row(reader.line_num + 1, cells)
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(f"Line {reader.line_num + 1} is not CSV: {error}") from error

    def _do_without_heading(self, first: list[str]) -> None:
        if not first or "@" not in first[0]:
            given = ", ".join(cell.strip()[:40] for cell in first[:6]) or "nothing"
            raise FileError(f"The first line must name a column “email”; it has {given}")
        self._first, self._columns = first, {"email": 0}

    def _row(self, line: int, cells: list[str]) -> Row | Unreadable:
        try:
            if len(cells) > self._width and any(map(str.strip, cells[self._width :])):
                return Unreadable(line, f"has {len(cells)} cells, the first line names {self._width}")
            return _read(line, {name: _cell(cells, place) for name, place in self._columns.items()})
        except (RowError, AddressError) as error:
            return Unreadable(line, str(error))


def _encoding(path: Path) -> str:
    """Return how the file is written; Excel says UTF-16 by a mark, and cp950 not at all."""
    with path.open("rb") as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return "utf-16"
    for encoding in ENCODINGS:
        if _decodes(path, encoding):
            return encoding
    raise FileError(f"{path.name} is neither UTF-8 nor Big5. Save it as “CSV UTF-8” and try again.")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _columns(heading: list[str]) -> dict[str, int]:
    """Return where each column that means something stands; of several names for one, the first in COLUMNS."""
    plain = ["".join(filter(str.isalnum, cell.casefold())) for cell in heading]
    found = {
        column: next((plain.index(name) for name in names if name in plain), None) for column, names in COLUMNS.items()
    }
    return {column: place for column, place in found.items() if place is not None}


def _cell(cells: list[str], place: int) -> str:
    cell = cells[place].strip()[:CELL_LENGTH_MAX] if place < len(cells) else ""
    return cell[1:] if cell.startswith(ESCAPED) else cell


def _read(line: int, cells: dict[str, str]) -> Row:
    state = _state(cells)
    paused_until = _moment(cells.get("paused_until", ""))
    if state == "paused" and paused_until is None:
        raise RowError("is paused, but paused_until is empty")
    return Row(
        line=line,
        email=normalise(cells["email"]),
        name=_name(cells),
        state=state,
        tags=_tags(cells.get("tags", "")),
        consent_at=_moment(cells.get("consent_at", "")),
        paused_until=paused_until if state == "paused" else None,
        left_at=_moment(cells.get("left_at", "")),
    )


def _state(cells: dict[str, str]) -> str:
    word = cells.get("state", "").casefold()
    if word not in STATE_OF:
        raise RowError(f"has an unknown state {word!r}")
    state = STATE_OF[word]
    if cells.get("cleaned_at"):
        return "bounced"
    has_left = cells.get("left_at") or _says(cells, "refuses_mail", "true") or _says(cells, "wants_mail", "false")
    return "unsubscribed" if has_left and state not in MUST_NOT_BE_MAILED else state


def _says(cells: dict[str, str], column: str, word: str) -> bool:
    return cells.get(column, "").casefold() == word


def _name(cells: dict[str, str]) -> str:
    parts = (cells.get("name") or cells.get("first_name", ""), cells.get("last_name", ""))
    return one_line(" ".join(parts))[:NAME_LENGTH_MAX]


def _tags(text: str) -> str:
    """Return tags separated by commas; Mailchimp quotes each, and whole tags are left out where they are too many."""
    tags = dict.fromkeys(one_line(tag.strip(' "')) for tag in text.split(","))
    joined = ",".join(filter(None, tags))
    return joined if len(joined) <= TAGS_LENGTH_MAX else joined[: TAGS_LENGTH_MAX + 1].rpartition(",")[0]


def _moment(text: str) -> datetime | None:
    """Return an ISO 8601 date or time; one without a zone is UTC, as every program above writes it."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError as error:
        raise RowError(f"has {text!r}, which is not a time like 2027-01-31T08:00:00+08:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
