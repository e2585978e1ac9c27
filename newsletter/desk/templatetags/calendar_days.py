"""Days of slots and holidays in words, for the calendar and the desk's first page."""

from collections.abc import Iterable
from datetime import date

from django import template
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from newsletter.issues.cadence import Slot
from newsletter.issues.days_off import Holiday, Question

WEEKDAYS = (
    pgettext_lazy("weekday beside a date", "Mon"),
    pgettext_lazy("weekday beside a date", "Tue"),
    pgettext_lazy("weekday beside a date", "Wed"),
    pgettext_lazy("weekday beside a date", "Thu"),
    pgettext_lazy("weekday beside a date", "Fri"),
    pgettext_lazy("weekday beside a date", "Sat"),
    pgettext_lazy("weekday beside a date", "Sun"),
)
register = template.Library()


@register.filter
def in_words(day: date) -> str:
    """Return a day with its weekday, without its year."""
    words = {"day": date_format(day, pgettext("date format", "j F")), "weekday": WEEKDAYS[day.weekday()]}
    return pgettext("day", "%(weekday)s %(day)s") % words


@register.filter
def span(holiday: Holiday) -> str:
    """Return the first day of a holiday, and the last if it has several."""
    if holiday.first_on == holiday.last_on:
        return in_words(holiday.first_on)
    return _("%(first)s to %(last)s") % {"first": in_words(holiday.first_on), "last": in_words(holiday.last_on)}


@register.filter
def slot_days(slots: Iterable[Slot]) -> str:
    """Return the days of slots in the rhythm."""
    return _(", ").join(in_words(slot.day) for slot in slots)


@register.filter
def proposed_days(question: Question) -> str:
    """Return the days to which the slots on a holiday could move."""
    return _(", ").join(in_words(day) for day in question.proposed.values())
