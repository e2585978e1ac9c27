"""CSV and JSON export of readers, with the columns that the import reads. CSV is safe to open in a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import StreamingHttpResponse

from subscribers.models import Sentence, Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.tags import Tagging, join_tags

COLUMNS = ["email", "name", "state", "consent_at", "tags", "paused_until", "heard"]
HEADER_LINE = ",".join(COLUMNS) + "\r\n"
BATCH_SIZE = 5000  # readers per query of tags and sentences
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


class _Echo:
    """A file for csv.writer whose `write` returns the line."""

    def write(self, text: str) -> str:
        return text


def csv_download_response(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """Stream lines as a CSV download, with a byte order mark, so that Excel detects UTF-8."""
    response = StreamingHttpResponse(chain(["\ufeff"], lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table lazily, the header first."""
    return _lines(chain([columns], rows))


def csv_line(cells: Iterable[str]) -> str:
    return next(_lines([list(cells)]))


def _lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield CSV lines. Cells that look like formulas are prefixed with an apostrophe."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield str(writer.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row]))


def csv_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    yield HEADER_LINE
    yield from csv_body_lines(subscribers)


def csv_body_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield a line per reader. For a suppressed address the state column holds the suppression reason, so that no other
    program mails it.
    """
    return _lines(_rows(subscribers))


def _rows(subscribers: SubscriberQuerySet) -> Iterator[list[str]]:
    for _pk, names, heard, *row in _reader_values(subscribers):
        yield _cells(join_tags(names), heard, *row)


def _reader_values(subscribers: SubscriberQuerySet) -> Iterator[tuple[Any, ...]]:
    """Yield each reader's values in id order, with tags and how they heard of us.

    Keyset pagination: no cursor stays open during a slow download.
    """
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).values("reason")
    fields = ("pk", "email", "name", "state", "confirmed_at", "paused_until", "barred")
    rows = subscribers.order_by("pk").annotate(barred=Subquery(barred)).values_list(*fields)
    last, is_last = 0, False
    while not is_last:
        found = list(rows.filter(pk__gt=last)[: BATCH_SIZE + 1])
        some, is_last = found[:BATCH_SIZE], len(found) <= BATCH_SIZE
        readers = [pk for pk, *_row in some]
        names_of, heard_of = Tagging.objects.names_of(readers), Sentence.objects.how_heard(readers)
        for pk, *row in some:
            yield pk, names_of[pk], heard_of.get(pk, ""), *row
        last = readers[-1] if readers else 0


def json_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield a line of JSON per reader: the CSV columns, with tags as a list and null for empty."""
    for pk, names, heard, email, name, state, confirmed_at, paused_until, barred in _reader_values(subscribers):
        facts = {
            "id": pk,
            "email": email,
            "name": name,
            "state": barred or state,
            "consent_at": iso_time(confirmed_at) or None,
            "tags": names,
            "paused_until": iso_time(paused_until if state == Subscriber.State.PAUSED else None) or None,
            "heard": " ".join(heard.split()),
        }
        yield json.dumps(facts, ensure_ascii=False) + "\n"


def _cells(tags: str, heard: str, email: str, name: str, state: str, *rest: Any) -> list[str]:
    confirmed_at, paused_until, barred = rest
    until = paused_until if state == Subscriber.State.PAUSED else None
    return [email, name, barred or state, iso_time(confirmed_at), tags, iso_time(until), " ".join(heard.split())]


def escape_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def iso_time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
