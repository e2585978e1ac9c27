"""Days and times as the desk writes them.

Short, 12/8（二）08:00, wherever several stand beside or below each other: rows, tables, choices, the calendar, the next
step. Long, 2026年12月8日 08:00, in sentences and records, by DATE_FORMAT and DATETIME_FORMAT. No third.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import dateformat, timezone
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
    return _short(day, pgettext("date format", "j M"))


def short(day: date, today: date) -> str:
    """Return a day with its weekday, and with its year if that is not this one."""
    return in_words(day) if day.year == today.year else _short(day, pgettext("date format", "j M Y"))


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = at.astimezone(zone)
    parts = {"day": short(local.date(), now.astimezone(zone).date()), "time": f"{local:%H:%M}"}
    return pgettext("moment", "%(day)s, %(time)s") % parts


def days_until(at: datetime, zone: ZoneInfo, now: datetime) -> int:
    """Return how many midnights of `zone` lie before `at`: what people count as days."""
    return (at.astimezone(zone).date() - now.astimezone(zone).date()).days


@register.filter(expects_localtime=True)
def short_day(at: datetime | None) -> str:
    return short(at.date(), timezone.localdate()) if at else ""


@register.filter
def short_moment(at: datetime | None) -> str:
    return moment(at, ZoneInfo(timezone.get_current_timezone_name()), timezone.now()) if at else ""


def _short(day: date, pattern: str) -> str:
    parts = {"day": dateformat.format(day, pattern), "weekday": WEEKDAYS[day.weekday()]}
    return pgettext("day", "%(weekday)s %(day)s") % parts


@register.filter
def span(holiday: Holiday) -> str:
    if holiday.first_on == holiday.last_on:
        return in_words(holiday.first_on)
    return _("%(first)s to %(last)s") % {"first": in_words(holiday.first_on), "last": in_words(holiday.last_on)}


@register.filter
def slot_days(slots: Iterable[Slot]) -> str:
    return _(", ").join(in_words(slot.day) for slot in slots)


@register.filter
def proposed_days(question: Question) -> str:
    return _(", ").join(in_words(day) for day in question.proposed.values())
