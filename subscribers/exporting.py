"""Readers as CSV: the same columns that the import reads, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import batched
from typing import Any

from django.db.models import OuterRef, Subquery

from subscribers.models import Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.tags import Tagging, joined

COLUMNS = ["email", "name", "state", "consent_at", "tags", "paused_until"]
HEADING = ",".join(COLUMNS) + "\r\n"
AT_ONCE = 5000  # readers whose tags are read by one query
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield the lines of an export, the heading first; rows are read as they are asked for."""
    yield HEADING
    yield from csv_rows(subscribers)


def csv_rows(subscribers: SubscriberQuerySet) -> Iterator[str]:
    """Yield the line of each reader.

    An address that must not be mailed has the reason as its state, so that no other program
    mails it either. A cell that a spreadsheet would compute gets an apostrophe in front.
    """
    writer = csv.writer(_Echo())
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).values("reason")
    fields = ("pk", "email", "name", "state", "confirmed_at", "paused_until", "barred")
    rows = subscribers.order_by("pk").annotate(barred=Subquery(barred)).values_list(*fields)
    for some in batched(rows.iterator(chunk_size=AT_ONCE), AT_ONCE, strict=False):
        names_of = Tagging.objects.names_of(pk for pk, *_row in some)
        for pk, *row in some:
            yield writer.writerow(_cells(joined(names_of[pk]), *row))


def line(cells: Iterable[str]) -> str:
    """Return a line of cells that no spreadsheet computes."""
    return str(csv.writer(_Echo()).writerow([harmless(cell) for cell in cells]))


def _cells(tags: str, email: str, name: str, state: str, *rest: Any) -> list[str]:
    confirmed_at, paused_until, barred = rest
    until = paused_until if state == Subscriber.State.PAUSED else None
    moments = _moment(confirmed_at), _moment(until)
    return [harmless(email), harmless(name), barred or state, moments[0], harmless(tags), moments[1]]


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
