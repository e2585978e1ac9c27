"""Posts that come in by a file: kept in private, tried, then written post by post, then their links, then issues.

A step is made ready first and then committed together with the row of the import. A trial has the first stage alone.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from newsletter.desk.jobs import files
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.issues import archiving
from newsletter.issues.archiving import PREHEADER_MAX, SUBJECT_MAX, Past
from newsletter.mail.characters import single_line
from newsletter.posts.importers import linking
from newsletter.posts.importers.account import Account, Entry
from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.html.counts import THINGS
from newsletter.posts.importers.imported import ImportedPost, Rejected, Spool
from newsletter.posts.importers.moving import Source, Step
from newsletter.posts.importers.moving import steps as steps_of
from newsletter.posts.importers.pictures import WebFinder
from newsletter.publication import changes
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

State, Stage = PostImport.State, PostImport.Stage
SUFFIXES = (".json", ".xml", ".csv", ".zip", ".md", ".markdown", ".mdx")
ANEW: dict[str, Any] = {"stage": Stage.POSTS, "cursor": 0, "counts": {}, "totals": {}, "tries": 0}
JSON_MAX = 64 * 1024**2  # bytes that a request, or a worker's turn, reads into memory: what a browser may send
type Commit = Callable[[datetime], bool]  # in a transaction, with the row of the import; returns whether it is the last


# --- What the author lets it do ---


def take_in(name: str, pieces: Iterable[bytes], *, user: Any, now: datetime) -> PostImport:
    """Keep a file and return its import, which says what the file is. Raises Rejected, and then keeps nothing."""
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), "")
    found = PostImport(
        name=name[:200],
        folder=files.make_folder(PostImport),
        file=f"export{suffix}",
        user=user,
        by=changes.current_actor().by,
        created_at=now,
    )
    try:
        files.keep(found, found.file, pieces)
        _recognise(found)
    except BaseException:
        files.remove(found)
        raise
    found.save()
    return found


def _recognise(found: PostImport) -> None:
    source = source_of(found)
    found.program, found.site = source.name, source.site[:200]
    found.total = sum(1 for _text in source.articles())
    if not found.total:
        raise Rejected("there is no post in it")


def begin_trial(found: PostImport, now: datetime, *, site: str, fetches: bool) -> bool:
    before = [State.READY, State.TRIED, State.STOPPED, State.FAILED] if found.is_trial else []
    values = ANEW | {"state": State.WORKING, "begun_at": now, "ended_at": None, "site": site, "fetches": fetches}
    with transaction.atomic():
        begun = found.has_files(now) and found.move(before, **values)
        if begun:
            found.entries.all().delete()
    return begun


def begin(found: PostImport, now: datetime, *, as_issues: bool) -> bool:
    """Let a worker write what was tried; return whether it could."""
    values = ANEW | {"state": State.WORKING, "is_trial": False, "begun_at": now, "as_issues": as_issues}
    with transaction.atomic():
        begun = found.has_files(now) and found.move([State.TRIED], **values)
        if begun:
            Change.objects.log(Change.What.ADDED, [found], at=now)
    return begun


def go_on(found: PostImport, now: datetime) -> bool:
    """Let it go on where it stood."""
    before = [State.STOPPED, State.FAILED]
    return found.has_files(now) and found.move(before, state=State.WORKING, ended_at=None, tries=0, error="")


# --- The steps ---


def source_of(found: PostImport) -> Source:
    """Return the importer of the file that was kept. Raises Rejected."""
    return detected(files.path_of(found, found.file), Publication.objects.current().zone, found.site, JSON_MAX)


def steps(found: PostImport) -> Generator[Commit]:
    """Yield one step after the other; each returns whether it was the last. Raises Rejected and NumberingError."""
    source = source_of(found)
    if found.stage == Stage.POSTS:
        yield from _posts(found, source)
    if found.stage == Stage.LINKS:
        yield from _links(found, source)
    if found.stage == Stage.ISSUES:
        yield partial(_make_issues, found)


def _posts(found: PostImport, source: Source) -> Iterator[Commit]:
    places = [WebFinder(source.site)] if found.fetches else []
    seen = set(found.entries.filter(place__lt=found.cursor).exclude(source="").values_list("source", flat=True))
    with closing(steps_of(source, places, seen, skipped=found.cursor)) as going:
        for step in going:
            yield partial(_take, found, step)
    yield partial(_propose_numbers, found) if found.is_trial else partial(_enter, found, Stage.LINKS)


def _take(found: PostImport, step: Step, now: datetime) -> bool:
    entry = step.entry if found.is_trial else step.write()
    keep_entry(found, found.cursor, step, entry, now)
    found.cursor += 1
    return False


def _enter(found: PostImport, stage: PostImport.Stage, _now: datetime) -> bool:
    found.stage, found.cursor = stage, 0
    return False


def _propose_numbers(found: PostImport, _now: datetime) -> bool:
    """Give what was mailed the numbers that its issues would have; what an issue carried already gets no second one."""
    rows = {row.source: row for row in found.entries.exclude(mailed_at=None)}
    for own in archiving.in_the_archive(rows):
        rows[own].mailed_at = None
    mails = [Past(own, row.subject, row.mailed_at, row.preheader) for own, row in rows.items() if row.mailed_at]
    for one in archiving.proposed(mails, archiving.standing()):
        rows[one.source].number = one.number
    PostImportEntry.objects.bulk_update(rows.values(), ["number", "mailed_at"], batch_size=500)
    return True


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
    yield partial(_enter, found, Stage.ISSUES) if found.as_issues else (lambda _now: True)


def _mend(found: PostImport, source: Source, pks: list[int], ends: dict[str, str], _now: datetime) -> bool:
    found.links += linking.mend_links(source, pks, ends)
    found.cursor += len(pks)
    return False


def _make_issues(found: PostImport, now: datetime) -> bool:
    """Make the issues that were decided on; those of an earlier run are there already. Raises NumberingError."""
    rows = found.entries.exclude(number=None).exclude(mailed_at=None)
    mails = {
        row.source: Past(row.source, row.subject, row.mailed_at, row.preheader, row.number)
        for row in rows
        if row.mailed_at
    }
    ready, _closed = archiving.waiting(mails, now)
    found.issues += archiving.archive(ready, now)
    return True


# --- What is kept of each text ---


def keep_entry(found: PostImport, place: int, step: Step, entry: Entry, now: datetime) -> None:
    """Write the line of a text, and add it to the sums in the row of the import. The caller saves the row."""
    post = step.imported
    kind = kind_of(post) if post else ""
    values = {
        "name": entry.name[:300],
        "source": post.source if post else "",
        "title": entry.title,
        "outcome": entry.outcome,
        "kind": kind,
        "post_id": entry.pk,
        "account": entry.kept(),
        "losses": entry.losses,
        "differs": entry.differs,
        "keys": list(step.keys),
        **(_mailed(post, now) if post and found.is_trial else {}),  # later it is what the author has corrected
    }
    PostImportEntry.objects.update_or_create(post_import=found, place=place, defaults=values)
    _add(found, entry, kind, len(step.ready.looked.placing.placed) if step.ready else 0)


def kind_of(post: ImportedPost) -> str:
    if post.published_at is None:
        return "draft"
    return "page" if post.is_unlisted else "post"


def _mailed(post: ImportedPost, now: datetime) -> dict[str, Any]:
    """Return what an issue would be made of, if the post was mailed and will be public."""
    mailed = post.mailed
    if mailed is None or post.published_at is None or post.published_at > now or mailed.at > now:
        return {"mailed_at": None}
    subject = single_line(mailed.subject).strip()[:SUBJECT_MAX]
    return {
        "mailed_at": mailed.at,
        "subject": subject or post.title,
        "preheader": single_line(mailed.preheader).strip()[:PREHEADER_MAX],
    }


def _add(found: PostImport, entry: Entry, kind: str, pictures: int) -> None:
    counts = Counter(found.counts)
    counts.update({entry.outcome: 1, "losses": entry.losses, "unnamed": len(entry.unnamed), "pictures": pictures})
    counts.update({"differ": 1} if entry.differs else {})
    counts.update({f"{kind}s": 1} if kind else {})
    found.counts = dict(counts)
    for name in THINGS:
        before, after = found.totals.get(name, (0, 0))
        found.totals[name] = [before + entry.before.get(name, 0), after + entry.after.get(name, 0)]


def entry_of(row: PostImportEntry) -> Entry:
    return Entry.of(row.name, row.outcome, row.title, row.post_id, row.account)


def account_of(found: PostImport) -> Account:
    entries: Iterator[PostImportEntry] = found.entries.iterator(500)
    return Account(
        found.program,
        found.is_trial,
        Spool(entry_of(row) for row in entries),
        links=found.links,
        issues=found.issues,
    )
