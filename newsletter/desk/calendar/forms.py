"""What the author wants of a slot, and of days of vacation."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.desk.templatetags.calendar_days import in_words
from newsletter.issues import cadence
from newsletter.issues.cadence import Rhythm, Shifts, Slot
from newsletter.issues.rhythm import NOTE_LENGTH
from newsletter.publication.forms import TypedForm

FARTHEST = timedelta(days=60)  # from its place: what is farther away is another slot
LONGEST = timedelta(days=366)


class MoveForm(forms.Form):
    """When a slot is due instead. One that comes nearer than seven days to another is asked about."""

    day = forms.DateField(label=_("Day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(label=_("Time"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    anyway = forms.BooleanField(label=_("Move it all the same"), required=False)

    def __init__(self, *args: Any, slot: Slot, rhythm: Rhythm, shifts: Shifts, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        local = timezone.localtime(slot.shown_at, rhythm.zone)
        self.initial = {"day": local.date(), "time": local.time()}
        self.slot, self.rhythm, self.shifts, self.now = slot, rhythm, shifts, now
        self.neighbour: Slot | None = None

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if abs(day - self.slot.day) > FARTHEST:
            raise ValidationError(_("This is more than 60 days from its place in the rhythm."))
        if self.shifts.is_away(day):
            raise ValidationError(_("This day is in a vacation."))
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "day" in cleaned and "time" in cleaned:
            self._look_at(cleaned["day"], cleaned)
        return cleaned

    def _look_at(self, day: date, cleaned: dict[str, Any]) -> None:
        if cadence.instant(day, cleaned["time"], self.rhythm.zone) <= self.now:
            self.add_error("day", _("This time has passed."))
            return
        self.neighbour = cadence.neighbour(self.rhythm, self.shifts, self.slot.day, day)
        if self.neighbour and not cleaned.get("anyway"):
            near = timezone.localtime(self.neighbour.shown_at, self.rhythm.zone).date()
            text = _("The slot of %(day)s is fewer than seven days away. The later one then waits for your approval.")
            self.add_error(None, ValidationError(text, params={"day": in_words(near)}))


class VacationForm(TypedForm, forms.Form):
    """The days of a vacation, and what readers see of it."""

    first_on = forms.DateField(label=_("First day"), widget=forms.DateInput({"type": "date"}))
    last_on = forms.DateField(label=_("Last day"), widget=forms.DateInput({"type": "date"}))
    note = forms.CharField(
        label=_("Notice on the site"),
        required=False,
        max_length=NOTE_LENGTH,
        help_text=_("Shown on the front page from two weeks before. Empty: a sentence with the days."),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first_on, last_on = cleaned.get("first_on"), cleaned.get("last_on")
        if first_on and last_on and last_on < first_on:
            self.add_error("last_on", _("The last day is before the first."))
        elif last_on and last_on < self.today:
            self.add_error("last_on", _("These days have passed."))
        elif first_on and last_on and last_on - first_on > LONGEST:
            self.add_error("last_on", _("At most a year."))
        return cleaned
