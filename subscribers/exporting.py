"""CSV that is safe to open in a spreadsheet; of readers with the same columns that the import reads."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import StreamingHttpResponse

from subscribers.models import Sentence, Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.tags import Tagging, joined

COLUMNS = ["email", "name", "state", "consent_at", "tags", "paused_until", "heard"]
HEADING = ",".join(COLUMNS) + "\r\n"
AT_ONCE = 5000  # readers whose tags are read by one query, and by another what they answered
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def download(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """Stream lines as a file, as they are made; the mark in front lets Excel read the Chinese."""
    response = StreamingHttpResponse(chain(["\ufeff"], lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def safe_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table, the heading first; rows are read as they are asked for."""
    return _lines(chain([columns], rows))


def line(cells: Iterable[str]) -> str:
    return next(_lines([list(cells)]))


def _lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield rows as lines. A cell that a spreadsheet would compute gets an apostrophe in front."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield str(writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row]))


def csv_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    yield HEADING
    yield from csv_rows(subscribers)


def csv_rows(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield the line of each reader.

    An address that must not be mailed has the reason as its state, so that no other program
    mails it either.
    """
    return _lines(_rows(subscribers))


def _rows(subscribers: SubscriberQuerySet) -> Iterator[list[str]]:
    for _pk, names, heard, *row in _readers(subscribers):
        yield _cells(joined(names), heard, *row)


def _readers(subscribers: SubscriberQuerySet) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of each reader in the order of their numbers, with tags and what they answered.

    Each turn begins behind the last number of the one before: no cursor stays open while somebody loads slowly.
    """
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).values("reason")
    fields = ("pk", "email", "name", "state", "confirmed_at", "paused_until", "barred")
    rows = subscribers.order_by("pk").annotate(barred=Subquery(barred)).values_list(*fields)
    last, is_last = 0, False
    while not is_last:
        found = list(rows.filter(pk__gt=last)[: AT_ONCE + 1])
        some, is_last = found[:AT_ONCE], len(found) <= AT_ONCE
        readers = [pk for pk, *_row in some]
        names_of, heard_of = Tagging.objects.names_of(readers), Sentence.objects.heard(readers)
        for pk, *row in some:
            yield pk, names_of[pk], heard_of.get(pk, ""), *row
        last = readers[-1] if readers else 0


def json_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield each reader as one line of JSON: the columns of the table, with tags as a list and null for nothing."""
    for pk, names, heard, email, name, state, confirmed_at, paused_until, barred in _readers(subscribers):
        facts = {
            "id": pk,
            "email": email,
            "name": name,
            "state": barred or state,
            "consent_at": moment(confirmed_at) or None,
            "tags": names,
            "paused_until": moment(paused_until if state == Subscriber.State.PAUSED else None) or None,
            "heard": " ".join(heard.split()),
        }
        yield json.dumps(facts, ensure_ascii=False) + "\n"


def _cells(tags: str, heard: str, email: str, name: str, state: str, *rest: Any) -> list[str]:
    confirmed_at, paused_until, barred = rest
    until = paused_until if state == Subscriber.State.PAUSED else None
    return [email, name, barred or state, moment(confirmed_at), tags, moment(until), " ".join(heard.split())]


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
