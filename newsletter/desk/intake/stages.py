"""The stages of an import: its posts, then the links between them, then issues of the archive; each has small steps.

A step is made ready first and then committed together with the row of the import. A trial has the first stage alone.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial

from newsletter.desk.intake import files, keeping
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.issues import archiving
from newsletter.issues.archiving import Past
from newsletter.posts.importers import linking
from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.moving import Source, Step, steps
from newsletter.posts.importers.pictures import WebFinder
from newsletter.publication.models import Publication

Stage = PostImport.Stage
JSON_MAX = 64 * 1024**2  # bytes that a request, or a worker's turn, reads into memory: what a browser may send
type Commit = Callable[[datetime], None]  # in a transaction, with the row of the import that it changes


def source_of(found: PostImport) -> Source:
    """Return the importer of the file that was kept. Raises Rejected."""
    return detected(files.path_of(found), Publication.objects.current().zone, found.site, JSON_MAX)


def work(found: PostImport) -> Generator[Commit]:
    """Yield one step after the other, until there is none. Raises Rejected and NumberingError."""
    source = source_of(found)
    if found.stage == Stage.POSTS:
        yield from _posts(found, source)
    if found.stage == Stage.LINKS:
        yield from _links(found, source)
    if found.stage == Stage.ISSUES:
        yield lambda now: _make_issues(found, now)


def _posts(found: PostImport, source: Source) -> Iterator[Commit]:
    places = [WebFinder(source.site)] if found.fetches else []
    seen = set(found.entries.filter(place__lt=found.cursor).exclude(source="").values_list("source", flat=True))
    with closing(steps(source, places, seen, skipped=found.cursor)) as going:
        for step in going:
            yield partial(_take, found, step)
    yield (lambda _now: _propose_numbers(found)) if found.is_trial else (lambda _now: _enter(found, Stage.LINKS))


def _take(found: PostImport, step: Step, now: datetime) -> None:
    entry = step.entry if found.is_trial else step.write()
    keeping.keep(found, found.cursor, step, entry, now)
    found.cursor += 1


def _enter(found: PostImport, stage: PostImport.Stage) -> None:
    found.stage, found.cursor = stage, 0


def _propose_numbers(found: PostImport) -> None:
    """Give what was mailed the numbers that its issues would have; what an issue carried already gets no second one."""
    rows = {row.source: row for row in found.entries.exclude(mailed_at=None)}
    for own in archiving.in_the_archive(rows):
        rows[own].mailed_at = None
    mails = [Past(own, row.subject, row.mailed_at, row.preheader) for own, row in rows.items() if row.mailed_at]
    for one in archiving.proposed(mails, archiving.standing()):
        rows[one.source].number = one.number
    PostImportEntry.objects.bulk_update(rows.values(), ["number", "mailed_at"], batch_size=500)


def _links(found: PostImport, source: Source) -> Iterator[Commit]:
    rows = list(found.entries.exclude(post=None).values_list("source", "post_id", "keys"))
    addresses: dict[str, str] = {}
    for own, _pk, keys in rows:
        for key in keys:
            addresses.setdefault(key, own)
    pks = [pk for _own, pk, _keys in rows]
    ends = linking.ends(addresses, {own: pk for own, pk, _keys in rows})
    while found.cursor < len(pks):
        yield partial(_mend, found, source, pks[found.cursor : found.cursor + linking.AT_ONCE], ends)
    if found.as_issues:
        yield lambda _now: _enter(found, Stage.ISSUES)


def _mend(found: PostImport, source: Source, pks: list[int], ends: dict[str, str], _now: datetime) -> None:
    found.links += linking.mend_links(source, pks, ends)
    found.cursor += len(pks)


def _make_issues(found: PostImport, now: datetime) -> None:
    """Make the issues that were decided on; those of an earlier run are there already. Raises NumberingError."""
    rows = found.entries.exclude(number=None).exclude(mailed_at=None)
    mails = {
        row.source: Past(row.source, row.subject, row.mailed_at, row.preheader, row.number)
        for row in rows
        if row.mailed_at
    }
    ready, _closed = archiving.waiting(mails, now)
    found.issues += archiving.archive(ready, now)
