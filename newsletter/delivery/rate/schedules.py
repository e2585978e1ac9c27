"""The time lines of the rate limits, over all workers: a row of the database each.

The generic cell rate algorithm with a burst of one (ITU-T I.371): who wants to send takes the next free
place of the line. A message that several limits concern takes a place on all their lines at once.

Only the server's clock counts, and only differences leave this module: the clocks of the machines may
disagree. A clock that is behind the last time somebody asked was set back; the lines are set back with it,
so that nobody ever waits for more than what others have taken.
"""

import math
import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from django.db import connection, transaction

from newsletter.delivery.models import Pace

MEASURED_SECONDS = 5  # the time constant of the measured rate
SLOWEST = 1 / 64  # of the rate before the provider asked for less
LEAST_MEASURED = 10.0  # messages a second: a lane that has just begun has no rate worth halving
RECOVERY = 0.05 / 60  # of the former rate, a second
IGNORE_SECONDS = 10  # throttling replies within so long are about the same rate
WARM_UP = "warm-up"
LINE = ["free_at", "taken_at", "measured", "slowed_from", "slowed_to", "slowed_at"]


class Turn(NamedTuple):
    """The answer to a lane: seconds until its first message may leave, and whether its places are taken."""

    wait: float
    is_taken: bool
    slowed: float | None = None  # messages a second that the provider takes for now


class RowTimelines:
    """The lines as rows of the database."""

    def take(self, provider: str, ends: Mapping[str, float], messages: int, within_seconds: float) -> Turn:
        """Take places on all lines of `ends`, from one moment on and each for so many seconds.

        Takes nothing if that moment is more than `within_seconds` seconds away. `messages` are counted to the
        measured rate of the line `provider`, which is one of them.
        """
        with transaction.atomic():
            lines, now = _locked(ends)
            begins = max(now, *(line.free_at for line in lines.values()))
            is_taken = begins - now <= within_seconds
            if is_taken:
                lines[provider].measured += messages / MEASURED_SECONDS
                for key, seconds in ends.items():
                    lines[key].free_at = begins + seconds
            Pace.objects.bulk_update(lines.values(), LINE)
        return Turn(begins - now, is_taken, slowed(lines[provider], now))

    def slow_down(self, provider: str, limit: float | None) -> float:
        """Halve the rate of a provider, for all workers; return what it is now, in messages a second."""
        with transaction.atomic():
            lines, now = _locked([provider])
            rate = halve(lines[provider], now, limit)
            lines[provider].save(update_fields=LINE)
        return rate


def _locked(keys: Iterable[str]) -> tuple[dict[str, Pace], float]:
    """Return the rows, locked in one order for everybody, as they are by the database's clock, and its time."""
    wanted = sorted(keys)
    rows = Pace.objects.select_for_update().order_by("key")
    found = {row.key: row for row in rows.filter(key__in=wanted)}
    if len(found) < len(wanted):
        Pace.objects.bulk_create([Pace(key=key) for key in wanted if key not in found], ignore_conflicts=True)
        found = {row.key: row for row in rows.filter(key__in=wanted)}
    now = _database_clock()  # read after the lock: before it, another's time would be later
    for row in found.values():
        _follow_the_clock(row, now)
    return found, now


def _database_clock() -> float:
    if connection.vendor == "sqlite":  # it has no clock but that of the one machine it is on
        return time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def _follow_the_clock(line: Pace, now: float) -> None:
    passed = now - line.taken_at
    if passed < 0:
        line.free_at += passed
        line.slowed_at += passed
    else:
        line.measured *= math.exp(-passed / MEASURED_SECONDS)
    line.taken_at = now


def slowed(line: Pace, now: float) -> float | None:
    """Return the rate of a provider that asked for less; None once it has recovered."""
    rate = line.slowed_to + line.slowed_from * RECOVERY * (now - line.slowed_at)
    return rate if rate < line.slowed_from else None


def halve(line: Pace, now: float, limit: float | None) -> float:
    """Halve the rate of a line and return it; replies about the former rate change nothing."""
    current = slowed(line, now)
    if current is not None and now - line.slowed_at < IGNORE_SECONDS:
        return current
    if current is None:
        line.slowed_from = min(limit or math.inf, max(line.measured, LEAST_MEASURED))
    line.slowed_to = max((current or line.slowed_from) / 2, line.slowed_from * SLOWEST)
    line.slowed_at = now
    return line.slowed_to


# --- A ceiling for a day ---


def count_today(day: date, messages: int, ceiling: int) -> int:
    """Count messages to a local day as long as its ceiling allows; return how many it does."""
    with transaction.atomic():
        row = _day(day)
        granted = max(0, min(messages, ceiling - row.counted))
        row.counted += granted
        row.save(update_fields=["counted_on", "counted"])
    return granted


def take_back(day: date, messages: int) -> None:
    """Forget messages of a day that did not leave after all."""
    with transaction.atomic():
        row = _day(day)
        row.counted = max(0, row.counted - messages)
        row.save(update_fields=["counted_on", "counted"])


def _day(day: date) -> Pace:
    Pace.objects.bulk_create([Pace(key=WARM_UP)], ignore_conflicts=True)
    row = Pace.objects.select_for_update().get(key=WARM_UP)
    if row.counted_on != day:
        row.counted_on, row.counted = day, 0
    return row
