"""Reads a file of readers in batches, for the desk and the commands."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from subscribers.importers.csv_file import Table
from subscribers.importers.merging import Rejected
from subscribers.importers.rows import InvalidRow, ReaderRow

BATCH_SIZE = 1000  # rows in one transaction: with SQLite nobody else writes meanwhile

type Write = Callable[[Collection[ReaderRow | InvalidRow], datetime, Rejected], Counter[str]]


@dataclass(frozen=True)
class Chunk:
    """The result of a batch. problems: refused lines with reasons; refused: the same as CSV.

    position: bytes of the file read so far.
    """

    rows: int
    counts: Counter[str]
    problems: list[tuple[int, str]]
    refused: list[str]
    position: int
    is_last: bool


def chunks(table: Table, write: Write, *, skipped: int = 0) -> Iterator[Callable[[datetime], Chunk]]:
    """Yield a function that writes the next batch. skipped: rows written by an earlier run."""
    rows = table.rows_and_cells(skipped)
    is_last = False
    while not is_last:
        some = list(islice(rows, BATCH_SIZE))
        is_last = len(some) < BATCH_SIZE
        yield partial(_written, table, write, some, is_last)


def _written(
    table: Table, write: Write, rows: list[tuple[ReaderRow | InvalidRow, list[str]]], is_last: bool, now: datetime
) -> Chunk:
    problems: list[tuple[int, str]] = []
    counts = write([row for row, _cells in rows], now, lambda line, why: problems.append((line, why)))
    cells_of = {row.line: cells for row, cells in rows} if problems else {}
    refused = [table.refused_line(cells_of[line], why) for line, why in problems]
    return Chunk(len(rows), counts, problems, refused, table.bytes_read(), is_last)
