"""Turns the cells of one line into a reader with a state and times; knows the words of all export programs. Pure."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.mail.characters import without_control_characters
from subscribers.addresses import AddressError, normalise, one_line
from subscribers.importers.columns import COLUMN_NAMES, ColumnMapping, ExportFormat, column_key
from subscribers.importers.dates import parse_datetime
from subscribers.models.tags import TAGS_LENGTH_MAX, join_tags, split_tags

NULL_DATES: Final = ("0000-00-00", "0001-01-01", "0001/", "01.01.0001")  # what programs write for no time at all


def parse_time(text: str) -> datetime | None:
    """Raises ValueError. Without a zone, a time is UTC; one like 31/1/2027 comes from a spreadsheet and is local."""
    if not text or text.startswith(NULL_DATES):
        return None
    is_of_a_sheet = re.match(r"\d{1,4}[/.]", text)
    at = parse_datetime(text, timezone.get_default_timezone() if is_of_a_sheet else UTC)
    if at is None:
        raise ValueError(text)
    return at.astimezone(UTC)


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(", ".join(lines).split(", "))


STATES: Final = {
    "active": _words(
        ", active, subscribed, confirmed, enabled, regular, free, paid, premium, gift, gifted, comp, trial, trialed",
        "founding, author, deliverable, opted in",
        "訂閱, 訂閱中, 已訂閱, 有效, 正常, 订阅, 已订阅, 購読中, 登録済み, aktiv, angemeldet",
    ),
    "pending": _words(
        "pending, unconfirmed, unactivated, validating, not confirmed, needs attention, needs approval",
        "pending confirmation",
        "未確認, 待確認, 尚未確認, 未确认, unbestätigt",
    ),
    "paused": ("paused",),
    "unsubscribed": _words(
        "unsubscribed, inactive, disabled, cancelled, canceled, removed, archived, deleted, opted out, opt out",
        "not subscribed, non subscribed",
        "退訂, 已退訂, 取消訂閱, 已取消訂閱, 未訂閱, 停用, 退订, 已退订, 取消订阅, 配信停止, 解除, abgemeldet, inaktiv",
    ),
    "bounced": _words(
        "bounced, cleaned, invalid, hard bounce, hard bounced, undeliverable, unreachable",
        "退信, 已退信, 硬退信, 無效, 無效信箱",
    ),
    "complained": _words("complained, complaint, spam, abuse, spam complaint, marked as spam, 檢舉, 檢舉垃圾信"),
    "manual": _words("manual, suppressed, blocklisted, blacklisted, blocked, 黑名單, 封鎖"),
    "erased": ("erased",),
}
STATE_OF: Final = {word: state for state, words in STATES.items() for word in words}
YES: Final = frozenset({"true", "yes", "y", "t", "1", "on", "x", "是", "有", "已", "ja", "はい"})
NO: Final = frozenset({"false", "no", "n", "f", "0", "off", "否", "無", "未", "nein", "いいえ"})
SEVERITY: Final = ("active", "pending", "paused", "unsubscribed", "manual", "bounced", "complained", "erased")
MUST_NOT_BE_MAILED: Final = frozenset({"bounced", "complained", "manual", "erased"})

# Further words of suppression lists; a "soft" bounce gives "pending", which LISTED_AS makes "active".
REASONS: Final = {
    "bounced": _words(
        "bounce, bounces, hard, hardbounce, permanent, general, noemail, onaccountsuppressionlist, badmailbox",
        "baddomain, invalidemail, invalidaddress, mailboxunavailable",
    ),
    "complained": _words("spamcomplaint, spamreport, spamnotification, complaints, feedback, fbl"),
    "manual": _words("manualsuppression, unsubscribe, unsubscribes, groupunsubscribe, block, blocks, dropped"),
    "pending": _words("soft, softbounce, softbounced, transient, temporary, deferred, undetermined"),
}
REASON_OF: Final = {word: reason for reason, words in REASONS.items() for word in words}
# In a suppression list these states become:
LISTED_AS: Final = {"unsubscribed": "manual", "erased": "manual", "pending": "active", "paused": "active"}

type StateParser = Callable[[str], str | None]  # from a cell that is not empty to a state, None if it says none


class RowError(ValueError):
    """One row cannot be read; the message says why."""


def state_parsers_of(columns: ColumnMapping) -> dict[str, StateParser]:
    """Functions from a cell to a state. An unknown word raises RowError; in a suppression list it gives None."""
    found: dict[str, StateParser] = {
        "state": partial(_known_state, columns.export_format, columns.is_suppression_list),
        "left_at": lambda word: None if word.startswith(NULL_DATES) else "unsubscribed",
        "cleaned_at": lambda word: None if word.startswith(NULL_DATES) else "bounced",
        "complained_at": lambda word: None if word.startswith(NULL_DATES) else "complained",
        "wants_mail": partial(_state_by_wish, False),
        "refuses_mail": partial(_state_by_wish, True),
    }
    return {field: partial(_lenient, parse) for field, parse in found.items()} if columns.is_suppression_list else found


@lru_cache(maxsize=1024)  # the same cell stands in many rows
def _known_state(program: ExportFormat, is_list: bool, word: str) -> str:
    key = " ".join(re.split(r"[\s_-]+", word.casefold())).strip()
    state = program.state_values.get(key) or STATE_OF.get(key) or (REASON_OF.get(column_key(word)) if is_list else None)
    if state is None:
        raise RowError(_("has an unknown state %r") % word.casefold())
    return state


@lru_cache(maxsize=1024)
def _state_by_wish(refusal: bool, word: str) -> str:
    """A time counts as yes."""
    try:
        wish = word.casefold() in YES or (word.casefold() not in NO and parse_time(word) is not None)
    except ValueError as error:
        raise RowError(_("has %r where only yes or no, or a time, says whether mail is wanted") % word) from error
    return "unsubscribed" if wish is refusal else "active"


def _lenient(parse: StateParser, word: str) -> str | None:
    try:
        return parse(word)
    except RowError:
        return None


FORMULA_ESCAPES = ("'=", "'+", "'-", "'@")  # how an export keeps a spreadsheet from computing a cell
NAME_LENGTH_MAX = 80  # characters; the field of Subscriber
CELL_LENGTH_MAX = 500  # characters of a cell that are read; the longest that means anything is an address
YES_NO_LENGTH_MAX = 5  # characters; only a longer word is read as a time
EMPTY_CELLS = ("", "{}", "[]", "null")  # how programs write that there is nothing in a column of many things

type RejectCallback = Callable[[int, str], None]  # called with line and reason of each rejected row
type Rows = Collection[ReaderRow | InvalidRow]
type Get = Callable[[list[str]], str]  # the first cell of a field that says something


@dataclass(frozen=True, slots=True)
class InvalidRow:
    line: int
    reason: str


@dataclass(slots=True)  # not frozen: that takes three times as long to make, and there are millions
class ReaderRow:
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


class RowParser:
    """Reads the lines of one table. width: how many columns the heading names."""

    def __init__(self, columns: ColumnMapping, width: int) -> None:
        self._width, self._columns = width, columns
        parsers = state_parsers_of(columns)
        self._state_columns = [(at, parsers[field]) for field in parsers for at in columns.positions.get(field, ())]
        self._kept = [(place, one_line(name)) for place, name in columns.note_columns.items()]
        self._get = {field: _getter(columns.positions.get(field, [])) for field in COLUMN_NAMES}

    def read_row(self, line: int, cells: list[str]) -> ReaderRow | InvalidRow:
        try:
            return self._row(line, cells if len(cells) == self._width else self._fitted(cells))
        except (RowError, AddressError) as error:
            return InvalidRow(line, str(error))

    def _row(self, line: int, cells: list[str]) -> ReaderRow:
        get, state = self._get, self._state(cells)
        paused_until = _moment_or_error(get["paused_until"](cells)) if state == "paused" else None
        if state == "paused" and paused_until is None:
            raise RowError(_("is paused, but paused_until is empty"))
        # Of other states, and in a suppression list, a time that cannot be read hinders nothing.
        is_read = state in {"active", "paused"} and not self._columns.is_suppression_list
        return ReaderRow(
            line,
            normalise(get["email"](cells)),
            self._name(cells),
            state,
            _tags(get["tags"](cells)),
            self._time(cells, "consent_at", "wants_mail", is_needed=is_read),
            paused_until,
            self._time(cells, "left_at", "refuses_mail", is_needed=False) if state == "unsubscribed" else None,
            self._note(cells),
        )

    def _fitted(self, cells: list[str]) -> list[str]:
        if not self._columns.is_suppression_list and any(map(str.strip, cells[self._width :])):
            numbers = {"cells": len(cells), "names": self._width}
            raise RowError(_("has %(cells)d cells, the first line names %(names)d") % numbers)
        return cells[: self._width] + [""] * (self._width - len(cells))

    def _state(self, cells: list[str]) -> str:
        """The state that keeps the most mail away, of all that the columns of a row say about it."""
        found = [parse(word) for place, parse in self._state_columns if cells[place] and (word := _cell(cells[place]))]
        states, columns = [state for state in found if state], self._columns
        if columns.is_suppression_list:
            gravest = max(states, key=SEVERITY.index, default=columns.default_state)
            return LISTED_AS.get(gravest, gravest)
        if columns.opt_in_columns and not any(cells[place].strip() for place in columns.opt_in_columns):
            states.append("pending")
        return max(columns.default_state, *states, key=SEVERITY.index) if states else columns.default_state

    def _name(self, cells: list[str]) -> str:
        get = self._get
        name = get["name"](cells) or get["first_name"](cells)
        if surname := get["last_name"](cells):
            name = f"{name} {surname}"
        return one_line(name)[:NAME_LENGTH_MAX] if name else ""

    def _note(self, cells: list[str]) -> str:
        """The note of a row, then the cells of the columns kept as notes, each as "column: cell"."""
        kept = ((name, _cell(cells[place])) for place, name in self._kept)
        parts = [f"{name}: {cell}" if name else cell for name, cell in kept if cell not in EMPTY_CELLS]
        parts.insert(0, self._get["note"](cells))
        return without_control_characters("\n".join(filter(None, parts)))

    def _time(self, cells: list[str], time_field: str, wish_field: str, *, is_needed: bool) -> datetime | None:
        """The time in the column `time_field`, or else the time in the yes-or-no column `wish_field`."""
        try:
            if text := self._get[time_field](cells):
                return _moment_or_error(text)
        except RowError:
            if is_needed:
                raise
        with suppress(ValueError):
            if len(word := self._get[wish_field](cells)) > YES_NO_LENGTH_MAX:
                return parse_time(word)
        return None


def _getter(places: list[int]) -> Get:
    if len(places) > 1:
        return lambda cells: next(filter(None, (_cell(cells[place]) for place in places)), "")
    if not places:
        return lambda _cells: ""
    (place,) = places
    return lambda cells: _cell(cells[place])


def _cell(text: str) -> str:
    cell = text.strip()[:CELL_LENGTH_MAX]
    return cell[1:] if cell.startswith(FORMULA_ESCAPES) else cell


@lru_cache(maxsize=1024)  # the same cell stands in many rows
def _tags(text: str) -> tuple[str, ...]:
    """The tags of a cell; Mailchimp quotes each, and whole tags are left out where they are too many."""
    names = dict.fromkeys(tag.strip(' "') for tag in split_tags(one_line(text.replace("|", ","))))
    tags = join_tags(filter(None, names))
    if len(tags) > TAGS_LENGTH_MAX:
        tags = tags[: TAGS_LENGTH_MAX + 1].rpartition(",")[0]
    return tuple(split_tags(tags))


def _moment_or_error(text: str) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError as error:
        raise RowError(_("has %r, which is not a time like 2027-01-31T08:00:00+08:00") % text) from error
