"""Which versions of a text are kept as they grow old. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

# How old a version is, and of which length of time only the last one is kept from then on, named by strftime.
# Each length holds the one before it whole: to thin often keeps the same as to thin once.
STEPS: Final = (
    (timedelta(days=365), "%Y-%m"),
    (timedelta(days=7), "%Y-%m-%d"),
    (timedelta(days=1), "%Y-%m-%d %H"),
    (timedelta(hours=1), "%Y-%m-%d %H:%M"),
)


def keep(times: Iterable[datetime], now: datetime) -> set[datetime]:
    """Return which of `times` are kept at `now`; all are aware.

    All of the last hour; then the last of each minute for a day, of each hour for a week, of each day for a year, and
    of each month after that, by UTC. The newest is always kept.
    """
    known = set(times)
    last = {format_: _last_of_each(known, format_) for _age, format_ in STEPS}
    return {time for time in known if (format_ := _step(now - time)) is None or time in last[format_]}


def look_again_at(time: datetime, now: datetime) -> datetime | None:
    """Return when a version of `time` is next to be thought of; None when it was for the last time."""
    return min((time + age for age, _format in STEPS if time + age > now), default=None)


def _step(age: timedelta) -> str | None:
    return next((format_ for least, format_ in STEPS if age >= least), None)


def _last_of_each(times: set[datetime], format_: str) -> set[datetime]:
    return set({f"{time.astimezone(UTC):{format_}}": time for time in sorted(times)}.values())
