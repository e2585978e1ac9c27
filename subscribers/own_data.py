"""Everything that is kept about one reader, in words: for the page of their own data and for a download.

Rooms above this one keep something about readers too, such as copies of issues: each adds its chapter when it is ready.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from subscribers import privacy
from subscribers.exporting import safe_lines
from subscribers.models import Act, Invited, Pause, Subscriber, Suppression
from subscribers.models.tags import joined

LINES_MAX = 2000  # of a chapter: nobody has as many


@dataclass(frozen=True)
class Button:
    """What a reader may have done about a line: its words, and where they are posted to."""

    label: str
    url: str


@dataclass(frozen=True)
class Line:
    """One thing that is kept, and when it happened. notes: what belongs to it; button: what can be done about it."""

    at: datetime | None
    what: str
    details: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    button: Button | None = None


@dataclass(frozen=True)
class Chapter:
    """What one room keeps. name: in a download; intro: a sentence above the lines."""

    name: str
    title: str
    lines: tuple[Line, ...]
    intro: str = ""


type Source = Callable[[Subscriber, str], Chapter]  # the reader, and the token that has opened the page

SOURCES: list[Source] = []


def add(source: Source) -> None:
    """Have a chapter of another room in everybody's data."""
    if source not in SOURCES:
        SOURCES.append(source)


def chapters(reader: Subscriber, token: str) -> list[Chapter]:
    """Return all that is kept about a reader, the chapters without a line too."""
    return [*(source(reader, token) for source in SOURCES), _record(reader), _said(reader), _written(reader)]


def facts(reader: Subscriber) -> dict[str, Any]:
    """Return what stands in the reader's row, by the names of a download; moments as ISO 8601 writes them."""
    return {
        "address": reader.email,
        "name": reader.name,
        "state": reader.state,
        "confirmed_at": _iso(reader.confirmed_at),
        "paused_until": _iso(reader.paused_until),
        "readers_invited": invited(reader),
        "tags": reader.tag_names,
    }


def invited(reader: Subscriber) -> int:
    """Return how many new readers came by this reader's link."""
    return Invited.objects.filter(subscriber=reader).values_list("readers", flat=True).first() or 0


def as_json(reader: Subscriber) -> dict[str, Any]:
    return facts(reader) | {chapter.name: [_plain(line) for line in chapter.lines] for chapter in chapters(reader, "")}


def as_csv(reader: Subscriber) -> Iterator[str]:
    """Yield the lines of a table of everything: chapter, moment, what, details. Safe to open in a spreadsheet."""
    return safe_lines(["chapter", "at", "what", "details"], _rows(reader))


def _rows(reader: Subscriber) -> Iterator[list[str]]:
    for name, value in facts(reader).items():
        text = joined(value) if isinstance(value, list) else value
        yield ["reader", "", name, str(text or "")]
    for chapter in chapters(reader, ""):
        for line in chapter.lines:
            yield [chapter.name, _iso(line.at) or "", line.what, " | ".join(line.details)]


def _plain(line: Line) -> dict[str, Any]:
    return {"at": _iso(line.at), "what": line.what, "details": list(line.details)}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


# --- What this room keeps ---


def _record(reader: Subscriber) -> Chapter:
    lines = [*_consents(reader), *_moves(reader), *_pauses(reader)]
    lines.sort(key=lambda line: line.at.timestamp() if line.at else 0, reverse=True)
    return Chapter("record", _("What you agreed to, and when"), tuple(lines))


def _consents(reader: Subscriber) -> Iterator[Line]:
    for one in reader.consents.select_related("text", "notice").order_by("-pk")[:LINES_MAX]:
        how = _("through: %s") % one.source if one.source else ""
        address = _("from the IP address %s") % one.ip if one.ip else ""
        shown = _("the form said: %s") % " / ".join(one.text.words.splitlines()) if one.text else ""
        notice = _("privacy notice: version %s") % privacy.version(one.notice.words) if one.notice else ""
        yield Line(one.at, one.get_kind_display(), tuple(filter(None, (how, address, shown, notice))))


def _moves(reader: Subscriber) -> Iterator[Line]:
    for change in reader.address_changes.all()[:LINES_MAX]:
        yield Line(change.asked_at, _("Asked to move to %s") % change.email)
        if change.confirmed_at:
            yield Line(change.confirmed_at, _("Moved to %(to)s") % {"to": change.email})
        if change.undone_at:
            yield Line(change.undone_at, _("Took the move back"))


def _pauses(reader: Subscriber) -> Iterator[Line]:
    for pause in Pause.objects.filter(subscriber=reader):
        yield Line(pause.began_at, _("Paused"))
        yield Line(pause.until, _("End of the pause"))
        if pause.settled_at:
            yield Line(pause.settled_at, _("Told what you missed, if it was anything"))


def _said(reader: Subscriber) -> Chapter:
    lines = (Line(one.at, one.text, (one.get_kind_display(),)) for one in reader.sentences.all()[:LINES_MAX])
    return Chapter("sentences", _("What you wrote to the author"), tuple(lines))


def _written(reader: Subscriber) -> Chapter:
    """Return what the author wrote about a reader, and why no mail goes to an address."""
    barred = Suppression.objects.filter(address_hash=reader.address_hash)
    lines = [Line(one.created_at, _("No mail goes to this address: %s") % one.get_reason_display()) for one in barred]
    lines += [Line(note.at, note.text) for note in reader.notes.order_by("-pk")[:LINES_MAX]]
    lines += [_act(act) for act in reader.acts.order_by("-pk")[:LINES_MAX]]
    return Chapter("notes", pgettext("about a reader", "Notes of the author"), tuple(lines))


def _act(act: Act) -> Line:
    what = _("%(what)s: %(detail)s") % {"what": act.get_what_display(), "detail": act.detail}
    return Line(act.at, what if act.detail else act.get_what_display(), tuple(filter(None, [act.reason])))
