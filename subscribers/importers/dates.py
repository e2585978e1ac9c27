"""Dates as other programs and their authors write them, in exports of readers and of posts. Pure."""

import re
from calendar import month_abbr
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_ZONE = r"Z|UTC|GMT|[+-]\d\d:?\d\d|[A-Z][A-Za-z_]+/[A-Za-z_/+-]{2,40}"
_NUMBERS = re.compile(
    r"(?P<year>\d{4})\s?[-/.年]\s?(?P<month>\d{1,2})\s?[-/.月]\s?(?P<day>\d{1,2})\s?日?"
    r"(?:[T ]*(?P<half>上午|下午|午前|午後|[AaPp][Mm])?[T ]*(?P<hour>\d{1,2})[:時点](?P<minute>\d{1,2})分?"
    rf"(?::?(?P<second>\d{{1,2}})秒?)?(?:\.\d+)?\s*(?P<later>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>{_ZONE})?)?\Z"
)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})\b,?")  # in German; with slashes nobody knows which is the day
# Go writes the zone twice: “2024-05-01 10:00:00.12 +0200 CEST”.
_OFFSET = re.compile(r"\s+([+-]\d\d:?\d\d)(?: [A-Z+-][A-Z\d]*)?\Z")
LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # later times cannot be shown in every zone
_MONTHS = {name.lower(): number for number, name in enumerate(month_abbr) if name}
_NAMED = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,? )?(?:(?P<month>[A-Za-z]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"|(?P<day2>\d{1,2})(?:st|nd|rd|th)? (?P<month2>[A-Za-z]{3,9})\.?),? (?P<year>\d{4})(?P<rest>.*)"
)


def parse_datetime(text: str, zone: tzinfo) -> datetime | None:
    """The moment that a text names, in `zone` unless it says otherwise; None if it names none."""
    for read in (_iso, _in_numbers, _with_name, parsedate_to_datetime):
        try:
            at = read(text.strip())
            if at is not None and at.year > 1:  # programs write year 1 for no time at all
                return min(at if at.tzinfo else at.replace(tzinfo=zone), LATEST)
        except (ValueError, TypeError, OverflowError, ZoneInfoNotFoundError):
            continue
    return None


def _iso(text: str) -> datetime:
    """ISO 8601; or seconds since 1970, or their thousandths."""
    if re.fullmatch(r"\d{10}(?:\d{3})?", text):
        return datetime.fromtimestamp(int(text) / 10 ** (len(text) - 10), UTC)
    return datetime.fromisoformat(_OFFSET.sub(r"\1", text))


def _in_numbers(text: str) -> datetime | None:
    found = _NUMBERS.match(_DAY_FIRST.sub(r"\3-\2-\1", text))
    if not found:
        return None
    numbers = {name: int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    if half := (found["half"] or found["later"] or "").lower().replace(".", ""):
        numbers["hour"] = numbers["hour"] % 12 + (12 if half in {"下午", "午後", "pm"} else 0)
    return datetime(**numbers, tzinfo=_zone(found["zone"]))


def _zone(name: str | None) -> tzinfo | None:
    if not name or name in {"Z", "UTC", "GMT"}:
        return UTC if name else None
    return ZoneInfo(name) if "/" in name else datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo


def _with_name(text: str) -> datetime | None:
    """A month by its name, as Americans and others write it, and then the time in any form."""
    found = _NAMED.fullmatch(text)
    month = _MONTHS.get((found["month"] or found["month2"])[:3].lower()) if found else None
    if not found or not month:
        return None
    rest = found["rest"].strip(" ,").removeprefix("at ")
    return _in_numbers(f"{found['year']}-{month}-{found['day'] or found['day2']} {rest}".strip())
