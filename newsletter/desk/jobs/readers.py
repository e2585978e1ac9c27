"""Work on many readers: what was chosen, and each step of it; of a file, first tried, which writes nothing, then done.

The lines of a file that are refused are a file that can be mended and imported: their cells as they were, with the
reason behind them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Protocol

from django.db import transaction

from newsletter.desk.jobs import files
from newsletter.desk.jobs.selection import Count, Selection
from newsletter.desk.models import Errand
from newsletter.publication import changes
from newsletter.publication.changes import Change
from subscribers import acting, exporting
from subscribers.acting import End, Ends, Occasion
from subscribers.importers import barring, csv_file, merging
from subscribers.importers.columns import Choices
from subscribers.importers.csv_file import Lines, RefusedLines
from subscribers.models import Subscriber

BATCH = 2000  # readers in one transaction: with SQLite nobody else writes for its 0.2 s
PROBLEMS_SHOWN = 10
LEFT_OUT = ""  # what the page sends for a column that is not wanted
Kind = Errand.Kind

type Act = Callable[[Collection[int], dict[str, Any], Occasion], Ends]
type Step = Callable[[datetime], bool]
type Pairs = Sequence[tuple[Numbered, list[str]]]

ACTS: dict[str, Act] = {
    Kind.TAG: lambda readers, options, occasion: acting.tag(readers, options["tag"], occasion),
    Kind.UNTAG: lambda readers, options, occasion: acting.untag(readers, options["tag"], occasion),
    Kind.PAUSE: lambda readers, options, occasion: acting.pause(
        readers, datetime.fromisoformat(options["until"]), occasion
    ),
    Kind.UNSUBSCRIBE: lambda readers, _options, occasion: acting.unsubscribe(readers, occasion),
    Kind.SUPPRESS: lambda readers, _options, occasion: acting.suppress(readers, occasion),
}


class Numbered(Protocol):
    """A row that knows its line in the file."""

    @property
    def line(self) -> int: ...


@dataclass(frozen=True)
class Batch:
    """Some rows of a file with their cells. position: bytes that were read by then; size: rows of a whole batch."""

    lines: Sequence[tuple[Any, list[str]]]
    names: list[str]
    position: int
    size: int


# --- Beginning ---


def begin(
    kind: str, selection: Selection, options: dict[str, Any], *, about: str, counted: Count, user: Any, now: datetime
) -> Errand:
    """Let a worker do something to the chosen readers."""
    with transaction.atomic():
        errand = Errand.objects.create(
            kind=kind,
            about=about[:500],
            chosen=selection.kept(),
            options=options,
            user=user,
            by=changes.current_actor().by,
            total=counted.number if counted.is_all else None,
            folder=files.make_folder(Errand) if kind == Kind.EXPORT else "",
            created_at=now,
            begun_at=now,
        )
        Change.objects.log(Change.What.ADDED, [errand], at=now)
    return errand


def prepare_import(name: str, options: dict[str, str], *, user: Any, now: datetime, kind: str = Kind.IMPORT) -> Errand:
    """Return an import that waits for its file, and for its author to say what is in it."""
    return Errand.objects.create(
        kind=kind,
        state=Errand.State.DRAFT,
        about=name[:500],
        options=options,
        user=user,
        by=changes.current_actor().by,
        folder=files.make_folder(Errand),
        created_at=now,
    )


def begin_import(errand: Errand, now: datetime) -> bool:
    """Let a worker write what was tried; False if that was begun already, or the file has had its day."""
    with transaction.atomic():
        begun = errand.has_files(now) and errand.begin(now, Errand.State.RUNNING)
        if begun:
            Change.objects.log(Change.What.ADDED, [errand], at=now)
    return begun


# --- The steps ---


def steps(errand: Errand) -> Generator[Step]:
    return _of_file(errand) if errand.kind in {Kind.IMPORT, Kind.BAR} else _each(errand)


def _each(errand: Errand) -> Generator[Step]:
    do = _export if errand.kind == Kind.EXPORT else _act
    while True:
        yield partial(do, errand, Selection.read(errand.chosen).after(errand.cursor, BATCH))


def _act(errand: Errand, readers: list[int], now: datetime) -> bool:
    occasion = Occasion(now, by=errand.by, reason=errand.options.get("reason", ""))
    if readers:
        _count(errand, ACTS[errand.kind](readers, errand.options, occasion))
    return _move_on(errand, readers)


def _export(errand: Errand, readers: list[int], _now: datetime) -> bool:
    rows = list(exporting.csv_rows(Subscriber.objects.filter(pk__in=readers)))
    files.add_rows(errand, files.READERS, exporting.HEADING, rows)
    _count(errand, Counter({End.DONE: len(rows)}))
    return _move_on(errand, readers)


def _move_on(errand: Errand, readers: list[int]) -> bool:
    errand.cursor = readers[-1] if readers else errand.cursor
    errand.position += len(readers)
    return len(readers) < BATCH


def _count(errand: Errand, ends: Ends) -> None:
    errand.counts = dict(Counter(errand.counts) + Counter({str(end): number for end, number in ends.items()}))


# --- Steps of a file ---


def choices_of(chosen: dict[str, str]) -> Choices:
    """Return what an author said of columns, by their names, as the importer takes it."""
    fields = {name: meant for name, meant in chosen.items() if meant != LEFT_OUT}
    return Choices(fields, [name for name, meant in chosen.items() if meant == LEFT_OUT])


def _of_file(errand: Errand) -> Generator[Step]:
    path, take = files.path_of(errand, files.GIVEN), _taking(errand)
    opened: AbstractContextManager[Lines[Any]]
    if errand.kind == Kind.BAR:
        opened, size = barring.opened(path), barring.BATCH
    else:
        opened = csv_file.opened(path, choices_of(errand.chosen), is_checked=errand.cursor > 0)
        size = merging.BATCH
    with opened as table:
        rows = table.rows_and_cells(skipped=errand.cursor)
        while True:
            lines = list(islice(rows, size))
            yield partial(_take, errand, take, Batch(lines, table.names, table.bytes_read(), size))


def _taking(errand: Errand) -> Callable[..., Any]:
    is_tried, options = errand.is_only_tried(), errand.options
    if errand.kind == Kind.BAR:
        return partial(barring.rehearse if is_tried else barring.bar, reason=options["reason"])
    return merging.rehearse if is_tried else partial(merging.merge, consent=options["consent"])


def _take(errand: Errand, take: Callable[..., Any], batch: Batch, now: datetime) -> bool:
    """Try or write some rows; return whether these were the last."""
    refused: list[tuple[int, str]] = []
    rows = [row for row, _cells in batch.lines]
    summary = take(rows, errand.begun_at or now, lambda number, why: refused.append((number, why)))
    errand.counts = dict(Counter(errand.counts) + Counter(summary.counts()))
    errand.problems = [*errand.problems, *refused][:PROBLEMS_SHOWN]
    _keep_refused(errand, batch.lines, batch.names, refused)
    errand.cursor += len(batch.lines)
    errand.position = batch.position
    return len(batch.lines) < batch.size


def _keep_refused(errand: Errand, lines: Pairs, names: list[str], refused: list[tuple[int, str]]) -> None:
    """Add lines to the file of those that were refused; its heading is that of the file that was sent."""
    if not refused:
        return
    cells_of, kept = {row.line: cells for row, cells in lines}, RefusedLines(names)
    rows = (exporting.line(kept.line(cells_of[number], why)) for number, why in refused)
    files.add_rows(errand, files.REFUSED, exporting.line(kept.heading), rows)
