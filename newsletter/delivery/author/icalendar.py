"""The slots of the rhythm as a calendar that phones and desktops subscribe to (RFC 5545). Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LINE_OCTETS = 75  # section 3.1
DURATION = timedelta(minutes=30)  # a line in the author's day, not a claim about sending
REFRESH = "PT6H"  # RFC 7986 section 5.7: how often a program should ask again
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})


@dataclass(frozen=True)
class Event:
    """One moment. name: what stays the same when it is moved, of letters, digits and hyphens."""

    name: str
    at: datetime
    summary: str


def calendar(name: str, events: Iterable[Event], *, domain: str, stamp: datetime) -> bytes:
    """Return the calendar. An event keeps its UID, so that a program moves it and does not show it twice.

    stamp: when anything of it was last changed: the same calendar is the same bytes.
    """
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//newsletter//slots//EN", "METHOD:PUBLISH"),
        f"X-WR-CALNAME:{_text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        *(line for event in events for line in _event(event, domain, stamp)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _event(event: Event, domain: str, stamp: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{event.name}@{domain}"
    yield f"DTSTAMP:{_utc(stamp)}"
    yield f"DTSTART:{_utc(event.at)}"
    yield f"DTEND:{_utc(event.at + DURATION)}"
    yield f"SUMMARY:{_text(event.summary)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    return text.translate(ESCAPES)


def _folded(line: str) -> bytes:
    """Return a content line, cut between characters so that none of its pieces has more than LINE_OCTETS."""
    pieces = [b""]
    for char in line:
        octets = char.encode()
        if len(pieces[-1]) + len(octets) > LINE_OCTETS:
            pieces.append(b" ")
        pieces[-1] += octets
    return b"\r\n".join(pieces) + b"\r\n"
