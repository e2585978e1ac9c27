"""The author's iCalendar feed of slots (RFC 5545), and its secret URL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.cache import caches
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from newsletter.delivery.models import Mailing
from newsletter.issues import schedule
from newsletter.issues.models import Shift
from newsletter.mail import tokens
from newsletter.publication.changes import Change
from newsletter.publication.models import PUBLICATION_CACHE_KEY, Publication

LINE_BYTES_MAX = 75  # section 3.1
EVENT_DURATION = timedelta(minutes=30)  # for display, not how long sending takes
REFRESH_INTERVAL = "PT6H"  # suggested polling interval: RFC 7986 section 5.7
TEXT_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})


@dataclass(frozen=True)
class CalendarEvent:
    """name: the stable part of the UID, of letters, digits and hyphens."""

    name: str
    at: datetime
    summary: str


def serialize_calendar(name: str, events: Iterable[CalendarEvent], *, domain: str, stamp: datetime) -> bytes:
    """Serialize a calendar. UIDs are stable, so that programs move an event instead of adding another.

    stamp: the last change, so that an unchanged calendar has the same bytes.
    """
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//newsletter//slots//EN", "METHOD:PUBLISH"),
        f"X-WR-CALNAME:{name.translate(TEXT_ESCAPES)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH_INTERVAL}",
        *(line for event in events for line in _event_lines(event, domain, stamp)),
        "END:VCALENDAR",
    ]
    return b"".join(_fold_line(line) for line in lines)


def _event_lines(event: CalendarEvent, domain: str, stamp: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{event.name}@{domain}"
    for name, at in (("DTSTAMP", stamp), ("DTSTART", event.at), ("DTEND", event.at + EVENT_DURATION)):
        yield f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"SUMMARY:{event.summary.translate(TEXT_ESCAPES)}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _fold_line(line: str) -> bytes:
    """A content line folded between characters, at LINE_BYTES_MAX bytes."""
    folded_lines = [b""]
    for char in line:
        octets = char.encode()
        if len(folded_lines[-1]) + len(octets) > LINE_BYTES_MAX:
            folded_lines.append(b" ")
        folded_lines[-1] += octets
    return b"\r\n".join(folded_lines) + b"\r\n"


LINK_PURPOSE = "calendar"
FEED_LENGTH = timedelta(days=365)


def calendar_url(publication: Publication) -> str:
    token = tokens.sign(LINK_PURPOSE, publication.pk, _token_salt(publication))
    return settings.SITE_URL + reverse("delivery:calendar", args=[token])


def is_calendar_token(token: str, publication: Publication) -> bool:
    return tokens.unverified_id(token) == publication.pk and tokens.is_valid(
        token, LINK_PURPOSE, _token_salt(publication)
    )


def _token_salt(publication: Publication) -> str:
    return publication.salt + publication.calendar_salt


def renew_calendar_url(publication: Publication, now: datetime) -> None:
    """Change the feed's secret URL; the former one becomes invalid."""
    publication.calendar_salt = tokens.new_salt()
    with transaction.atomic():
        publication.save(update_fields=["calendar_salt", "updated_at"])
        Change.objects.log(Change.Action.CHANGED, [publication], {"fields": ["calendar_salt"]}, at=now)
    caches["pages"].delete(PUBLICATION_CACHE_KEY)


def calendar_bytes(publication: Publication, now: datetime) -> bytes:
    """A year of slots from now on, with the titles of scheduled issues. Holidays are not events in it."""
    with translation.override(publication.language):
        events = _slot_events(publication, now)
    domain = punycode(publication.sender_email.rpartition("@")[2])
    shifted: datetime | None = Change.objects.filter(about=Shift._meta.label_lower).aggregate(at=Max("at"))["at"]
    approved: datetime | None = Mailing.objects.open().aggregate(at=Max("approved_at"))["at"]
    last_change = max(filter(None, [publication.updated_at, shifted, approved]))  # a removed shift is in the history
    return serialize_calendar(publication.name, events, domain=domain, stamp=last_change)


def _slot_events(publication: Publication, now: datetime) -> list[CalendarEvent]:
    """An event for each slot, and for each issue scheduled for another time, in order."""
    scheduled = Mailing.objects.open().filter(kind=Mailing.Kind.ISSUE, send_at__gt=now).select_related("issue")
    titles = {mailing.send_at: (mailing.pk, str(mailing.issue)) for mailing in scheduled.defer("html", "text")}
    due = _("%(name)s: an issue is due") % {"name": publication.name}
    today = timezone.localtime(now, publication.zone).date()
    events = []
    for slot in schedule.slots_between(publication, today, today + FEED_LENGTH):
        if slot.at and slot.at > now:
            _pk, title = titles.pop(slot.at, (0, ""))
            events.append(CalendarEvent(f"slot-{slot.day:%Y%m%d}", slot.at, title or due))
    events += [CalendarEvent(f"mailing-{pk}", at, title) for at, (pk, title) in titles.items()]
    return sorted(events, key=lambda event: event.at)
