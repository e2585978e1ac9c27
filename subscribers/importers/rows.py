"""What the cells of one line say of one reader. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.utils.translation import gettext as _

from newsletter.mail.characters import without_control
from subscribers.addresses import AddressError, normalise, one_line
from subscribers.importers.columns import Columns
from subscribers.importers.states import RowError, gravest, moment, words_of
from subscribers.models.tags import TAGS_LENGTH_MAX, joined, split_tags

ESCAPED = ("'=", "'+", "'-", "'@")  # how an export keeps a spreadsheet from computing a cell
NAME_LENGTH_MAX = 80  # characters; the field of Subscriber
CELL_LENGTH_MAX = 500  # characters of a cell that are read; the longest that means anything is an address
SHORTEST_TIME = 5  # characters; a shorter word is a yes or a no
EMPTY = ("{}", "[]", "null")  # how programs write that there is nothing in a column of many things

type Get = Callable[[list[str]], str]  # the first cell of a field that says something


@dataclass(frozen=True, slots=True)
class Unreadable:
    line: int
    reason: str


@dataclass(slots=True)  # not frozen: that takes three times as long to make, and there are millions
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


class RowReader:
    """Reads the lines of one table, whose columns are known."""

    def __init__(self, columns: Columns, width: int) -> None:
        """Prepare what is the same for all lines. width: how many columns the heading names."""
        self._width, self._floor, self._proofs = width, columns.program.floor, columns.proofs
        says = words_of(columns.program)
        self._says = [(place, says[field]) for field in says for place in columns.places.get(field, ())]
        self._kept = [(place, one_line(name)) for place, name in columns.kept.items()]
        self._get = {field: _getter(places) for field, places in columns.places.items()}
        self._email, self._tags, self._note = map(self._of, ("email", "tags", "note"))
        self._names = [self._of(field) for field in ("name", "first_name", "last_name")]
        self._consent, self._left = self._time("consent_at", "wants_mail"), self._time("left_at", "refuses_mail")

    def read(self, line: int, cells: list[str]) -> Row | Unreadable:
        try:
            return self._row(line, cells if len(cells) == self._width else self._fitted(cells))
        except (RowError, AddressError) as error:
            return Unreadable(line, str(error))

    def _row(self, line: int, cells: list[str]) -> Row:
        state = self._state(cells)
        is_to_be_mailed = state in {
            "active",
            "paused",
        }  # of others the state alone counts
        return Row(
            line,
            paused_until=self._paused_until(cells) if state == "paused" else None,
            email=normalise(self._email(cells)),
            name=self._name(cells),
            state=state,
            tags=_tags(self._tags(cells)),
            consent_at=self._consent(cells, is_to_be_mailed),
            left_at=self._left(cells, False) if state == "unsubscribed" else None,
            note=self._in_words(cells),
        )

    def _fitted(self, cells: list[str]) -> list[str]:
        if any(map(str.strip, cells[self._width :])):
            numbers = {"cells": len(cells), "names": self._width}
            raise RowError(_("has %(cells)d cells, the first line names %(names)d") % numbers)
        return cells[: self._width] + [""] * (self._width - len(cells))

    def _state(self, cells: list[str]) -> str:
        """Return the state that keeps the most mail away, of all that the columns of a row say about it."""
        state = self._floor
        for place, says in self._says:
            if cells[place] and (word := _cell(cells[place])) and (said := says(word)):
                state = gravest(state, said)
        if self._proofs and not any(cells[place].strip() for place in self._proofs):
            state = gravest(state, "pending")
        return state

    def _paused_until(self, cells: list[str]) -> datetime:
        until = _moment(self._of("paused_until")(cells))
        if until is None:
            raise RowError(_("is paused, but paused_until is empty"))
        return until

    def _name(self, cells: list[str]) -> str:
        whole, first, last = self._names
        name = whole(cells) or first(cells)
        if surname := last(cells):
            name = f"{name} {surname}"
        return one_line(name)[:NAME_LENGTH_MAX] if name else ""

    def _in_words(self, cells: list[str]) -> str:
        """Return the note of a row, and the cells that are kept to be read, each behind the name of its column."""
        found = [self._note(cells)]
        for place, name in self._kept:
            if (cell := _cell(cells[place])) and cell not in EMPTY:
                found.append(f"{name}: {cell}")
        return without_control("\n".join(filter(None, found)))

    def _of(self, field: str) -> Get:
        return self._get.get(field, _nothing)

    def _time(self, at: str, whether: str) -> Callable[[list[str], bool], datetime | None]:
        """Return what finds the time that a row says, or the one that stands where a yes could."""
        first, second = self._of(at), self._of(whether)

        def found(cells: list[str], is_needed: bool) -> datetime | None:
            try:
                if text := first(cells):
                    return _moment(text)
            except RowError:
                if is_needed:
                    raise
            word = second(cells)
            return _moment_or_none(word) if len(word) > SHORTEST_TIME else None

        return found


def _getter(places: list[int]) -> Get:
    if len(places) == 1:
        (place,) = places
        return lambda cells: _cell(cells[place])
    return lambda cells: next(filter(None, (_cell(cells[place]) for place in places)), "")


def _nothing(_cells: list[str]) -> str:
    return ""


def _cell(text: str) -> str:
    cell = text.strip()[:CELL_LENGTH_MAX]
    return cell[1:] if cell.startswith(ESCAPED) else cell


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


def _moment_or_none(text: str) -> datetime | None:
    """Return the time that a cell says; None if it says something else."""
    try:
        return moment(text)
    except ValueError:
        return None
