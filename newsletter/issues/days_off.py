"""Public holidays of a country, and what is to be asked when a slot falls on one. Asks no database.

The days come from the library `holidays`; which country it is, the Publication says.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib import import_module

from django.utils.translation import gettext as _

from newsletter.issues.cadence import DAY, Fate, Rhythm, Shifts, Slot, neighbour

SATURDAY = 5  # date.weekday
LANGUAGES = {"zh-hant": "zh_TW", "en": "en_US"}  # ours, and the library's name of each
DAYS_TRIED = 13  # on both sides of a slot: what is farther away is another slot's fortnight


# --- Which days are holidays ---


@lru_cache(maxsize=32)
def of_year(country: str, year: int, language: str) -> Mapping[date, str]:
    """Return the public holidays of a year with their names, days off instead of others too; none without a country.

    language: one of ours. A country that has no names in it has its own.
    """
    if not country:
        return {}
    library = import_module("holidays")  # here, because it costs 0.3 s and 50 MB, and few processes are ever asked
    spoken = library.country_holidays(country).supported_languages
    wanted = LANGUAGES.get(language, language)
    return dict(library.country_holidays(country, years=year, language=wanted if wanted in spoken else None))


def of_days(country: str, first_on: date, last_on: date, language: str) -> dict[date, str]:
    """Return the holidays from `first_on` to `last_on`, both included."""
    years = range(first_on.year, last_on.year + 1)
    found = (pair for year in years for pair in of_year(country, year, language).items())
    return {day: name for day, name in sorted(found) if first_on <= day <= last_on}


@dataclass(frozen=True)
class Holiday:
    """Days off that follow each other, at most a weekend between them: the whole lunar new year is one."""

    days: Mapping[date, str]

    @property
    def first_on(self) -> date:
        return min(self.days)

    @property
    def last_on(self) -> date:
        return max(self.days)

    @property
    def name(self) -> str:
        """Return the names of its days, each once; a day off instead of another has that one's name."""
        names = (
            name.partition("（")[0].partition(" (")[0]
            for day in sorted(self.days)
            for name in self.days[day].split("; ")
        )
        return _(", ").join(dict.fromkeys(names))

    def has(self, day: date) -> bool:
        """Return whether `day` belongs to it; the days of a weekend within it do."""
        return self.first_on <= day <= self.last_on


def grouped(days: Mapping[date, str]) -> list[Holiday]:
    """Return holidays whose days follow each other as one."""
    found: list[dict[date, str]] = []
    for day in sorted(days):
        is_next = bool(found) and _only_weekend(max(found[-1]), day)
        if not is_next:
            found.append({})
        found[-1][day] = days[day]
    return [Holiday(one) for one in found]


def _only_weekend(first: date, second: date) -> bool:
    """Return whether nothing but days of a weekend lies between two days."""
    between = (first + timedelta(days=step) for step in range(1, (second - first).days))
    return all(day.weekday() >= SATURDAY for day in between)


# --- What is to be asked ---


@dataclass(frozen=True)
class Question:
    """A holiday with slots on it that nobody has answered for.

    proposed: the day to which each slot could move, by its own day; a slot is missing if no day near it is free.
    """

    holiday: Holiday
    slots: tuple[Slot, ...]
    proposed: Mapping[date, date]


def questions(
    rhythm: Rhythm,
    shifts: Shifts,
    slots: Iterable[Slot],
    days: Mapping[date, str],
    answered: Iterable[tuple[date, date]],
    today: date,
) -> Iterator[Question]:
    """Yield what is to be asked about slots on holidays, in the order of the calendar.

    A slot that the author has moved or left out is not asked about, nor a holiday of which any day was answered for.
    slots: those that lie ahead. days: the holidays, from well before the first slot to well after the last.
    answered: first and last day of each holiday that was.
    """
    spans = list(answered)
    kept = [slot for slot in slots if slot.fate == Fate.KEPT]
    for holiday in grouped(days):
        is_answered = any(first <= holiday.last_on and last >= holiday.first_on for first, last in spans)
        if not is_answered and (on_it := tuple(slot for slot in kept if holiday.has(slot.day))):
            yield Question(holiday, on_it, _proposals(rhythm, shifts, on_it, lambda day: day <= today or day in days))


def _proposals(
    rhythm: Rhythm, shifts: Shifts, slots: Iterable[Slot], is_out: Callable[[date], bool]
) -> dict[date, date]:
    found = {slot.day: proposal(rhythm, shifts, slot.day, is_out) for slot in slots}
    return {day: to_on for day, to_on in found.items() if to_on}


def proposal(rhythm: Rhythm, shifts: Shifts, day: date, is_out: Callable[[date], bool]) -> date | None:
    """Return the nearest day to which a slot could move, the later of two; None if there is none.

    It is not in a vacation, not on a weekend unless the slot is, and seven days or more from every other slot.
    is_out: whether a day is out of the question, because it is a holiday or has passed.
    """
    steps = (step * way for step in range(1, DAYS_TRIED + 1) for way in (1, -1))
    for to_on in (day + DAY * step for step in steps):
        is_weekend = to_on.weekday() >= SATURDAY > day.weekday()
        if not (is_weekend or is_out(to_on) or shifts.is_away(to_on) or neighbour(rhythm, shifts, day, to_on)):
            return to_on
    return None
