"""The slots of the Publication, with its shifts: whoever asks when an issue is due asks here. Changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from newsletter.issues import cadence, days_off
from newsletter.issues.cadence import Fate, Rhythm, Shifts, Slot
from newsletter.issues.shifts import HolidayAnswer, Shift, together
from newsletter.publication.models import Publication

ASKED_AHEAD = timedelta(days=90)  # of holidays: by then a letter is planned, and still nobody waits for it
ANNOUNCED_AHEAD = timedelta(days=14)  # of a vacation, to readers
AROUND = timedelta(days=31)  # further than a holiday is long, and than a proposal is away


def of(publication: Publication) -> Rhythm:
    """Return the rhythm without its shifts."""
    return Rhythm(publication.cadence_anchor_on, publication.cadence_at, publication.zone, publication.cadence_days)


def shifts_from(publication: Publication, at: datetime) -> Shifts:
    """Return the shifts that count at `at` or later."""
    return Shift.objects.from_day(_local_day(publication, at) - cadence.DAY).together()


def _local_day(publication: Publication, at: datetime) -> date:
    return timezone.localtime(at, publication.zone).date()


# --- When an issue is due ---


def slots(publication: Publication, *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` times at which an issue is due behind `after`, in UTC."""
    return cadence.slots(of(publication), shifts_from(publication, after), after=after, count=count)


def next_slot(publication: Publication, after: datetime) -> datetime:
    """Return the first time at which an issue is due behind `after`, in UTC."""
    return slots(publication, after=after, count=1)[0]


def slot_at(publication: Publication, at: datetime) -> Slot | None:
    """Return the slot that is due at this instant; None if none is: it was moved, skipped, or never there."""
    return cadence.slot_at(of(publication), shifts_from(publication, at), at)


def was_given_up(publication: Publication, at: datetime) -> bool:
    """Return whether the author has taken the slot of this instant away: nobody misses it."""
    rhythm, shifts, day = of(publication), shifts_from(publication, at), _local_day(publication, at)
    is_of_rhythm = rhythm.has(day) and cadence.slot_of(rhythm, day).at == at
    return is_of_rhythm and cadence.slot_of(rhythm, day, shifts).at != at


def plan(publication: Publication, first_on: date, last_on: date) -> list[Slot]:
    """Return every slot of these local days, with what became of it: also those that were skipped or moved away."""
    shifts = Shift.objects.from_day(first_on - AROUND).together()
    return cadence.between(of(publication), shifts, first_on, last_on)


# --- What the site says of the days ahead ---


@dataclass(frozen=True)
class Ahead:
    """What the site says at a moment of the next slot and of a vacation. shifts: those that count then or later."""

    publication: Publication
    now: datetime
    shifts: Sequence[Shift]

    @property
    def next_slot(self) -> datetime:
        """Return the first time at which an issue is due, in UTC."""
        return cadence.slots(of(self.publication), together(self.shifts), after=self.now, count=1)[0]

    @property
    def vacation(self) -> Shift | None:
        """Return the vacation that readers are told of: it lasts, or begins within ANNOUNCED_AHEAD and costs a slot."""
        end = _local_day(self.publication, self.now) + ANNOUNCED_AHEAD
        soon = (one for one in self._vacations() if one.days[0] <= end)
        return next((one for one in soon if _costs_a_slot(self.publication, one)), None)

    @property
    def vacation_changes(self) -> datetime | None:
        """Return when the notice of a vacation next appears or goes, in UTC; None if no vacation lies ahead."""
        days = (
            day
            for first, last in (one.days for one in self._vacations())
            for day in (first - ANNOUNCED_AHEAD, first, last + cadence.DAY)
        )
        midnights = (cadence.instant(day, time.min, self.publication.zone) for day in days)
        return min((at for at in midnights if at > self.now), default=None)

    @property
    def changes_at(self) -> datetime:
        """Return when the site has to promise another day, or to tell of another vacation, in UTC."""
        return min(self.next_slot, self.vacation_changes or self.next_slot)

    def _vacations(self) -> list[Shift]:
        """Return those that are not over, the first one first."""
        today = _local_day(self.publication, self.now)
        ahead = [one for one in self.shifts if one.kind == Shift.Kind.VACATION and one.days[1] >= today]
        return sorted(ahead, key=lambda one: (one.days[0], one.pk))


def ahead(publication: Publication, now: datetime) -> Ahead:
    """Return what the site says of the days ahead. One query, and one more for each vacation that comes soon."""
    return Ahead(publication, now, list(Shift.objects.from_day(_local_day(publication, now) - cadence.DAY)))


def _costs_a_slot(publication: Publication, vacation: Shift) -> bool:
    first_on, last_on = vacation.days
    return any(slot.fate == Fate.AWAY for slot in plan(publication, first_on, last_on))


# --- Holidays ---


def questions(publication: Publication, now: datetime, language: str) -> list[days_off.Question]:
    """Return what is to be asked about slots on holidays, for the calendar and for the desk's first page.

    language: of the names of holidays, as in settings.LANGUAGES. Two queries.
    """
    country = publication.holiday_country
    if not country:
        return []
    today = _local_day(publication, now)
    shifts = Shift.objects.from_day(today - AROUND).together()
    last_on = today + ASKED_AHEAD
    rhythm = of(publication)
    ahead = [slot for slot in cadence.between(rhythm, shifts, today, last_on) if slot.at and slot.at > now]
    days = days_off.of_days(country, today - AROUND, last_on + AROUND, language)
    answered = HolidayAnswer.objects.filter(last_on__gte=today - AROUND).values_list("first_on", "last_on")
    return list(days_off.questions(rhythm, shifts, ahead, days, answered, today))
