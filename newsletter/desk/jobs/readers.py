"""Jobs on many readers: selected ones, or those of a file, which gets a dry run first."""

from collections import Counter
from collections.abc import Callable, Collection, Generator
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from newsletter.desk.jobs import files
from newsletter.desk.jobs.selection import Selection
from newsletter.desk.models import Errand
from newsletter.publication import changes
from newsletter.publication.changes import Change
from subscribers import author_actions, exporting
from subscribers.author_actions import ActionContext, ReaderActionResult, ResultCounts
from subscribers.importers import csv_file, merging, suppressions
from subscribers.importers.csv_file import Chunk, Table, WriteRows, chunks
from subscribers.models import Subscriber

BATCH_READERS = 2000  # readers in one transaction: with SQLite nobody else writes for its 0.2 s
PROBLEMS_SHOWN = 10
Kind = Errand.Kind

type BulkAction = Callable[[Collection[int], dict[str, Any], ActionContext], ResultCounts]
type Step = Callable[[datetime], bool]

BULK_ACTIONS: dict[str, BulkAction] = {
    Kind.TAG: lambda readers, options, context: author_actions.tag(readers, options["tag"], context),
    Kind.UNTAG: lambda readers, options, context: author_actions.untag(readers, options["tag"], context),
    Kind.PAUSE: lambda readers, options, context: author_actions.pause(
        readers, datetime.fromisoformat(options["until"]), context
    ),
    Kind.UNSUBSCRIBE: lambda readers, _options, context: author_actions.unsubscribe(readers, context),
    Kind.SUPPRESS: lambda readers, _options, context: author_actions.suppress(readers, context),
}


def begin(
    kind: str, selection: Selection, options: dict[str, Any], *, about: str, count: int, user: Any, now: datetime
) -> Errand:
    folder = files.make_folder(Errand) if kind == Kind.EXPORT else ""
    with transaction.atomic():
        values = {"chosen": selection.to_json(), "total": count, "folder": folder, "begun_at": now}
        errand = _create(kind, about, options, user, now, **values)
        Change.objects.log(Change.Action.ADDED, [errand], at=now)
    return errand


def prepare_import(name: str, options: dict[str, str], *, user: Any, now: datetime, kind: str = Kind.IMPORT) -> Errand:
    return _create(kind, name, options, user, now, state=Errand.State.DRAFT, folder=files.make_folder(Errand))


def _create(kind: str, about: str, options: dict[str, Any], user: Any, now: datetime, **values: Any) -> Errand:
    own = {"kind": kind, "about": about[:500], "options": options, "user": user, "created_at": now}
    return Errand.objects.create(by=changes.current_actor().by, **own, **values)


def begin_import(errand: Errand, now: datetime) -> bool:
    """Queue the import for a worker; False if it was begun already or its file was deleted."""
    with transaction.atomic():
        begun = errand.has_files(now) and errand.begin(now, Errand.State.RUNNING)
        if begun:
            Change.objects.log(Change.Action.ADDED, [errand], at=now)
    return begun


def steps(errand: Errand) -> Generator[Step]:
    return _steps_of_file(errand) if errand.kind in {Kind.IMPORT, Kind.BAR} else _steps_of_readers(errand)


def _steps_of_readers(errand: Errand) -> Generator[Step]:
    do = _export if errand.kind == Kind.EXPORT else _act
    while True:
        yield partial(do, errand, Selection.from_json(errand.chosen).after(errand.cursor, BATCH_READERS))


def _act(errand: Errand, readers: list[int], now: datetime) -> bool:
    context = ActionContext(now, by=errand.by, reason=errand.options.get("reason", ""))
    if readers:
        _count(errand, BULK_ACTIONS[errand.kind](readers, errand.options, context))
    return _advance(errand, readers)


def _export(errand: Errand, readers: list[int], _now: datetime) -> bool:
    rows = list(exporting.csv_body_lines(Subscriber.objects.filter(pk__in=readers)))
    files.add_rows(errand, files.READERS_FILE, exporting.HEADER_LINE, rows)
    _count(errand, Counter({ReaderActionResult.DONE: len(rows)}))
    return _advance(errand, readers)


def _advance(errand: Errand, readers: list[int]) -> bool:
    errand.cursor = readers[-1] if readers else errand.cursor
    errand.position += len(readers)
    return len(readers) < BATCH_READERS


def _count(errand: Errand, results: ResultCounts) -> None:
    errand.counts = dict(Counter(errand.counts) + Counter({str(result): number for result, number in results.items()}))


def _steps_of_file(errand: Errand) -> Generator[Step]:
    path, reason = files.path_of(errand, files.UPLOADED_FILE), errand.options.get("reason", "")
    with csv_file.open_table(path, errand.chosen, reason=reason, skip_check=errand.cursor > 0) as table:
        write: WriteRows = partial(suppressions.suppress, dry_run=errand.is_only_tried())
        if errand.kind == Kind.IMPORT:
            write = partial(merging.merge, consent=errand.options["consent"], dry_run=errand.is_only_tried())
        for write_chunk in chunks(table, write, skipped=errand.cursor):
            yield partial(_write_rows, errand, table, write_chunk)


def _write_rows(errand: Errand, table: Table, write_chunk: Callable[[datetime], Chunk], now: datetime) -> bool:
    """Try or write some rows; return whether these were the last."""
    chunk = write_chunk(errand.begun_at or now)
    errand.counts = dict(Counter(errand.counts) + chunk.counts)
    errand.problems = [*errand.problems, *chunk.problems][:PROBLEMS_SHOWN]
    if chunk.refused:
        files.add_rows(errand, files.REFUSED_FILE, table.refused_heading(), chunk.refused)
    errand.cursor += chunk.rows
    errand.position = chunk.position
    return chunk.is_last
