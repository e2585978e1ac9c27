"""What the author wants otherwise than the rhythm, as rows: a slot skipped or moved, days of vacation."""

from collections.abc import Sequence
from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.issues.cadence import Shifts

NOTE_LENGTH = 200  # characters


class ShiftQuerySet(models.QuerySet["Shift"]):
    def from_day(self, day: date) -> "ShiftQuerySet":
        """Return those that say anything of `day` or later."""
        return self.filter(Q(slot_on__gte=day) | Q(to_on__gte=day) | Q(last_on__gte=day))

    def vacations(self) -> "ShiftQuerySet":
        return self.filter(kind=Shift.Kind.VACATION).order_by("first_on", "pk")

    def together(self) -> Shifts:
        """Return these as the cadence takes them."""
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
        """Return the first and the last day of a vacation."""
        if self.first_on is None or self.last_on is None:
            raise ValueError(f"{self.kind} {self.pk} is no vacation")
        return self.first_on, self.last_on


def together(rows: Sequence[Shift]) -> Shifts:
    """Return shifts as the cadence takes them."""
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
