"""When a backup is made by itself, and which are kept. Pure."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time

HOUR = time(3, 30)  # in the publication's zone: nobody writes, no issue goes out
NAME = re.compile(r"newsletter-(\d{4}-\d{2}-\d{2})\.tar(\.age)?")
DAYS, WEEKS, MONTHS = 7, 5, 12


def name(day: date, *, is_encrypted: bool) -> str:
    return f"newsletter-{day.isoformat()}.tar" + (".age" if is_encrypted else "")


def day_of(name: str) -> date | None:
    """Return the day of a backup of ours by its name, or None for any other file."""
    found = NAME.fullmatch(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def due(now: datetime, days: Iterable[date]) -> date | None:
    """Return the day whose backup is to be made now, or None. now: in the publication's zone. days: of those there."""
    return now.date() if now.time() >= HOUR and now.date() not in set(days) else None


def superfluous(days: Iterable[date]) -> set[date]:
    """Return the days whose backups may go: all but the newest of each of the last 7 days, 5 weeks and 12 months.

    Counted are days that have a backup: a machine that was off for a year keeps what it has.
    """
    newest_first = sorted(set(days), reverse=True)
    periods: list[tuple[int, Callable[[date], object]]] = [
        (DAYS, lambda day: day),
        (WEEKS, lambda day: day.isocalendar()[:2]),
        (MONTHS, lambda day: (day.year, day.month)),
    ]
    kept: set[date] = set()
    for number, period in periods:
        first: dict[object, date] = {}
        for day in newest_first:
            first.setdefault(period(day), day)
        kept |= set(list(first.values())[:number])
    return set(newest_first) - kept
