"""Write the readers of a file: make those that are new, change those that are known, bring nobody back."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched

from django.db import connection, transaction
from django.utils import translation

from newsletter.publication.models import Publication
from subscribers.importers import deciding, writing
from subscribers.importers.deciding import Decision, Outcome, Rejected, Summary
from subscribers.importers.rows import Row, Unreadable
from subscribers.models import address_hash


def batches[Row](rows: Iterable[Row], size: int) -> Iterator[tuple[Row, ...]]:
    """Yield rows in batches, each read while the caller works on the one before.

    Reading asks no database, and speaks the caller's language. With SQLite, which works in this process, two threads
    would wait for each other at each row.
    """
    some = batched(rows, size, strict=False)
    if connection.vendor != "postgresql":
        yield from some
        return
    language = translation.get_language()
    with ThreadPoolExecutor(1, "import", initializer=_speak, initargs=(language,)) as reader:
        following = reader.submit(next, some, ())
        while batch := following.result():
            following = reader.submit(next, some, ())
            yield batch


def _speak(language: str | None) -> None:
    """Let the reasons for which a row is refused be in this language; None: as they are written."""
    if language is None:
        translation.deactivate_all()
    else:
        translation.activate(language)


SOURCE_LENGTH = 200  # characters of a line of the record
BATCH = 4000  # rows in one transaction: with SQLite nobody else writes for its 0.1 s
AHEAD = 2000  # rows in one, where the next batch is read meanwhile: two are in memory


def merge(rows: Iterable[Row | Unreadable], now: datetime, rejected: Rejected, *, consent: str = "") -> Summary:
    """Write rows in transactions of BATCH; a second run changes nothing.

    consent: how these readers agreed, for the record of each.
    """
    summary, salt = Summary(), Publication.objects.current().salt
    source = f"import on {now:%Y-%m-%d}{': ' if consent else ''}{consent}"[:SOURCE_LENGTH]
    for some in batched(rows, BATCH, strict=False):
        batch = _Batch(some, salt)
        with transaction.atomic():
            writing.write(batch.decide(summary, now, rejected), source, now)
    return summary


def rehearse(rows: Iterable[Row | Unreadable], now: datetime, rejected: Rejected) -> Summary:
    """Say what `merge` would do, and write nothing, neither into the database nor into the file of departures.

    An address that stands in the rows twice, far apart, is counted twice.
    """
    summary, salt = Summary(), Publication.objects.current().salt
    for some in batched(rows, BATCH, strict=False):
        _Batch(some, salt).decide(summary, now, rejected)
    return summary


class _Batch:
    """Some rows of a file with the hashes of their addresses."""

    def __init__(self, rows: tuple[Row | Unreadable, ...], salt: str) -> None:
        self._hashed = [(address_hash(row.email, salt) if isinstance(row, Row) else "", row) for row in rows]
        self._hashes = {known_as for known_as, _row in self._hashed if known_as}
        self._has_notes = any(isinstance(row, Row) and row.note for row in rows)

    def decide(self, summary: Summary, now: datetime, rejected: Rejected) -> Outcome:
        """Return what is to be written, by what the database knows at this moment."""
        decision = Decision(deciding.known(self._hashes, has_notes=self._has_notes), summary, now, rejected)
        for known_as, row in self._hashed:
            decision.take(known_as, row)
        return decision.outcome
