"""How somebody becomes a reader, with the issues that the first letters can be chosen from."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter.delivery.models import Mailing
from newsletter.delivery.readers import welcome
from newsletter.delivery.rehearsal.rehearse import example_reader
from newsletter.publication.forms import WayInForm
from newsletter.publication.models import Publication

OFFERED = 60  # issues: somebody new does not read older ones
LETTERS_MAX = 3
READER = "reader@example.org"  # who stands for a new one
DAYS_MIN, DAYS_MAX = 1, 14


def issues() -> list[tuple[int, str]]:
    """Return number and title of the issues that were sent to readers, newest first, and of those that are chosen."""
    sent = Mailing.objects.filter(state=Mailing.State.SENT, kind=Mailing.Kind.ISSUE)
    newest = sent.order_by("-issue__sent_at", "-issue__number")[:OFFERED]
    known = dict(newest.values_list("issue__number", "issue__subject"))
    chosen = sent.filter(issue__number__in=Publication.objects.current().course)
    known |= dict(chosen.values_list("issue__number", "issue__subject"))
    return [(number, f"{number}｜{subject}") for number, subject in known.items()]


class NewcomersForm(WayInForm):
    course = forms.TypedMultipleChoiceField(
        label=_("first letters"),
        required=False,
        coerce=int,
        choices=issues,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Up to three past issues, which a new reader gets some days after the welcome, the lowest number first. "
            "They stop when their reader leaves or pauses; who comes back does not get them again. None: there are no "
            "first letters."
        ),
    )

    class Meta(WayInForm.Meta):
        fields = (*WayInForm.Meta.fields, "course", "course_days")

    def clean_course(self) -> list[int]:
        chosen: list[int] = sorted(self.cleaned_data["course"])
        if len(chosen) > LETTERS_MAX:
            raise ValidationError(_("At most three: a new reader has something else to do, too."))
        return chosen

    def clean_course_days(self) -> int:
        days: int = self.cleaned_data["course_days"]
        if not DAYS_MIN <= days <= DAYS_MAX:
            raise ValidationError(_("Write a number from 1 to 14."))
        return days


def warnings(publication: Publication) -> list[str]:
    """Return what new readers would not be shown of the welcome, in sentences."""
    with Publication.objects.used(publication):
        return [str(one) for one in welcome.losses(example_reader(READER), timezone.now())]
