"""Slots of issues: every n days on the local calendar, at one local time of day. Pure.

A shift moves or skips slots; the others stay, because each is counted from the anchor, not from its predecessor.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count as count_from
from itertools import groupby, islice
from zoneinfo import ZoneInfo

DAYS_BETWEEN = 7  # minimum between two issues, on the local calendar
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cadence:
    """Slot k is at local time `at`, anchor_on + k·days on the calendar of `zone`, k >= 0."""

    anchor_on: date
    at: time
    zone: ZoneInfo
    days: int

    def has(self, day: date) -> bool:
        """Whether `day` has a slot before shifts."""
        return day >= self.anchor_on and (day - self.anchor_on).days % self.days == 0

    def first_from(self, day: date) -> date:
        """The first slot day on or after `day`."""
        return self.anchor_on + max(0, -(-(day - self.anchor_on).days // self.days)) * timedelta(days=self.days)


@dataclass(frozen=True)
class Shifts:
    """Exceptions. All days are local; a shift of a day without a slot has no effect.

    moved: slot day to the new local day and time. vacations: first and last day, inclusive.
    """

    skipped: frozenset[date] = frozenset()
    moved: Mapping[date, tuple[date, time]] = field(default_factory=dict)
    vacations: tuple[tuple[date, date], ...] = ()

    def is_away(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.vacations)


NO_SHIFTS = Shifts()


class SlotStatus(StrEnum):
    KEPT = "kept"
    MOVED = "moved"
    SKIPPED = "skipped"
    AWAY = "away"  # skipped by a vacation


@dataclass(frozen=True)
class Slot:
    """A slot after shifts. Times in UTC.

    day: local day before shifts, which identifies it. due_at: time before shifts. at: actual time; None if skipped.
    """

    day: date
    due_at: datetime
    at: datetime | None
    fate: SlotStatus

    @property
    def shown_at(self) -> datetime:
        """The time at which a calendar shows it."""
        return self.at or self.due_at


def local_to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Convert a local day and time to UTC.

    A time that does not exist in spring uses the offset before the change; of an ambiguous time in autumn the first
    counts.

    Source: RFC 5545 section 3.3.5, "DATE-TIME with local time and time zone reference"; PEP 495, fold=0.
    """
    return datetime.combine(day, at.replace(fold=0), zone).astimezone(UTC)


def slot_on(cadence: Cadence, day: date, shifts: Shifts = NO_SHIFTS) -> Slot:
    """The slot of a day for which `cadence.has(day)`.

    A vacation skips what is due in it, including slots moved into it; slots moved out of it stay.
    """
    due_at, (to_on, to_at) = local_to_utc(day, cadence.at, cadence.zone), shifts.moved.get(day, (day, cadence.at))
    if shifts.is_away(to_on):
        return Slot(day, due_at, None, SlotStatus.AWAY)
    if day in shifts.moved:
        return Slot(day, due_at, local_to_utc(to_on, to_at, cadence.zone), SlotStatus.MOVED)
    if day in shifts.skipped:
        return Slot(day, due_at, None, SlotStatus.SKIPPED)
    return Slot(day, due_at, due_at, SlotStatus.KEPT)


def _days_from(cadence: Cadence, first_on: date) -> Iterator[date]:
    first = cadence.first_from(first_on)
    return (first + timedelta(days=cadence.days * k) for k in count_from())


def _slots_from(cadence: Cadence, shifts: Shifts, after: datetime) -> Iterator[datetime]:
    """Yield due times after `after`, without duplicates, in order."""
    first_on = after.astimezone(cadence.zone).date() - DAY  # a skipped clock time may fall on the next day
    kept = (slot_on(cadence, day, shifts).at for day in _days_from(cadence, first_on) if day not in shifts.moved)
    moved = sorted(at for day in shifts.moved if cadence.has(day) and (at := slot_on(cadence, day, shifts).at))
    times = heapq.merge(moved, (at for at in kept if at))
    return (at for at, _same in groupby(times) if at > after)


def next_slots(cadence: Cadence, shifts: Shifts = NO_SHIFTS, *, after: datetime, count: int) -> list[datetime]:
    """The next `count` slots in UTC, exclusive of `after`. Only moved slots may be before the anchor."""
    return list(islice(_slots_from(cadence, shifts, after), count))


def next_slot(cadence: Cadence, shifts: Shifts = NO_SHIFTS, *, after: datetime) -> datetime:
    return next(_slots_from(cadence, shifts, after))


def slot_at(cadence: Cadence, shifts: Shifts, at: datetime) -> Slot | None:
    """The slot due at this instant, if any."""
    today = at.astimezone(cadence.zone).date()
    days = [day for day in (today - DAY, today, *shifts.moved) if cadence.has(day)]
    found = (slot_on(cadence, day, shifts) for day in days)
    return next((slot for slot in found if slot.at == at), None)


def slots_between(cadence: Cadence, shifts: Shifts, first_on: date, last_on: date) -> list[Slot]:
    """Slots that are due within these local days, or were before a shift, in calendar order."""
    own = set(_until(_days_from(cadence, first_on), last_on))
    moved_in = {day for day, (to_on, _at) in shifts.moved.items() if cadence.has(day) and first_on <= to_on <= last_on}
    return sorted((slot_on(cadence, day, shifts) for day in own | moved_in), key=lambda slot: (slot.shown_at, slot.day))


def _until(days: Iterator[date], last_on: date) -> Iterator[date]:
    for day in days:
        if day > last_on:
            return
        yield day


def conflicting_slot(cadence: Cadence, shifts: Shifts, day: date, to_on: date) -> Slot | None:
    """The nearest other slot that is less than DAYS_BETWEEN days from `to_on`, if any."""
    reach = timedelta(days=DAYS_BETWEEN - 1)
    near = slots_between(cadence, shifts, to_on - reach, to_on + reach)
    is_near = (
        slot for slot in near if slot.day != day and slot.at and abs(_local_day(slot.at, cadence) - to_on) <= reach
    )
    return min(is_near, key=lambda slot: abs(_local_day(slot.shown_at, cadence) - to_on), default=None)


def _local_day(at: datetime, cadence: Cadence) -> date:
    return at.astimezone(cadence.zone).date()
