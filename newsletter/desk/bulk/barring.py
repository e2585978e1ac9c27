"""A list of addresses that must not be mailed, in steps: first tried, which writes nothing, then done."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from newsletter.desk.bulk import files, importing
from newsletter.desk.models import Errand
from subscribers.importers import barring
from subscribers.importers.barring import Read, SuppressionList

BATCH = barring.BATCH


@dataclass(frozen=True)
class Batch:
    """Some rows of a list with their cells; position: bytes of the file that were read by then."""

    rows: list[tuple[Read, list[str], int]]
    names: list[str]

    @property
    def lines(self) -> importing.Lines:
        return [(row, cells) for row, cells, _position in self.rows]

    @property
    def position(self) -> int:
        return self.rows[-1][2] if self.rows else 0


def batches(errand: Errand) -> Iterator[Batch]:
    """Yield the next rows of the file; the last of these are fewer, or none."""
    table = SuppressionList(files.path_of(errand, files.GIVEN))
    rows = table.rows(skipped=errand.cursor)
    while True:
        yield Batch(list(islice(rows, BATCH)), table.names)


def do(errand: Errand, batch: Batch, now: datetime) -> bool:
    """Try or write some rows; return whether these were the last."""
    refused: list[tuple[int, str]] = []
    take = barring.rehearse if errand.state == Errand.State.TRYING else barring.bar
    take = partial(take, reason=errand.options["reason"])
    rows = [row for row, _cells, _position in batch.rows]
    summary = take(rows, errand.begun_at or now, lambda number, why: refused.append((number, why)))
    errand.counts = dict(Counter(errand.counts) + Counter(summary.counts()))
    errand.problems = [*errand.problems, *refused][: importing.PROBLEMS_SHOWN]
    importing.keep_refused(errand, batch.lines, batch.names, refused)
    errand.cursor += len(rows)
    errand.position = batch.position or errand.position
    return len(rows) < BATCH
