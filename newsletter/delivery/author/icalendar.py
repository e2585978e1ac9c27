"""The slots of the rhythm as a calendar that phones and desktops subscribe to (RFC 5545). Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

LINE_OCTETS = 75  # section 3.1
DURATION = timedelta(minutes=30)  # a line in the author's day, not a claim about sending
ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})


def calendar(name: str, slots: Iterable[datetime], *, summary: str, domain: str, stamp: datetime) -> bytes:
    """Return the calendar, one event a slot; an event keeps its UID while its slot stays where it is.

    stamp: when the rhythm was last changed: the same calendar is the same bytes.
    """
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//newsletter//slots//EN", "METHOD:PUBLISH"),
        f"X-WR-CALNAME:{_text(name)}",
        *(line for slot in slots for line in _event(slot, summary, domain, stamp)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _event(slot: datetime, summary: str, domain: str, stamp: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:slot-{_utc(slot)}@{domain}"
    yield f"DTSTAMP:{_utc(stamp)}"
    yield f"DTSTART:{_utc(slot)}"
    yield f"DTEND:{_utc(slot + DURATION)}"
    yield f"SUMMARY:{_text(summary)}"
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
