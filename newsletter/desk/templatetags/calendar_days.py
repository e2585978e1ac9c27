"""Two formats of days and times.

Short, 12/8（二）08:00, where several stand together: tables, choices, the calendar, the desk's next step
(`newsletter.desk.next_step`). Long, 2026年12月8日 08:00, in sentences and logs, by DATE_FORMAT and DATETIME_FORMAT.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import dateformat, timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from newsletter.issues.cadence import Slot
from newsletter.issues.public_holidays import Holiday, HolidayQuestion

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
def day_text(day: date) -> str:
    """With weekday, without year."""
    return _short(day, pgettext("date format", "j M"))


def day_text_with_year(day: date, today: date) -> str:
    """With weekday; with the year if that is not this one."""
    return day_text(day) if day.year == today.year else _short(day, pgettext("date format", "j M Y"))


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = at.astimezone(zone)
    parts = {"day": day_text_with_year(local.date(), now.astimezone(zone).date()), "time": f"{local:%H:%M}"}
    return pgettext("moment", "%(day)s, %(time)s") % parts


def long_moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def days_until(at: datetime, zone: ZoneInfo, now: datetime) -> int:
    """Number of local midnights between: what people count as days."""
    return (at.astimezone(zone).date() - now.astimezone(zone).date()).days


@register.filter(expects_localtime=True)
def short_day(at: datetime | None) -> str:
    return day_text_with_year(at.date(), timezone.localdate()) if at else ""


@register.filter
def short_moment(at: datetime | None) -> str:
    return moment(at, ZoneInfo(timezone.get_current_timezone_name()), timezone.now()) if at else ""


def _short(day: date, pattern: str) -> str:
    parts = {"day": dateformat.format(day, pattern), "weekday": WEEKDAYS[day.weekday()]}
    return pgettext("day", "%(weekday)s %(day)s") % parts


@register.filter
def span(holiday: Holiday) -> str:
    if holiday.first_on == holiday.last_on:
        return day_text(holiday.first_on)
    return _("%(first)s to %(last)s") % {"first": day_text(holiday.first_on), "last": day_text(holiday.last_on)}


@register.filter
def slot_days(slots: Iterable[Slot]) -> str:
    return _(", ").join(day_text(slot.day) for slot in slots)


@register.filter
def proposed_days(question: HolidayQuestion) -> str:
    return _(", ").join(day_text(day) for day in question.proposed.values())
