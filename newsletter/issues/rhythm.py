"""The slots of the Publication and the author's shifts of them: skipped, moved, vacations, answers for holidays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.issues import cadence, days_off
from newsletter.issues.cadence import Fate, Rhythm, Shifts, Slot
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

NOTE_LENGTH = 200  # characters


class ShiftQuerySet(models.QuerySet["Shift"]):
    def from_day(self, day: date) -> "ShiftQuerySet":
        """Return those that say anything of `day` or later."""
        return self.filter(Q(slot_on__gte=day) | Q(to_on__gte=day) | Q(last_on__gte=day))

    def vacations(self) -> "ShiftQuerySet":
        return self.filter(kind=Shift.Kind.VACATION).order_by("first_on", "pk")

    def together(self) -> Shifts:
        return together(list(self))


class Shift(models.Model):
    """A slot that is skipped or moved, or days of vacation. It never moves the anchor."""

    class Kind(models.TextChoices):
        SKIPPED = "skipped", gettext_lazy("skipped")
        MOVED = "moved", gettext_lazy("moved")
        VACATION = "vacation", gettext_lazy("vacation")

    kind = models.CharField(max_length=10, choices=Kind)
    slot_on = models.DateField(null=True, help_text="the slot's local day in the rhythm; none of a vacation")
    to_on = models.DateField(null=True, help_text="the local day instead, of a slot that is moved")
    to_at = models.TimeField(null=True, help_text="the time by the clock on that day")
    first_on = models.DateField(null=True, help_text="the first local day of a vacation")
    last_on = models.DateField(null=True, help_text="its last day, which still belongs to it")
    note = models.CharField(max_length=NOTE_LENGTH, blank=True, help_text="what readers see of a vacation")
    made_at = models.DateTimeField()

    objects = ShiftQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["slot_on"], name="one_shift_of_a_slot"),
            models.CheckConstraint(
                condition=Q(kind="skipped", slot_on__isnull=False, to_on=None, to_at=None, first_on=None, last_on=None)
                | Q(kind="moved", slot_on__isnull=False, to_on__isnull=False, to_at__isnull=False)
                & Q(first_on=None, last_on=None)
                | Q(kind="vacation", slot_on=None, to_on=None, to_at=None, first_on__isnull=False)
                & Q(last_on__isnull=False),
                name="a_shift_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(last_on=None) | Q(last_on__gte=models.F("first_on")), name="a_vacation_has_days"
            ),
        ]

    def __str__(self) -> str:
        if self.kind == self.Kind.VACATION:
            return _("Vacation from %(first)s to %(last)s") % {"first": _day(self.first_on), "last": _day(self.last_on)}
        if self.kind == self.Kind.MOVED:
            words = {"day": _day(self.slot_on), "to": _day(self.to_on), "time": f"{self.to_at:%H:%M}"}
            return _("Slot of %(day)s moved to %(to)s, %(time)s") % words
        return _("Slot of %(day)s skipped") % {"day": _day(self.slot_on)}

    @property
    def days(self) -> tuple[date, date]:
        if self.first_on is None or self.last_on is None:
            raise ValueError(f"{self.kind} {self.pk} is no vacation")
        return self.first_on, self.last_on


def together(rows: Sequence[Shift]) -> Shifts:
    return Shifts(
        skipped=frozenset(row.slot_on for row in rows if row.kind == Shift.Kind.SKIPPED and row.slot_on),
        moved={row.slot_on: (row.to_on, row.to_at) for row in rows if row.slot_on and row.to_on and row.to_at},
        vacations=tuple(row.days for row in rows if row.kind == Shift.Kind.VACATION),
    )


class HolidayAnswer(models.Model):
    """What the author answered about a holiday with a slot on it: asked once, and never again."""

    class Choice(models.TextChoices):
        KEEP = "keep", gettext_lazy("go anyway")
        SKIP = "skip", gettext_lazy("skip")
        MOVE = "move", gettext_lazy("move")

    first_on = models.DateField(unique=True)
    last_on = models.DateField()
    name = models.CharField(max_length=200)
    choice = models.CharField(max_length=10, choices=Choice)
    answered_at = models.DateTimeField()

    class Meta:
        ordering = ["first_on"]
        constraints = [
            models.CheckConstraint(condition=Q(last_on__gte=models.F("first_on")), name="a_holiday_has_days"),
        ]

    def __str__(self) -> str:
        return _("%(holiday)s (%(day)s): %(choice)s") % {
            "holiday": self.name,
            "day": _day(self.first_on),
            "choice": self.get_choice_display(),
        }


def _day(day: date | None) -> str:
    return date_format(day, "DATE_FORMAT") if day else ""


ASKED_AHEAD = timedelta(days=90)  # of holidays: by then a letter is planned, and still nobody waits for it
ANNOUNCED_AHEAD = timedelta(days=14)  # of a vacation, to readers
AROUND = timedelta(days=31)  # further than a holiday is long, and than a proposal is away


def of(publication: Publication) -> Rhythm:
    return Rhythm(publication.cadence_anchor_on, publication.cadence_at, publication.zone, publication.cadence_days)


def shifts_from(publication: Publication, at: datetime) -> Shifts:
    return Shift.objects.from_day(_local_day(publication, at) - cadence.DAY).together()


def _local_day(publication: Publication, at: datetime) -> date:
    return timezone.localtime(at, publication.zone).date()


# --- When an issue is due ---


def slots(publication: Publication, *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` times at which an issue is due behind `after`, in UTC."""
    return cadence.slots(of(publication), shifts_from(publication, after), after=after, count=count)


def next_slot(publication: Publication, after: datetime) -> datetime:
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


Kind, What = Shift.Kind, Change.What


def skip(slot_on: date, now: datetime) -> Shift:
    return _shift(slot_on, now, kind=Kind.SKIPPED, to_on=None, to_at=None)


def move(slot_on: date, now: datetime, *, to_on: date, to_at: time) -> Shift:
    """Have a slot due at another day and time by the clock; the slots behind it stay where they are."""
    return _shift(slot_on, now, kind=Kind.MOVED, to_on=to_on, to_at=to_at)


def _shift(slot_on: date, now: datetime, **columns: object) -> Shift:
    with transaction.atomic():
        row, is_new = Shift.objects.update_or_create(slot_on=slot_on, defaults={**columns, "made_at": now})
        Change.objects.log(What.ADDED if is_new else What.CHANGED, [row], at=now)
    return row


def restore(slot_on: date, now: datetime) -> bool:
    """Put a slot back to where the rhythm has it; return False if it was there."""
    return _take_back(Shift.objects.filter(slot_on=slot_on).first(), now)


def take_vacation(first_on: date, last_on: date, now: datetime, *, note: str = "") -> Shift:
    """Leave out every slot from `first_on` to `last_on`, both included.

    note: what readers see of it; "" for a sentence with the days.
    """
    with transaction.atomic():
        row = Shift.objects.create(kind=Kind.VACATION, first_on=first_on, last_on=last_on, note=note, made_at=now)
        Change.objects.log(What.ADDED, [row], at=now)
    return row


def give_up_vacation(pk: int, now: datetime) -> bool:
    """Have the slots of a vacation back; return False if it is gone already."""
    return _take_back(Shift.objects.vacations().filter(pk=pk).first(), now)


def _take_back(row: Shift | None, now: datetime) -> bool:
    if row is None:
        return False
    with transaction.atomic():
        is_gone = bool(Shift.objects.filter(pk=row.pk).delete()[0])
        if is_gone:
            Change.objects.log(What.DELETED, [row], at=now)
    return is_gone


def answer(question: days_off.Question, choice: HolidayAnswer.Choice, publication: Publication, now: datetime) -> bool:
    """Do with the slots on a holiday what the author has chosen, and remember it; return False if that was done before.

    A slot without a proposed day stays where it is when the others are moved.
    """
    holiday = question.holiday
    with transaction.atomic():
        row, is_new = HolidayAnswer.objects.get_or_create(
            first_on=holiday.first_on,
            defaults={"last_on": holiday.last_on, "name": holiday.name[:200], "choice": choice, "answered_at": now},
        )
        if not is_new:
            return False
        Change.objects.log(What.ADDED, [row], at=now)
        for slot in question.slots:
            _follow(choice, slot.day, question.proposed.get(slot.day), publication, now)
    return True


def _follow(
    choice: HolidayAnswer.Choice, slot_on: date, to_on: date | None, publication: Publication, now: datetime
) -> None:
    if choice == HolidayAnswer.Choice.SKIP:
        skip(slot_on, now)
    elif choice == HolidayAnswer.Choice.MOVE and to_on:
        move(slot_on, now, to_on=to_on, to_at=of(publication).at)
