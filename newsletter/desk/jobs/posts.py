"""Imports of posts: store the file, convert it, dry run, then write posts, links and issues.

The conversion runs in a process of its own, outside of any transaction; every other step is committed with the row of
the import. A dry run ends after the posts.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from newsletter.desk.jobs import files
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.issues import archiving
from newsletter.issues.archiving import PREHEADER_MAX, SUBJECT_MAX, PastMail
from newsletter.mail.characters import single_line
from newsletter.moving import converter_process
from newsletter.moving.counting import COUNT_NAMES
from newsletter.moving.folder.layout import PostFile, is_folder_of_posts
from newsletter.moving.taking import linking
from newsletter.moving.taking.linking import Links
from newsletter.moving.taking.posts import PostFolder, PostStep
from newsletter.moving.taking.posts import steps as steps_of
from newsletter.moving.taking.report import MoveReport, PostReport
from newsletter.publication import changes
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

State, Stage = PostImport.State, PostImport.Stage
EXPORT_SUFFIXES = (".json", ".xml", ".csv", ".zip", ".md", ".markdown", ".mdx")
INITIAL_VALUES: dict[str, Any] = {"cursor": 0, "counts": {}, "totals": {}, "tries": 0}
CONVERTED_FOLDER = "posts"  # the folder of posts, beside the file
type Commit = Callable[[datetime], bool]  # in a transaction, with the row of the import; returns whether it is the last


def store_upload(name: str, pieces: Iterable[bytes], *, user: Any, now: datetime) -> PostImport:
    """Store an upload without reading it: a worker converts it."""
    suffix = next((one for one in EXPORT_SUFFIXES if name.lower().endswith(one)), "")
    folder, by = files.make_folder(PostImport), changes.current_actor().by
    found = PostImport(name=name[:200], folder=folder, file=f"export{suffix}", user=user, by=by, created_at=now)
    try:
        files.write_upload(found, found.file, pieces)
        found.save()
    except BaseException:
        files.remove(found)
        raise
    return found


def begin_trial(found: PostImport, now: datetime, *, site: str, fetches: bool) -> bool:
    before = [State.READY, State.TRIED, State.STOPPED, State.FAILED] if found.is_trial else []
    values = INITIAL_VALUES | {"state": State.WORKING, "stage": Stage.FOLDER, "begun_at": now, "ended_at": None}
    with transaction.atomic():
        begun = found.has_files(now) and found.move(before, site=site, fetches=fetches, error="", **values)
        if begun:
            found.entries.all().delete()
    return begun


def begin(found: PostImport, now: datetime, *, as_issues: bool) -> bool:
    """Queue the import for a worker; False unless it was tried and its file is still there."""
    values = INITIAL_VALUES | {"state": State.WORKING, "stage": Stage.POSTS, "is_trial": False, "begun_at": now}
    with transaction.atomic():
        begun = found.has_files(now) and found.move([State.TRIED], as_issues=as_issues, **values)
        if begun:
            Change.objects.log(Change.Action.ADDED, [found], at=now)
    return begun


def resume(found: PostImport, now: datetime) -> bool:
    before = [State.STOPPED, State.FAILED]
    return found.has_files(now) and found.move(before, state=State.WORKING, ended_at=None, tries=0, error="")


def steps(found: PostImport) -> Generator[Commit]:
    """Raises ConversionError, FolderError and NumberingError; JobLost if it is not this worker's any more."""
    place = files.path_of(found, CONVERTED_FOLDER)
    if found.stage == Stage.FOLDER or not is_folder_of_posts(place):
        _convert(found, place)
        yield partial(_enter_folder, found, PostFolder.at(place))
    folder = PostFolder.at(place)
    if found.stage == Stage.POSTS:
        yield from _posts(found, folder)
    if found.stage == Stage.LINKS:
        yield from _links(found, folder)
    if found.stage == Stage.ISSUES:
        yield partial(_make_issues, found)


def _convert(found: PostImport, place: Path) -> None:
    """Convert the file from the start; a partial folder of a killed worker is removed."""
    path = files.path_of(found, found.file)
    if not path.exists():
        raise FileNotFoundError(f"{found.name} does not exist any more")
    shutil.rmtree(place, ignore_errors=True)

    def progress(done: int, of: int) -> None:
        found.renew_lease(timezone.now(), cursor=done, total=of)

    zone = Publication.objects.current().zone
    converter_process.run_converter(path, place, zone=zone, site_url=found.site, fetch=found.fetches, progress=progress)


def _enter_folder(found: PostImport, folder: PostFolder, now: datetime) -> bool:
    """Begin with the posts. If an earlier folder was lost, resume links or issues."""
    found.program, found.site = folder.account.program[:40], found.site or folder.account.site[:200]
    found.total = len(folder)
    if found.stage in {Stage.FOLDER, Stage.POSTS}:
        found.stage, found.counts, found.totals = Stage.POSTS, {}, {}
    return _enter_stage(found, Stage(found.stage), now)


def _posts(found: PostImport, folder: PostFolder) -> Iterator[Commit]:
    seen = set(found.entries.filter(place__lt=found.cursor).exclude(source="").values_list("source", flat=True))
    with closing(steps_of(folder, seen, skipped=found.cursor)) as going:
        for step in going:
            yield partial(_take, found, step)
    yield partial(_propose_numbers, found) if found.is_trial else partial(_enter_stage, found, Stage.LINKS)


def _take(found: PostImport, step: PostStep, now: datetime) -> bool:
    entry = step.dry_run() if found.is_trial else step.write()
    keep_entry(found, found.cursor, step, entry, now)
    found.cursor += 1
    return False


def _enter_stage(found: PostImport, stage: PostImport.Stage, _now: datetime) -> bool:
    found.stage, found.cursor = stage, 0
    return False


def _propose_numbers(found: PostImport, _now: datetime) -> bool:
    """Propose a number for each mail; posts that an issue has carried already get none."""
    rows = {row.source: row for row in found.entries.exclude(mailed_at=None)}
    for own in archiving.archived_sources(rows):
        rows[own].mailed_at = None
    mails = [PastMail(own, row.subject, row.mailed_at, row.preheader) for own, row in rows.items() if row.mailed_at]
    for one in archiving.assign_numbers(mails, archiving.numbers_in_use()):
        rows[one.source].number = one.number
    PostImportEntry.objects.bulk_update(rows.values(), ["number", "mailed_at"], batch_size=500)
    return True


def _links(found: PostImport, folder: PostFolder) -> Iterator[Commit]:
    links = folder.links()
    while found.cursor < len(folder.names):
        yield partial(_mend, found, folder, links)
    yield partial(_enter_stage, found, Stage.ISSUES) if found.as_issues else (lambda _now: True)


def _mend(found: PostImport, folder: PostFolder, links: Links, _now: datetime) -> bool:
    names = folder.names[found.cursor : found.cursor + linking.AT_ONCE]
    found.links += links.mend(folder.readable(names))
    found.cursor += len(names)
    return False


def _make_issues(found: PostImport, now: datetime) -> bool:
    """Make the issues that have a number, unless an earlier run made them. Raises NumberingError."""
    mails = {}
    for row in found.entries.exclude(number=None):
        if row.mailed_at:
            mails[row.source] = PastMail(row.source, row.subject, row.mailed_at, row.preheader, row.number)
    ready, _closed = archiving.importable_mails(mails, now)
    found.issues += archiving.archive_mails(ready, now)
    return True


def keep_entry(found: PostImport, place: int, step: PostStep, entry: PostReport, now: datetime) -> None:
    """Save the outcome of a text, and add it to the counts of the import, which the caller saves."""
    post = step.file
    kind = ("draft" if post.date is None else "page" if post.is_unlisted else "post") if post else ""
    values = {
        "name": entry.name[:300],
        "source": post.source if post else "",
        "title": entry.title,
        "outcome": entry.outcome,
        "kind": kind,
        "post_id": entry.post_id,
        "account": entry.to_json(),
        "losses": entry.losses,
        "differs": entry.differs,
        **(_mailed(post, now) if post and found.is_trial else {}),  # the author may have corrected it since
    }
    PostImportEntry.objects.update_or_create(post_import=found, place=place, defaults=values)
    _add(found, entry, kind, len(step.illustrations))


def _mailed(post: PostFile, now: datetime) -> dict[str, Any]:
    """Fields for an issue of the archive, if the post was mailed and will be public."""
    mailed = post.mailed
    if mailed is None or post.date is None or post.date > now or mailed.at > now:
        return {"mailed_at": None}
    subject, preheader = (single_line(text).strip() for text in (mailed.subject, mailed.preheader))
    subject = subject[:SUBJECT_MAX] or post.title
    return {"mailed_at": mailed.at, "subject": subject, "preheader": preheader[:PREHEADER_MAX]}


def _add(found: PostImport, entry: PostReport, kind: str, pictures: int) -> None:
    counts = Counter(found.counts)
    counts.update(
        {entry.outcome: 1, "losses": entry.losses, "unnamed": len(entry.unexplained_losses), "pictures": pictures}
    )
    counts.update({"differ": 1} if entry.differs else {})
    counts.update({f"{kind}s": 1} if kind else {})
    found.counts = dict(counts)
    for name in COUNT_NAMES:
        before, after = found.totals.get(name, (0, 0))
        found.totals[name] = [before + entry.before.get(name, 0), after + entry.after.get(name, 0)]


def entry_of(row: PostImportEntry) -> PostReport:
    return PostReport.from_json(row.name, row.outcome, row.title, row.post_id, row.account)


def account_of(found: PostImport) -> MoveReport:
    entries = [entry_of(row) for row in found.entries.iterator(500)]
    return MoveReport(found.program, found.is_trial, entries, links=found.links, issues=found.issues)
