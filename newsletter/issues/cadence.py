"""The rhythm of issues: every so many days on the local calendar, at one local time of day. Pure.

A shift takes one slot elsewhere, or leaves slots out; the others stay where they are, because each is counted from the
anchor and never from the one before it.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count as count_from
from itertools import groupby, islice
from zoneinfo import ZoneInfo

DAYS_BETWEEN = 7  # of the local calendar: by itself no issue follows another sooner
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rhythm:
    """Slot k is the anchor + `days`·k days on the calendar of `zone`, k >= 0, when its clock shows `at`."""

    anchor_on: date
    at: time
    zone: ZoneInfo
    days: int

    def has(self, day: date) -> bool:
        """Return whether a slot is due on `day`, before any shift."""
        return day >= self.anchor_on and (day - self.anchor_on).days % self.days == 0

    def first_from(self, day: date) -> date:
        """Return the first day of a slot that is not before `day`."""
        return self.anchor_on + max(0, -(-(day - self.anchor_on).days // self.days)) * timedelta(days=self.days)


@dataclass(frozen=True)
class Shifts:
    """What the author wants otherwise. Days are local ones; a shift of a day without a slot changes nothing.

    moved: by the day of the slot, the day and the time by the clock at which it is due instead.
    vacations: first and last day of each, both included.
    """

    skipped: frozenset[date] = frozenset()
    moved: Mapping[date, tuple[date, time]] = field(default_factory=dict)
    vacations: tuple[tuple[date, date], ...] = ()

    def is_away(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.vacations)


NO_SHIFTS = Shifts()


class Fate(StrEnum):
    """What became of a slot."""

    KEPT = "kept"
    MOVED = "moved"
    SKIPPED = "skipped"
    AWAY = "away"  # left out, because the author is on vacation then


@dataclass(frozen=True)
class Slot:
    """One slot after the shifts.

    day: its local day in the rhythm, by which a shift names it. due_at: when it is due without shifts, in UTC.
    at: when it is due, in UTC; None if it is left out.
    """

    day: date
    due_at: datetime
    at: datetime | None
    fate: Fate

    @property
    def shown_at(self) -> datetime:
        """Return where a calendar shows it: when it is due, or was."""
        return self.at or self.due_at


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when the clock of `zone` shows `at` on `day`, in UTC.

    A time that the clock skips in spring is taken by the offset before the change, so it comes
    later by the clock and never gets lost; of a time that comes twice in autumn the first counts.

    Source: RFC 5545 section 3.3.5, "DATE-TIME with local time and time zone reference"; PEP 495, fold=0.
    """
    return datetime.combine(day, at.replace(fold=0), zone).astimezone(UTC)


def slot_of(rhythm: Rhythm, day: date, shifts: Shifts = NO_SHIFTS) -> Slot:
    """Return what became of the slot whose day in the rhythm is `day`: `rhythm.has(day)`.

    A vacation leaves out what is due in it, and so also what was moved into it; what was moved out of it stays.
    """
    due_at, (to_on, to_at) = instant(day, rhythm.at, rhythm.zone), shifts.moved.get(day, (day, rhythm.at))
    if shifts.is_away(to_on):
        return Slot(day, due_at, None, Fate.AWAY)
    if day in shifts.moved:
        return Slot(day, due_at, instant(to_on, to_at, rhythm.zone), Fate.MOVED)
    if day in shifts.skipped:
        return Slot(day, due_at, None, Fate.SKIPPED)
    return Slot(day, due_at, due_at, Fate.KEPT)


def _days_from(rhythm: Rhythm, first_on: date) -> Iterator[date]:
    first = rhythm.first_from(first_on)
    return (first + timedelta(days=rhythm.days * k) for k in count_from())


def _slots_from(rhythm: Rhythm, shifts: Shifts, after: datetime) -> Iterator[datetime]:
    """Yield each time at which something is due behind `after`, once, in order."""
    first_on = after.astimezone(rhythm.zone).date() - DAY  # a skipped clock time may fall on the next day
    kept = (slot_of(rhythm, day, shifts).at for day in _days_from(rhythm, first_on) if day not in shifts.moved)
    moved = sorted(at for day in shifts.moved if rhythm.has(day) and (at := slot_of(rhythm, day, shifts).at))
    times = heapq.merge(moved, (at for at in kept if at))
    return (at for at, _same in groupby(times) if at > after)


def slots(rhythm: Rhythm, shifts: Shifts = NO_SHIFTS, *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` slots behind `after`, in UTC. None is before the anchor, unless it was moved there.

    after: aware; a slot at this very instant has passed.
    """
    return list(islice(_slots_from(rhythm, shifts, after), count))


def next_slot(rhythm: Rhythm, shifts: Shifts = NO_SHIFTS, *, after: datetime) -> datetime:
    return next(_slots_from(rhythm, shifts, after))


def slot_at(rhythm: Rhythm, shifts: Shifts, at: datetime) -> Slot | None:
    """Return the slot that is due at this instant; None if there is none."""
    today = at.astimezone(rhythm.zone).date()
    days = [day for day in (today - DAY, today, *shifts.moved) if rhythm.has(day)]
    found = (slot_of(rhythm, day, shifts) for day in days)
    return next((slot for slot in found if slot.at == at), None)


def between(rhythm: Rhythm, shifts: Shifts, first_on: date, last_on: date) -> list[Slot]:
    """Return every slot that is due, or was due before a shift, within these local days, in the order of a calendar."""
    own = set(_until(_days_from(rhythm, first_on), last_on))
    moved_in = {day for day, (to_on, _at) in shifts.moved.items() if rhythm.has(day) and first_on <= to_on <= last_on}
    return sorted((slot_of(rhythm, day, shifts) for day in own | moved_in), key=lambda slot: (slot.shown_at, slot.day))


def _until(days: Iterator[date], last_on: date) -> Iterator[date]:
    for day in days:
        if day > last_on:
            return
        yield day


def neighbour(rhythm: Rhythm, shifts: Shifts, day: date, to_on: date) -> Slot | None:
    """Return a slot other than that of `day` that is due fewer than DAYS_BETWEEN days from `to_on`; None if none is."""
    reach = timedelta(days=DAYS_BETWEEN - 1)
    near = between(rhythm, shifts, to_on - reach, to_on + reach)
    is_near = (
        slot for slot in near if slot.day != day and slot.at and abs(_local_day(slot.at, rhythm) - to_on) <= reach
    )
    return min(is_near, key=lambda slot: abs(_local_day(slot.shown_at, rhythm) - to_on), default=None)


def _local_day(at: datetime, rhythm: Rhythm) -> date:
    return at.astimezone(rhythm.zone).date()
