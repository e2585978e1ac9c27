"""The timeline of one reader, newest first: consents, deliveries, replies, actions and notes.

A page ends after a number of copies and includes everything else of that time. A page costs the same few queries,
however long the timeline is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from newsletter.delivery.models import CourseCopy, Delivery, Event, Mailing, Reply
from subscribers.models import Act, Subscriber, Suppression

COPIES_PER_PAGE = 20
SAME_MOMENT = timedelta(minutes=1)  # an action and the row that it made are closer
LINES_MAX = 300  # of each kind of entry except copies
STATE_DOTS = {
    Delivery.State.SENT: "good",
    Delivery.State.FAILED: "bad",
    Delivery.State.UNCERTAIN: "warn",
    Delivery.State.DEFERRED: "warn",
}
# Events that add nothing to the line of the copy.
HIDDEN_EVENT_KINDS = (Event.Kind.SENT, Event.Kind.DELIVERED, Event.Kind.OPENED)
REPORT_DOTS: dict[str, str] = {
    Event.Kind.COMPLAINED: "bad",
    Event.Kind.BOUNCED: "warn",
    Event.Kind.REJECTED: "warn",
    Event.BounceType.HARD: "bad",
}
ACT_DOTS: dict[str, str] = {Act.Action.SUPPRESSED: "bad", Act.Action.PAUSED: "warn", Act.Action.LIFTED: "good"}
STATE_TEXTS: dict[int, Promise] = {
    Delivery.State.SENT: gettext_lazy("%(issue)s: sent"),
    Delivery.State.FAILED: gettext_lazy("%(issue)s: not delivered"),
    Delivery.State.UNCERTAIN: gettext_lazy("%(issue)s: not known whether it was delivered"),
    Delivery.State.DEFERRED: gettext_lazy("%(issue)s: is tried again"),
    Delivery.State.QUEUED: gettext_lazy("%(issue)s: waits to be sent"),
    Delivery.State.SKIPPED: gettext_lazy("%(issue)s: left out"),
}


@dataclass(frozen=True)
class TimelineEntry:
    """dot: its colour in parts.css. note, reply: their ids."""

    at: datetime
    what: str
    details: tuple[str, ...] = ()
    dot: str = ""
    mailing_id: int | None = None  # which the entry links to
    note: int | None = None
    reply: int | None = None

    @property
    def day(self) -> date:
        return timezone.localtime(self.at).date()


@dataclass(frozen=True)
class TimelineCursor:
    """A page begins below the copy of `mailing`, and before `at`."""

    mailing: int
    at: datetime

    def __str__(self) -> str:
        return f"{self.mailing}-{self.at.timestamp():.6f}"

    @classmethod
    def parse(cls, text: str) -> "TimelineCursor | None":
        """Parse what `str` returned; None for anything else, which means the first page."""
        mailing, _dash, at = text.partition("-")
        try:
            return cls(int(mailing), datetime.fromtimestamp(float(at), UTC))
        except (ValueError, OverflowError, OSError):
            return None


def timeline_page(
    reader: Subscriber, before: TimelineCursor | None, *, with_copies: bool
) -> tuple[list[TimelineEntry], TimelineCursor | None]:
    """One page of the timeline, and the cursor of the next; None after the last.

    with_copies: whether the user may see deliveries.
    """
    found, floor = deliveries_before(reader, before.mailing if before else None) if with_copies else ([], None)
    copies = [_line(mailing, copy) for mailing, copy in found]
    since = min((line.at for line in copies), default=None) if floor else None
    others = [
        line
        for line in (
            *_consents(reader),
            *(_first_letters(reader) if with_copies else ()),
            *_address_changes(reader),
            *_notes(reader),
            *_sentences(reader),
            *_replies(reader),
            *_acts(reader),
            *_suppression(reader),
            *_reports(reader),
        )
        if (before is None or line.at < before.at) and (since is None or line.at >= since)
    ]
    lines = sorted([*others, *copies], key=lambda line: line.at, reverse=True)
    if not floor:
        return lines, None
    return lines, TimelineCursor(floor, since or (before.at if before else timezone.now()))


def deliveries_before(reader: Subscriber, before: int | None) -> tuple[list[tuple[Mailing, Delivery]], int | None]:
    """Copies of mailings below `before`, and the key of the last one looked at; None if there are no more."""
    below = {"mailing_id__lt": before} if before else {}
    rows = list(Delivery.objects.filter(subscriber=reader, **below).order_by("-mailing_id")[:COPIES_PER_PAGE])
    floor = rows[-1].mailing_id if len(rows) == COPIES_PER_PAGE else None
    mailings = Mailing.objects.select_related("issue").defer("html", "text").in_bulk([row.mailing_id for row in rows])
    return [(mailings[row.mailing_id], row) for row in rows], floor


def _only_filled(*details: str) -> tuple[str, ...]:
    return tuple(filter(None, details))


def _line(mailing: Mailing, copy: Delivery) -> TimelineEntry:
    at = copy.sent_at or mailing.finished_at or mailing.planned_at or mailing.approved_at
    issue = f"{mailing.issue} ({mailing.get_kind_display()})" if mailing.kind != Mailing.Kind.ISSUE else mailing.issue
    tries = ngettext("%d try", "%d tries", copy.attempts) % copy.attempts if copy.attempts > 1 else ""
    state, details = Delivery.State(copy.state), _only_filled(copy.reply, tries)
    what = str(STATE_TEXTS[state]) % {"issue": issue}
    return TimelineEntry(at, what, details, STATE_DOTS.get(state, ""), mailing_id=mailing.pk)


def _consents(reader: Subscriber) -> Iterator[TimelineEntry]:
    for line in reader.consents.select_related("text").order_by("-pk")[:LINES_MAX]:
        shown = _("Text shown: %s") % line.text.words if line.text else ""
        dot = "good" if line.kind in {"confirmed", "came back", "imported"} else ""
        yield TimelineEntry(line.at, line.get_kind_display(), _only_filled(line.source, line.ip or "", shown), dot)


def _first_letters(reader: Subscriber) -> Iterator[TimelineEntry]:
    for copy in CourseCopy.objects.filter(subscriber=reader).select_related("issue"):
        if copy.sent_at:
            what = _("%(issue)s: sent, as a first letter") % {"issue": copy.issue}
            yield TimelineEntry(copy.sent_at, what, _only_filled(copy.reply), "good")


def _address_changes(reader: Subscriber) -> Iterator[TimelineEntry]:
    for change in reader.address_changes.all()[:LINES_MAX]:
        yield TimelineEntry(change.asked_at, _("Asked to move to %s") % change.email)
        if change.confirmed_at:
            what = _("Moved to %(to)s") % {"to": change.email}
            yield TimelineEntry(change.confirmed_at, what, _only_filled(change.former))
        if change.undone_at:
            yield TimelineEntry(change.undone_at, _("Took the move back"))


def _notes(reader: Subscriber) -> Iterator[TimelineEntry]:
    for note in reader.notes.order_by("-pk")[:LINES_MAX]:
        what = pgettext("about a reader", "Note")
        yield TimelineEntry(note.at, what, _only_filled(note.text, note.by), note=note.pk)


def _acts(reader: Subscriber) -> Iterator[TimelineEntry]:
    for act in reader.acts.order_by("-pk")[:LINES_MAX]:
        detail = act.detail
        if act.what == Act.Action.PAUSED:
            detail = date_format(timezone.localtime(datetime.fromisoformat(act.detail)), "DATE_FORMAT")
        words = act.get_what_display()
        words = _("%(what)s: %(detail)s") % {"what": words, "detail": detail} if detail else words
        yield TimelineEntry(act.at, words, _only_filled(act.reason, act.by), ACT_DOTS.get(act.what, ""))


def _sentences(reader: Subscriber) -> Iterator[TimelineEntry]:
    for one in reader.sentences.all()[:LINES_MAX]:
        yield TimelineEntry(one.at, _("Said: %s") % one.text, (one.get_kind_display(),))


def _replies(reader: Subscriber) -> Iterator[TimelineEntry]:
    """Replies, and those that may be from this reader."""
    for one in Reply.objects.filter(subscriber=reader).listed()[:LINES_MAX]:
        what = _("Wrote: %s") if one.is_certain else _("Wrote, perhaps: %s")
        yield TimelineEntry(one.received_at, what % (one.beginning or one.subject), reply=one.pk)


def _suppression(reader: Subscriber) -> Iterator[TimelineEntry]:
    """The suppression of the address, unless one of the author's actions shows it already."""
    by_hand = reader.acts.filter(what=Act.Action.SUPPRESSED).order_by("-pk").values_list("at", flat=True).first()
    for one in Suppression.objects.filter(address_hash=reader.address_hash):
        if one.reason == Suppression.Reason.MANUAL and by_hand and one.created_at - by_hand < SAME_MOMENT:
            continue
        reason = _only_filled(one.get_reason_display(), one.note)
        yield TimelineEntry(one.created_at, _("The address was suppressed: no mail goes to it"), reason, "bad")


def _reports(reader: Subscriber) -> Iterator[TimelineEntry]:
    events = Event.objects.filter(address_hash=reader.address_hash).exclude(kind__in=HIDDEN_EVENT_KINDS).order_by("-at")
    for one in events[:LINES_MAX]:
        details = _only_filled(one.get_verdict_display() if one.verdict else "", one.words)
        dot = REPORT_DOTS.get(one.verdict) or REPORT_DOTS.get(one.kind, "")
        yield TimelineEntry(one.at, _("Reported: %s") % one.get_kind_display(), details, dot)
