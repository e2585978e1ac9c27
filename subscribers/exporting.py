"""CSV and JSON export of readers, with the columns that the import reads. CSV is safe to open in a spreadsheet."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.http import StreamingHttpResponse

from subscribers.models import Sentence, Subscriber, SubscriberQuerySet
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
    facts = (one | {"tags": join_tags(one["tags"])} for one in _reader_facts(subscribers))
    return _lines([one[name] for name in COLUMNS] for one in facts)


def _reader_facts(subscribers: SubscriberQuerySet) -> Iterator[dict[str, Any]]:
    """Yield COLUMNS and id of each reader in id order. Keyset pagination: no cursor stays open in a slow download."""
    fields = ("pk", "email", "name", "state", "confirmed_at", "paused_until", "suppression_reason")
    rows = subscribers.order_by("pk").with_suppressions().values_list(*fields)
    last, is_last = 0, False
    while not is_last:
        found = list(rows.filter(pk__gt=last)[: BATCH_SIZE + 1])
        some, is_last = found[:BATCH_SIZE], len(found) <= BATCH_SIZE
        readers = [pk for pk, *_row in some]
        names_of, heard_of = Tagging.objects.names_of(readers), Sentence.objects.how_heard(readers)
        for pk, email, name, state, confirmed_at, paused_until, reason in some:
            yield {
                "id": pk,
                "email": email,
                "name": name,
                "state": reason or state,
                "consent_at": iso_time(confirmed_at),
                "tags": names_of[pk],
                "paused_until": iso_time(paused_until if state == Subscriber.State.PAUSED else None),
                "heard": " ".join(heard_of.get(pk, "").split()),
            }
        last = readers[-1] if readers else 0


def json_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield a line of JSON per reader: the CSV columns, with tags as a list and null for no time."""
    for one in _reader_facts(subscribers):
        times = {name: one[name] or None for name in ("consent_at", "paused_until")}
        yield json.dumps(one | times, ensure_ascii=False) + "\n"


def escape_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def iso_time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
