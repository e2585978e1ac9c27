"""Times as exports and spreadsheets write them. Pure, but for the zone of a spreadsheet, which is the site's."""

import re
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

# “2024/5/1 下午 3:14:15”: Google Forms and Excel in Taiwan, Hong Kong and Japan.
SHEET: Final = re.compile(
    r"(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})"
    r"(?:[ T](?P<half>上午|下午|午前|午後)? ?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"
)
AFTERNOON: Final = {"下午", "午後"}
NEVER: Final = ("0000-00-00", "0001-01-01")  # what MySQL and Go write for no time at all
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)  # later times cannot be shown in every zone


def moment(text: str) -> datetime | None:
    """Return a time, None for none; raise ValueError for what is no time. One without a zone is UTC.

    That is how every program writes it; a spreadsheet writes the local time of its author.
    """
    if not text or text.startswith(NEVER):
        return None
    if found := SHEET.fullmatch(text):
        return _of_a_sheet(found)
    if text.isascii() and text.isdecimal() and len(text) in {10, 13}:  # since 1970, in seconds or thousandths
        return datetime.fromtimestamp(int(text[:10]), UTC)
    at = datetime.fromisoformat(text.removesuffix(" UTC").replace(" +0000", "+00:00"))
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return min(at, FAR).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def _of_a_sheet(found: re.Match[str]) -> datetime:
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"] in AFTERNOON)
    date = (int(found["year"]), int(found["month"]), int(found["day"]))
    at = datetime(*date, hour, int(found["minute"] or 0), int(found["second"] or 0), tzinfo=UTC)
    return min(at, FAR).replace(tzinfo=timezone.get_default_timezone()).astimezone(UTC)
