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
# “01.05.2024 15:14:15”: the same in German. Dots say that the day comes first; with slashes nobody knows.
DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? (\d{1,2}:\d\d(?::\d\d)?))?")
# “2024-05-01 10:00:00.12 +0200 CEST”: how Go writes a time, and listmonk so exports it.
OF_GO: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d{4}) [A-Z+-][A-Z\d]*")
AFTERNOON: Final = {"下午", "午後"}
NEVER: Final = ("0000-00-00", "0001-01-01")  # what MySQL and Go write for no time at all
FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)  # later times cannot be shown in every zone


def moment(text: str) -> datetime | None:
    """Return a time, None for none; raise ValueError for what is no time. One without a zone is UTC.

    That is how every program writes it; a spreadsheet writes the local time of its author.
    """
    if not text or text.startswith(NEVER):
        return None
    try:
        return _without_hyphens(text) if text[4:5] != "-" else _with_hyphens(text)
    except OverflowError as error:
        raise ValueError(text) from error


def _with_hyphens(text: str) -> datetime:
    if found := OF_GO.fullmatch(text):
        text = f"{found[1][:26]}{found[2]}"
    at = datetime.fromisoformat(text.removesuffix(" UTC"))
    if at.tzinfo is UTC:
        return min(at, FAR)
    at = at.replace(tzinfo=at.tzinfo or UTC)
    return min(at, FAR).astimezone(UTC)


def _without_hyphens(text: str) -> datetime | None:
    if found := SHEET.fullmatch(text):
        return _of_a_sheet(found)
    if found := DOTTED.fullmatch(text):
        text = f"{found[3]}/{found[2]}/{found[1]}{f' {found[4]}' if found[4] else ''}"
        return _without_hyphens(text)
    if text.isascii() and text.isdecimal() and len(text) in {10, 13}:  # since 1970, in seconds or thousandths
        return datetime.fromtimestamp(int(text[:10]), UTC)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def _of_a_sheet(found: re.Match[str]) -> datetime | None:
    if int(found["year"]) <= 1:  # what .NET writes for no time at all, as a sheet shows it
        return None
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"] in AFTERNOON)
    date = (int(found["year"]), int(found["month"]), int(found["day"]))
    at = datetime(*date, hour, int(found["minute"] or 0), int(found["second"] or 0), tzinfo=UTC)
    return min(at, FAR).replace(tzinfo=timezone.get_default_timezone()).astimezone(UTC)
