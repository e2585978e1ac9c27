"""The rhythm of issues: every so many days on the local calendar, at one local time of day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count as count_from
from itertools import islice
from zoneinfo import ZoneInfo


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when the clock of `zone` shows `at` on `day`, in UTC.

    A time that the clock skips in spring is taken by the offset before the change, so it comes
    later by the clock and never gets lost; of a time that comes twice in autumn the first counts.

    Source: RFC 5545 section 3.3.5, "DATE-TIME with local time and time zone reference"; PEP 495, fold=0.
    """
    return datetime.combine(day, at.replace(fold=0), zone).astimezone(UTC)


def _slots_from(anchor_on: date, at: time, zone: ZoneInfo, days: int, after: datetime) -> Iterator[datetime]:
    passed = (after.astimezone(zone).date() - anchor_on).days // days
    for k in count_from(max(0, passed - 1)):  # one early: skipped clock times may fall on the next day
        slot = _instant(anchor_on + timedelta(days=days * k), at, zone)
        if slot > after:
            yield slot


def slots(anchor_on: date, at: time, *, zone: ZoneInfo, days: int, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` slots behind `after`, in UTC.

    Slot k is the anchor + `days`·k days on the calendar of `zone`, k >= 0: nothing is due before the anchor.
    after: aware; a slot at this very instant has passed.
    """
    return list(islice(_slots_from(anchor_on, at, zone, days, after), count))


def next_slot(anchor_on: date, at: time, *, zone: ZoneInfo, days: int, after: datetime) -> datetime:
    """Return the first slot behind `after`, in UTC."""
    return next(_slots_from(anchor_on, at, zone, days, after))
