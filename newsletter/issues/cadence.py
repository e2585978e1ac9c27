"""Slots of issues: every n days or by a rule on the local calendar, at one local time of day. Pure.

A shift moves or skips slots; the others stay, because each is counted from the anchor or the calendar, not from its
predecessor.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import count as count_from
from itertools import groupby, islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

DAYS_BETWEEN = 7  # minimum between two issues, on the local calendar, unless the rule itself has them closer
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cadence:
    """Slots are at local time `at` on the calendar of `zone`, on anchor_on + k·days, or on the days of `rule`.

    rule: see `publication.rhythm`; "" for none. No slot is before `anchor_on`.
    """

    anchor_on: date
    at: time
    zone: ZoneInfo
    days: int
    rule: str = ""

    @property
    def days_between(self) -> int:
        """Fewer days between two issues are an accident: DAYS_BETWEEN, or what the author chose by the rule."""
        return min(DAYS_BETWEEN, _shortest_distance(self.rule)) if self.rule else DAYS_BETWEEN

    def has(self, day: date) -> bool:
        return next(self.days_from(day), None) == day

    def days_from(self, day: date) -> Iterator[date]:
        if self.rule:
            return (at.date() for at in _recurrences(self.rule, max(day, self.anchor_on)))
        first = self.anchor_on + max(0, -(-(day - self.anchor_on).days // self.days)) * timedelta(days=self.days)
        return (first + timedelta(days=self.days * k) for k in count_from())


def _recurrences(rule: str, first_on: date) -> Iterator[datetime]:
    found: Iterator[datetime] = iter(rrulestr(rule, dtstart=datetime.combine(first_on, time.min)))
    return found


@lru_cache
def _shortest_distance(rule: str) -> int:
    """In days, over at least two years that begin with a leap day's."""
    days = islice(_recurrences(rule, date(2028, 1, 1)), 60)
    return min((after - before).days for before, after in pairwise(days))


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


def _slots_from(cadence: Cadence, shifts: Shifts, after: datetime) -> Iterator[datetime]:
    """Yield due times after `after`, without duplicates, in order."""
    first_on = after.astimezone(cadence.zone).date() - DAY  # a skipped clock time may fall on the next day
    kept = (slot_on(cadence, day, shifts).at for day in cadence.days_from(first_on) if day not in shifts.moved)
    moved = sorted(at for day in shifts.moved if cadence.has(day) and (at := slot_on(cadence, day, shifts).at))
    times = heapq.merge(moved, (at for at in kept if at))
    return (at for at, _same in groupby(times) if at > after)


def next_slots(cadence: Cadence, shifts: Shifts = NO_SHIFTS, *, after: datetime, count: int) -> list[datetime]:
    """The next `count` slots in UTC, exclusive of `after`. Only moved slots may be before the anchor."""
    return list(islice(_slots_from(cadence, shifts, after), count))


def next_slot(cadence: Cadence, shifts: Shifts = NO_SHIFTS, *, after: datetime) -> datetime:
    return next(_slots_from(cadence, shifts, after))


def slot_at(cadence: Cadence, shifts: Shifts, at: datetime) -> Slot | None:
    today = at.astimezone(cadence.zone).date()
    days = [day for day in (today - DAY, today, *shifts.moved) if cadence.has(day)]
    found = (slot_on(cadence, day, shifts) for day in days)
    return next((slot for slot in found if slot.at == at), None)


def slots_between(cadence: Cadence, shifts: Shifts, first_on: date, last_on: date) -> list[Slot]:
    own = set(takewhile(lambda day: day <= last_on, cadence.days_from(first_on)))
    moved_in = {day for day, (to_on, _at) in shifts.moved.items() if cadence.has(day) and first_on <= to_on <= last_on}
    return sorted((slot_on(cadence, day, shifts) for day in own | moved_in), key=lambda slot: (slot.shown_at, slot.day))


def conflicting_slot(cadence: Cadence, shifts: Shifts, day: date, to_on: date) -> Slot | None:
    """The nearest other slot that is less than `days_between` from `to_on`, if any."""
    reach = timedelta(days=cadence.days_between - 1)
    near = slots_between(cadence, shifts, to_on - reach, to_on + reach)
    is_near = (
        slot for slot in near if slot.day != day and slot.at and abs(_local_day(slot.at, cadence) - to_on) <= reach
    )
    return min(is_near, key=lambda slot: abs(_local_day(slot.shown_at, cadence) - to_on), default=None)


def _local_day(at: datetime, cadence: Cadence) -> date:
    return at.astimezone(cadence.zone).date()
