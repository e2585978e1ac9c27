"""All data about one reader, for their own page and for download.

Other apps add their chapters to CHAPTER_SOURCES in `AppConfig.ready`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from subscribers import growth, origins, privacy
from subscribers.exporting import csv_table, iso_time
from subscribers.models import Act, Invited, Pause, Subscriber, Suppression
from subscribers.models.tags import join_tags

LINES_MAX = 2000  # of a chapter
CONSENT_WAYS: dict[str, Promise] = {  # by Consent.source up to a colon
    "link": gettext_lazy("link in a letter"),
    "link in the new mailbox": gettext_lazy("link in a letter"),
    "link in the former mailbox": gettext_lazy("link in a letter to the former address"),
    "one click": gettext_lazy("button of a mail program"),
    "page": gettext_lazy("page to unsubscribe"),
    "undo": gettext_lazy("button to come back"),
    "mail": gettext_lazy("by a mail"),
    "by the author": gettext_lazy("by the author"),
}


@dataclass(frozen=True)
class DataButton:
    """An action on a line. url: takes a POST."""

    label: str
    url: str


@dataclass(frozen=True)
class DataLine:
    """An item of data. stored: what only the files have, as it is stored."""

    at: datetime | None
    what: str
    details: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    button: DataButton | None = None


@dataclass(frozen=True)
class DataChapter:
    """Data of one app. name: key in downloads; intro: sentence above the lines."""

    name: str
    title: str
    lines: tuple[DataLine, ...]
    intro: str = ""


type ChapterSource = Callable[[Subscriber, str], DataChapter]  # called with the reader and the page's token

CHAPTER_SOURCES: list[ChapterSource] = []


def all_chapters(reader: Subscriber, token: str) -> list[DataChapter]:
    """All chapters, also empty ones, which only files have."""
    return [*(source(reader, token) for source in CHAPTER_SOURCES), _record(reader), _said(reader), _written(reader)]


def row_facts(reader: Subscriber) -> dict[str, Any]:
    """The reader's own row, by the names of a download; times in ISO 8601."""
    return {
        "address": reader.email,
        "name": reader.name,
        "state": reader.state,
        "confirmed_at": iso_time(reader.confirmed_at) or None,
        "paused_until": iso_time(reader.paused_until) or None,
        "readers_invited": invited_count(reader),
        "tags": reader.tag_names,
    }


def invited_count(reader: Subscriber) -> int:
    return Invited.objects.filter(subscriber=reader).values_list("readers", flat=True).first() or 0


def data_as_json(reader: Subscriber) -> dict[str, Any]:
    chapters: dict[str, list[dict[str, Any]]] = {}
    for chapter in all_chapters(reader, ""):
        chapters[chapter.name] = [
            {"at": iso_time(line.at) or None, "what": line.what, "details": [*line.details, *line.stored]}
            for line in chapter.lines
        ]
    return row_facts(reader) | chapters


def data_as_csv(reader: Subscriber) -> Iterator[str]:
    """Yield CSV lines, safe to open in a spreadsheet."""
    return csv_table(["chapter", "at", "what", "details"], _rows(reader))


def _rows(reader: Subscriber) -> Iterator[list[str]]:
    for name, value in row_facts(reader).items():
        text = join_tags(value) if isinstance(value, list) else value
        yield ["reader", "", name, str(text or "")]
    for chapter in all_chapters(reader, ""):
        for line in chapter.lines:
            yield [chapter.name, iso_time(line.at), line.what, " | ".join(line.details + line.stored)]


def _record(reader: Subscriber) -> DataChapter:
    lines = [*_consents(reader), *_moves(reader), *_pauses(reader)]
    lines.sort(key=lambda line: line.at.timestamp() if line.at else 0, reverse=True)
    return DataChapter("record", _("What you agreed to, and when"), tuple(lines))


def _consents(reader: Subscriber) -> Iterator[DataLine]:
    for one in reader.consents.select_related("text", "notice").order_by("-pk")[:LINES_MAX]:
        address = _("from the IP address %s") % one.ip if one.ip else ""
        shown = _("the form said: %s") % " / ".join(one.text.words.splitlines()) if one.text else ""
        notice = _("privacy notice: version %s") % privacy.notice_version(one.notice.words) if one.notice else ""
        details = tuple(filter(None, (_way(one.source), address, shown, notice)))
        yield DataLine(one.at, one.get_kind_display(), details, stored=(one.source,))


def _way(source: str) -> str:
    kind, name = origins.classify_origin(source)
    way, _colon, detail = source.partition(": ")
    if kind == "other":
        way = str(CONSENT_WAYS.get(way, way))
    else:
        way, detail = str(growth.SOURCE_LABELS[kind]), growth.source_label(kind, name) if name else detail
    return _("%(what)s: %(detail)s") % {"what": way, "detail": detail} if detail else way


def _moves(reader: Subscriber) -> Iterator[DataLine]:
    for change in reader.address_changes.all()[:LINES_MAX]:
        yield DataLine(change.asked_at, _("Asked to move to %s") % change)
        if change.confirmed_at:
            yield DataLine(change.confirmed_at, _("Moved to %(to)s") % {"to": change})
        if change.undone_at:
            yield DataLine(change.undone_at, _("Took the move back"))


def _pauses(reader: Subscriber) -> Iterator[DataLine]:
    for pause in Pause.objects.filter(subscriber=reader):
        yield DataLine(pause.began_at, _("Paused"))
        yield DataLine(pause.until, _("End of the pause"))
        if pause.settled_at:
            yield DataLine(pause.settled_at, _("Told what you missed, if it was anything"))


def _said(reader: Subscriber) -> DataChapter:
    lines = (DataLine(one.at, one.text, (one.get_kind_display(),)) for one in reader.sentences.all()[:LINES_MAX])
    return DataChapter("sentences", _("What you wrote to the author"), tuple(lines))


def _written(reader: Subscriber) -> DataChapter:
    """Notes and acts of the author, and suppressions."""
    barred = Suppression.objects.filter(address_hash=reader.address_hash)
    lines = [
        DataLine(one.created_at, _("No mail goes to this address: %s") % one.get_reason_display()) for one in barred
    ]
    lines += [DataLine(note.at, note.text) for note in reader.notes.order_by("-pk")[:LINES_MAX]]
    lines += [_act(act) for act in reader.acts.order_by("-pk")[:LINES_MAX]]
    return DataChapter("notes", pgettext("about a reader", "Notes of the author"), tuple(lines))


def _act(act: Act) -> DataLine:
    what = _("%(what)s: %(detail)s") % {"what": act.get_what_display(), "detail": act.detail}
    return DataLine(act.at, what if act.detail else act.get_what_display(), tuple(filter(None, [act.reason])))
