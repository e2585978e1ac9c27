"""Slots of the Publication with the author's shifts: skipped and moved slots, vacations, answers about holidays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.issues import cadence, public_holidays
from newsletter.issues.cadence import Cadence, Shifts, Slot, SlotStatus
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

NOTE_LENGTH = 200  # characters


class ShiftQuerySet(models.QuerySet["Shift"]):
    def from_day(self, day: date) -> "ShiftQuerySet":
        return self.filter(Q(slot_on__gte=day) | Q(to_on__gte=day) | Q(last_on__gte=day))

    def vacations(self) -> "ShiftQuerySet":
        return self.filter(kind=Shift.Kind.VACATION).order_by("first_on", "pk")

    def combined(self) -> Shifts:
        return combine_shifts(list(self))


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


def combine_shifts(rows: Sequence[Shift]) -> Shifts:
    return Shifts(
        skipped=frozenset(row.slot_on for row in rows if row.kind == Shift.Kind.SKIPPED and row.slot_on),
        moved={row.slot_on: (row.to_on, row.to_at) for row in rows if row.slot_on and row.to_on and row.to_at},
        vacations=tuple(row.days for row in rows if row.kind == Shift.Kind.VACATION),
    )


class HolidayAnswer(models.Model):
    """The author's answer about a holiday with a slot on it; asked once."""

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
            models.CheckConstraint(condition=Q(last_on__gte=models.F("first_on")), name="a_holiday_has_days")
        ]

    def __str__(self) -> str:
        return _("%(holiday)s (%(day)s): %(choice)s") % {
            "holiday": self.name,
            "day": _day(self.first_on),
            "choice": self.get_choice_display(),
        }


def _day(day: date | None) -> str:
    return date_format(day, "DATE_FORMAT") if day else ""


QUESTION_LEAD_TIME = timedelta(days=90)  # before a holiday
VACATION_LEAD_TIME = timedelta(days=14)  # before a vacation, to readers
HOLIDAY_MARGIN = timedelta(days=31)  # more than the length of a holiday and the reach of a proposal


def cadence_of(publication: Publication) -> Cadence:
    return Cadence(
        publication.cadence_anchor_on,
        publication.cadence_at,
        publication.zone,
        publication.cadence_days,
        publication.cadence_rule,
    )


def shifts_from(publication: Publication, at: datetime) -> Shifts:
    return Shift.objects.from_day(_local_day(publication, at) - cadence.DAY).combined()


def _local_day(publication: Publication, at: datetime) -> date:
    return timezone.localtime(at, publication.zone).date()


def next_slots(publication: Publication, *, after: datetime, count: int) -> list[datetime]:
    """The next `count` due times in UTC, exclusive of `after`."""
    return cadence.next_slots(cadence_of(publication), shifts_from(publication, after), after=after, count=count)


def next_slot(publication: Publication, after: datetime) -> datetime:
    return next_slots(publication, after=after, count=1)[0]


def slot_at(publication: Publication, at: datetime) -> Slot | None:
    """The slot due at this instant; None if it was moved, skipped or never existed."""
    return cadence.slot_at(cadence_of(publication), shifts_from(publication, at), at)


def is_slot_removed(publication: Publication, at: datetime) -> bool:
    rhythm, shifts, day = cadence_of(publication), shifts_from(publication, at), _local_day(publication, at)
    is_of_rhythm = rhythm.has(day) and cadence.slot_on(rhythm, day).at == at
    return is_of_rhythm and cadence.slot_on(rhythm, day, shifts).at != at


def slots_between(publication: Publication, first_on: date, last_on: date) -> list[Slot]:
    """All slots of these local days, also skipped and moved ones."""
    shifts = Shift.objects.from_day(first_on - HOLIDAY_MARGIN).combined()
    return cadence.slots_between(cadence_of(publication), shifts, first_on, last_on)


@dataclass(frozen=True)
class UpcomingSchedule:
    """The next slot and vacation as the site announces them. shifts: those that affect `now` or later."""

    publication: Publication
    now: datetime
    shifts: Sequence[Shift]

    @property
    def next_slot(self) -> datetime:
        return cadence.next_slots(cadence_of(self.publication), combine_shifts(self.shifts), after=self.now, count=1)[0]

    @property
    def vacation(self) -> Shift | None:
        """The vacation to announce: current or within VACATION_LEAD_TIME, and with a slot in it."""
        end = _local_day(self.publication, self.now) + VACATION_LEAD_TIME
        soon = (one for one in self._vacations() if one.days[0] <= end)
        return next((one for one in soon if _has_slot(self.publication, one)), None)

    @property
    def vacation_changes(self) -> datetime | None:
        """When the vacation notice next changes, in UTC; None without a vacation."""
        days = (
            day
            for first, last in (one.days for one in self._vacations())
            for day in (first - VACATION_LEAD_TIME, first, last + cadence.DAY)
        )
        midnights = (cadence.local_to_utc(day, time.min, self.publication.zone) for day in days)
        return min((at for at in midnights if at > self.now), default=None)

    @property
    def changes_at(self) -> datetime:
        return min(self.next_slot, self.vacation_changes or self.next_slot)

    def _vacations(self) -> list[Shift]:
        """Current and future ones, earliest first."""
        today = _local_day(self.publication, self.now)
        upcoming = [one for one in self.shifts if one.kind == Shift.Kind.VACATION and one.days[1] >= today]
        return sorted(upcoming, key=lambda one: (one.days[0], one.pk))


def upcoming_schedule(publication: Publication, now: datetime) -> UpcomingSchedule:
    """One query, and one more a vacation within VACATION_LEAD_TIME."""
    return UpcomingSchedule(publication, now, list(Shift.objects.from_day(_local_day(publication, now) - cadence.DAY)))


def _has_slot(publication: Publication, vacation: Shift) -> bool:
    first_on, last_on = vacation.days
    return any(slot.fate == SlotStatus.AWAY for slot in slots_between(publication, first_on, last_on))


def open_questions(publication: Publication, now: datetime, language: str) -> list[public_holidays.HolidayQuestion]:
    """Open questions about slots on holidays. language: as in settings.LANGUAGES. Two queries."""
    country = publication.holiday_country
    if not country:
        return []
    today = _local_day(publication, now)
    shifts = Shift.objects.from_day(today - HOLIDAY_MARGIN).combined()
    last_on = today + QUESTION_LEAD_TIME
    rhythm = cadence_of(publication)
    coming = [slot for slot in cadence.slots_between(rhythm, shifts, today, last_on) if slot.at and slot.at > now]
    days = public_holidays.holidays_between(country, today - HOLIDAY_MARGIN, last_on + HOLIDAY_MARGIN, language)
    answered = HolidayAnswer.objects.filter(last_on__gte=today - HOLIDAY_MARGIN).values_list("first_on", "last_on")
    return list(public_holidays.holiday_questions(rhythm, shifts, coming, days, answered, today))


Kind, Action = Shift.Kind, Change.Action


def skip_slot(slot_on: date, now: datetime) -> Shift:
    return _shift(slot_on, now, kind=Kind.SKIPPED, to_on=None, to_at=None)


def move_slot(slot_on: date, now: datetime, *, to_on: date, to_at: time) -> Shift:
    return _shift(slot_on, now, kind=Kind.MOVED, to_on=to_on, to_at=to_at)


def _shift(slot_on: date, now: datetime, **columns: object) -> Shift:
    with transaction.atomic():
        row, is_new = Shift.objects.update_or_create(slot_on=slot_on, defaults={**columns, "made_at": now})
        Change.objects.log(Action.ADDED if is_new else Action.CHANGED, [row], at=now)
    return row


def restore_slot(slot_on: date, now: datetime) -> bool:
    return _delete_shift(Shift.objects.filter(slot_on=slot_on).first(), now)


def add_vacation(first_on: date, last_on: date, now: datetime, *, note: str = "") -> Shift:
    """Skip all slots from `first_on` to `last_on`, inclusive.

    note: shown to readers; "" for a default sentence with the days.
    """
    with transaction.atomic():
        row = Shift.objects.create(kind=Kind.VACATION, first_on=first_on, last_on=last_on, note=note, made_at=now)
        Change.objects.log(Action.ADDED, [row], at=now)
    return row


def cancel_vacation(pk: int, now: datetime) -> bool:
    return _delete_shift(Shift.objects.vacations().filter(pk=pk).first(), now)


def _delete_shift(row: Shift | None, now: datetime) -> bool:
    if row is None:
        return False
    with transaction.atomic():
        is_gone = bool(Shift.objects.filter(pk=row.pk).delete()[0])
        if is_gone:
            Change.objects.log(Action.DELETED, [row], at=now)
    return is_gone


def answer_question(
    question: public_holidays.HolidayQuestion, choice: HolidayAnswer.Choice, publication: Publication, now: datetime
) -> bool:
    """Store the author's choice and apply it to the slots; False if it was answered before.

    When slots are moved, one without a proposed day stays.
    """
    holiday = question.holiday
    with transaction.atomic():
        row, is_new = HolidayAnswer.objects.get_or_create(
            first_on=holiday.first_on,
            defaults={"last_on": holiday.last_on, "name": holiday.name[:200], "choice": choice, "answered_at": now},
        )
        if not is_new:
            return False
        Change.objects.log(Action.ADDED, [row], at=now)
        for slot in question.slots:
            _apply_choice(choice, slot.day, question.proposed.get(slot.day), publication, now)
    return True


def _apply_choice(
    choice: HolidayAnswer.Choice, slot_on: date, to_on: date | None, publication: Publication, now: datetime
) -> None:
    if choice == HolidayAnswer.Choice.SKIP:
        skip_slot(slot_on, now)
    elif choice == HolidayAnswer.Choice.MOVE and to_on:
        move_slot(slot_on, now, to_on=to_on, to_at=cadence_of(publication).at)
