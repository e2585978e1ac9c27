"""Numbers, days and waits as people read them on the first page."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.desk.templatetags.calendar_days import days_until, short
from newsletter.desk.templatetags.calendar_days import moment as moment  # noqa: PLC0414 - a word of the first page, too

BREAKS = ("，", "。", "；", "：", ", ", ". ", "; ", ": ")  # after which a long sentence may go on in a new line


def number(count: int) -> str:
    return f"{count:,}"


def day(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return the day of `at` on the calendar of `zone`, with its weekday; with its year if that is not this one."""
    return short(at.astimezone(zone).date(), now.astimezone(zone).date())


def clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def wait(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return how many days of the local calendar are left until `at`."""
    days = days_until(at, zone, now)
    if days < 1:
        return _("today")
    return _("tomorrow") if days == 1 else _("in %(days)s days") % {"days": number(days)}


def since(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return when that was: today's time, yesterday's, or the day."""
    days = (now.astimezone(zone).date() - at.astimezone(zone).date()).days
    if days < 1:
        return _("today %(time)s") % {"time": clock(at, zone)}
    return _("yesterday %(time)s") % {"time": clock(at, zone)} if days == 1 else day(at, zone, now)


def readers(count: int) -> str:
    return ngettext("%(count)s reader", "%(count)s readers", count) % {"count": number(count)}


def pictures_without_alt(count: int) -> str:
    words = ngettext("the alternative text of %(count)s picture", "the alternative text of %(count)s pictures", count)
    return words % {"count": number(count)}


def phrases(sentence: str) -> list[tuple[str, str]]:
    """Return the clauses of a sentence, each with the space behind it: a line is broken between two of them first."""
    for mark in BREAKS:
        sentence = sentence.replace(mark, f"{mark}\n")
    return [(part.strip(), " " if part.endswith(" ") else "") for part in sentence.split("\n") if part.strip()]
