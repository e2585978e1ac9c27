"""An import in steps: first tried, which writes nothing but the lines that would be refused, then done.

The refused lines are a file that can be mended and imported: their cells as they were, with the reason behind them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from newsletter.desk.bulk import files
from newsletter.desk.models import Errand
from subscribers.exporting import line
from subscribers.importers import csv_file, merging
from subscribers.importers.columns import Choices
from subscribers.importers.csv_file import RefusedLines
from subscribers.importers.rows import Row, Unreadable

BATCH = merging.BATCH  # rows in one transaction
PROBLEMS_SHOWN = 10
LEFT_OUT = ""  # what the page sends for a column that is not wanted

type Lines = Sequence[tuple[Numbered, list[str]]]


class Numbered(Protocol):
    """A row that knows its line in the file."""

    @property
    def line(self) -> int: ...


@dataclass(frozen=True)
class Batch:
    """Some rows of a file with their cells; position: bytes of the file that were read by then."""

    lines: Sequence[tuple[Row | Unreadable, list[str]]]
    names: list[str]
    position: int


def choices_of(chosen: dict[str, str]) -> Choices:
    """Return what an author said of columns, by their names, as the importer takes it."""
    fields = {name: meant for name, meant in chosen.items() if meant != LEFT_OUT}
    return Choices(fields, [name for name, meant in chosen.items() if meant == LEFT_OUT])


def batches(errand: Errand) -> Iterator[Batch]:
    """Yield the next rows of the file; the last of these are fewer, or none."""
    path = files.path_of(errand, files.GIVEN)
    with csv_file.opened(path, choices_of(errand.chosen), is_checked=errand.cursor > 0) as table:
        rows = table.rows_and_cells(skipped=errand.cursor)
        for lines in merging.batches(rows, BATCH):
            yield Batch(lines, table.names, table.bytes_read())
        yield Batch((), table.names, table.bytes_read())


def do(errand: Errand, batch: Batch, _now: datetime) -> bool:
    """Try or write some rows; return whether these were the last."""
    begun_at = errand.begun_at or _now
    refused: list[tuple[int, str]] = []
    take = partial(merging.merge, consent=errand.options["consent"])
    if errand.state == Errand.State.TRYING:
        take = partial(merging.rehearse)
    summary = take([row for row, _cells in batch.lines], begun_at, lambda number, why: refused.append((number, why)))
    errand.counts = dict(Counter(errand.counts) + Counter(summary.counts()))
    errand.problems = [*errand.problems, *refused][:PROBLEMS_SHOWN]
    keep_refused(errand, batch.lines, batch.names, refused)
    errand.cursor += len(batch.lines)
    errand.position = batch.position
    return len(batch.lines) < BATCH


def keep_refused(errand: Errand, lines: Lines, names: list[str], refused: list[tuple[int, str]]) -> None:
    """Add lines to the file of those that were refused; its heading is that of the file that was sent."""
    if not refused:
        return
    cells_of, kept = {row.line: cells for row, cells in lines}, RefusedLines(names)
    heading = line(kept.heading) if not errand.size else ""
    rows = (line(kept.line(cells_of[number], why)) for number, why in refused)
    errand.size = files.append(files.path_of(errand, files.REFUSED), errand.size, heading + "".join(rows))
