"""What an author types to have something done to readers."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.desk.models import Errand
from subscribers.addresses import one_line
from subscribers.forms import PAUSE_DAYS_MAX
from subscribers.models import Tag
from subscribers.models.consents import REASON_LENGTH
from subscribers.models.tags import TAGS_LENGTH_MAX, split_tags

Kind = Errand.Kind


class ReasonForm(forms.Form):
    """Why something is done; it stands in the story of each reader."""

    reason = forms.CharField(
        label=_("Reason"),
        label_suffix="",
        max_length=REASON_LENGTH,
        required=False,
        help_text=_("For yourself: it stands in the story of each reader."),
    )

    def clean_reason(self) -> str:
        return one_line(self.cleaned_data["reason"])

    def options(self) -> dict[str, Any]:
        """Return what was typed, as an errand keeps it."""
        return self.cleaned_data


class TagForm(ReasonForm):
    tag = forms.CharField(
        label=_("Tag"), label_suffix="", max_length=TAGS_LENGTH_MAX, widget=forms.TextInput({"list": "known-tags"})
    )
    field_order = ("tag", "reason")

    def clean_tag(self) -> str:
        names = split_tags(one_line(self.cleaned_data["tag"]))
        if len(names) != 1:
            raise ValidationError(_("Type one tag, without a comma."))
        return names[0]


class UntagForm(ReasonForm):
    tag = forms.ChoiceField(
        label=_("Tag"), label_suffix="", choices=lambda: [(name, name) for name in Tag.objects.in_use()]
    )
    field_order = ("tag", "reason")


class PauseForm(ReasonForm):
    until_on = forms.DateField(
        label=_("Paused until"),
        label_suffix="",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=_("On this day letters come again."),
        error_messages={"invalid": _("This is not a date. Write it like 2027-01-31.")},
    )
    field_order = ("until_on", "reason")

    def clean_until_on(self) -> date:
        day: date = self.cleaned_data["until_on"]
        if day <= timezone.localdate():
            raise ValidationError(_("Choose a day after today."))
        if day > timezone.localdate() + timedelta(days=PAUSE_DAYS_MAX):
            raise ValidationError(_("A pause lasts a year at most."))
        return day

    def until(self) -> datetime:
        """Return the first moment of that day here."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until_on"], time()))

    def options(self) -> dict[str, Any]:
        return {"until": self.until().isoformat(), "reason": self.cleaned_data["reason"]}


class NothingForm(forms.Form):
    """Of an export: there is nothing to say."""

    def options(self) -> dict[str, Any]:
        return {}


FORMS: dict[str, type[ReasonForm] | type[NothingForm]] = {
    Kind.TAG: TagForm,
    Kind.UNTAG: UntagForm,
    Kind.PAUSE: PauseForm,
    Kind.UNSUBSCRIBE: ReasonForm,
    Kind.SUPPRESS: ReasonForm,
    Kind.EXPORT: NothingForm,
}
