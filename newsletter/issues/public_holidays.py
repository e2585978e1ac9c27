"""Public holidays by the library `holidays`, and questions about slots on them. No database."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib import import_module

from django.utils.translation import gettext as _

from newsletter.issues.cadence import DAY, Cadence, Shifts, Slot, SlotStatus, conflicting_slot

SATURDAY = 5  # date.weekday
LIBRARY_LANGUAGES = {"zh-hant": "zh_TW", "en": "en_US"}  # ours, and the library's name of each
DAYS_TRIED = 13  # on both sides of a slot


@lru_cache(maxsize=32)
def holidays_of_year(country: str, year: int, language: str) -> Mapping[date, str]:
    """Names by day, substitute days included; empty without a country.

    language: one of LANGUAGES; a country without names in it uses its own language.
    """
    if not country:
        return {}
    library = import_module("holidays")  # lazy: takes 0.3 s and 50 MB
    supported = library.country_holidays(country).supported_languages
    wanted = LIBRARY_LANGUAGES.get(language, language)
    return dict(library.country_holidays(country, years=year, language=wanted if wanted in supported else None))


def holidays_between(country: str, first_on: date, last_on: date, language: str) -> dict[date, str]:
    years = range(first_on.year, last_on.year + 1)
    found = (pair for year in years for pair in holidays_of_year(country, year, language).items())
    return {day: name for day, name in sorted(found) if first_on <= day <= last_on}


@dataclass(frozen=True)
class Holiday:
    """Consecutive holidays, with at most a weekend between them, such as the lunar new year."""

    days: Mapping[date, str]

    @property
    def first_on(self) -> date:
        return min(self.days)

    @property
    def last_on(self) -> date:
        return max(self.days)

    @property
    def name(self) -> str:
        """Distinct names of its days; a substitute day has the original's name."""
        names = (
            name.partition("（")[0].partition(" (")[0]
            for day in sorted(self.days)
            for name in self.days[day].split("; ")
        )
        return _(", ").join(dict.fromkeys(names))

    def has(self, day: date) -> bool:
        """Weekends within it count."""
        return self.first_on <= day <= self.last_on


def group_days(days: Mapping[date, str]) -> list[Holiday]:
    found: list[dict[date, str]] = []
    for day in sorted(days):
        is_next = bool(found) and _only_weekend(max(found[-1]), day)
        if not is_next:
            found.append({})
        found[-1][day] = days[day]
    return [Holiday(one) for one in found]


def _only_weekend(first: date, second: date) -> bool:
    between = (first + timedelta(days=step) for step in range(1, (second - first).days))
    return all(day.weekday() >= SATURDAY for day in between)


@dataclass(frozen=True)
class HolidayQuestion:
    """An unanswered question about a holiday with slots on it.

    proposed: new day by slot day; without slots that have no free day nearby.
    """

    holiday: Holiday
    slots: tuple[Slot, ...]
    proposed: Mapping[date, date]


def holiday_questions(
    cadence: Cadence,
    shifts: Shifts,
    slots: Iterable[Slot],
    days: Mapping[date, str],
    answered: Iterable[tuple[date, date]],
    today: date,
) -> Iterator[HolidayQuestion]:
    """Yield open questions in calendar order.

    Not about moved or skipped slots, nor about a holiday of which any day was answered.
    slots: future ones. days: holidays from well before the first slot to well after the last.
    answered: first and last day of answered holidays.
    """
    spans = list(answered)
    kept = [slot for slot in slots if slot.fate == SlotStatus.KEPT]
    for holiday in group_days(days):
        is_answered = any(first <= holiday.last_on and last >= holiday.first_on for first, last in spans)
        if not is_answered and (on_it := tuple(slot for slot in kept if holiday.has(slot.day))):
            proposed = _proposed_days(cadence, shifts, on_it, lambda day: day <= today or day in days)
            yield HolidayQuestion(holiday, on_it, proposed)


def _proposed_days(
    cadence: Cadence, shifts: Shifts, slots: Iterable[Slot], is_out: Callable[[date], bool]
) -> dict[date, date]:
    found = {slot.day: proposed_day(cadence, shifts, slot.day, is_out) for slot in slots}
    return {day: to_on for day, to_on in found.items() if to_on}


def proposed_day(cadence: Cadence, shifts: Shifts, day: date, is_out: Callable[[date], bool]) -> date | None:
    """The nearest day to which a slot could move, of two the later one.

    Not in a vacation, not on a weekend unless the slot is, and not too close to other slots.
    is_out: excludes holidays and past days.
    """
    steps = (step * way for step in range(1, DAYS_TRIED + 1) for way in (1, -1))
    for to_on in (day + DAY * step for step in steps):
        is_weekend = to_on.weekday() >= SATURDAY > day.weekday()
        if not (is_weekend or is_out(to_on) or shifts.is_away(to_on) or conflicting_slot(cadence, shifts, day, to_on)):
            return to_on
    return None
