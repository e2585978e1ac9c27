"""Rhythms other than “every so many days”: the recurrence rules that the settings offer, and the words for each.

A rule is an RRULE of RFC 5545, section 3.3.10, without COUNT, UNTIL and INTERVAL, so that it never ends and needs
no start date. Not offered: dates and weekdays that some months lack, and issues on all seven days, because
mails to single readers are sent only on days without an issue.
"""

import re
from collections.abc import Iterable
from datetime import date

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import dateformat
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

WEEKDAY_OF_CODE = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), WEEKDAYS.values(), strict=True))
WEEK_LABELS = {
    "1": pgettext_lazy("weekday of a month", "first"),
    "2": pgettext_lazy("weekday of a month", "second"),
    "3": pgettext_lazy("weekday of a month", "third"),
    "4": pgettext_lazy("weekday of a month", "fourth"),
    "-1": pgettext_lazy("weekday of a month", "last"),
}
LAST_DAY, DATE_CODES = "-1", [*map(str, range(1, 29)), "-1"]

_CODE, _DATE = f"({'|'.join(WEEKDAY_OF_CODE)})", f"({'|'.join(DATE_CODES)})"
RULE_PATTERN = re.compile(
    rf"FREQ=WEEKLY;BYDAY={_CODE}(,{_CODE}){{0,5}}"
    rf"|FREQ=MONTHLY;BYMONTHDAY={_DATE}(,{_DATE})?"
    rf"|FREQ=MONTHLY;BYDAY=({'|'.join(WEEK_LABELS)}){_CODE}"
)


class RuleKind(models.TextChoices):
    DAYS = "", gettext_lazy("every so many days")
    WEEKLY = "FREQ=WEEKLY;BYDAY", gettext_lazy("every week, on some days")
    DATE = "FREQ=MONTHLY;BYMONTHDAY", gettext_lazy("every month, by date")
    WEEKDAY = "FREQ=MONTHLY;BYDAY", gettext_lazy("every month, by weekday")


def validate_rule(rule: str) -> None:
    if not RULE_PATTERN.fullmatch(rule):
        raise ValidationError(_("%(rule)s is not a rhythm."), params={"rule": rule})


def split_rule(rule: str) -> tuple[RuleKind, list[str]]:
    """The kind of a valid rule, or of "", and its days as they are written: "TU", "15" or "-1FR"."""
    kind, _equals, days = rule.rpartition("=")
    return RuleKind(kind), days.split(",")


def rhythm_text(days: int, rule: str) -> str:
    """Such as "every Tuesday and Friday" or, without a rule, "every 14 days"."""
    kind, parts = split_rule(rule)
    if kind == RuleKind.DAYS:
        return ngettext("every day", "every %(days)s days", days) % {"days": days}
    if kind == RuleKind.WEEKLY:
        return _("every %(weekdays)s") % {"weekdays": _series(str(WEEKDAY_OF_CODE[part]) for part in parts)}
    if kind == RuleKind.DATE:
        return _("every month on the %(dates)s") % {"dates": _series(map(date_text, parts))}
    which, weekday = parts[0][:-2], parts[0][-2:]
    return _("on the %(which)s %(weekday)s of every month") % {
        "which": WEEK_LABELS[which],
        "weekday": WEEKDAY_OF_CODE[weekday],
    }


def date_text(day: str) -> str:
    if day == LAST_DAY:
        return _("last day")
    return dateformat.format(date(2028, 1, int(day)), pgettext("date format", "jS"))


def date_choices() -> list[tuple[str, str]]:
    return [(day, date_text(day)) for day in DATE_CODES]


def _series(names: Iterable[str]) -> str:
    *others, last = names
    return _("%(others)s and %(last)s") % {"others": _(", ").join(others), "last": last} if others else last
