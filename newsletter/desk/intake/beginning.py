"""What an author lets an import do: be kept, be tried, be written, stop, and go on."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from newsletter.desk.intake import files
from newsletter.desk.models import PostImport
from newsletter.posts.importers.imported import Rejected
from newsletter.publication import changes
from newsletter.publication.changes import Change

State, Stage = PostImport.State, PostImport.Stage
SUFFIXES = (".json", ".xml", ".csv", ".zip", ".md", ".markdown", ".mdx")
ANEW: dict[str, Any] = {"stage": Stage.POSTS, "cursor": 0, "counts": {}, "totals": {}, "kept": 0, "tries": 0}


def take_in(name: str, pieces: Iterable[bytes], *, user: Any, now: datetime) -> PostImport:
    """Keep a file and return its import, which says what the file is. Raises Rejected, and then keeps nothing."""
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), "")
    found = PostImport(
        name=name[:200],
        folder=files.make_folder(),
        file=f"export{suffix}",
        user=user,
        by=changes.current_actor().by,
        created_at=now,
    )
    try:
        files.keep(found.folder, found.file, pieces)
        _recognise(found)
    except BaseException:
        files.remove(found.folder)
        raise
    found.save()
    return found


def _recognise(found: PostImport) -> None:
    # All importers: 40 ms and 5 MB of each process, of which hardly any takes in posts.
    from newsletter.desk.intake import stages  # noqa: PLC0415 - as above

    source = stages.source_of(found)
    found.program, found.site = source.name, source.site[:200]
    found.total = sum(1 for _text in source.articles())
    if not found.total:
        raise Rejected("there is no post in it")


def begin_trial(found: PostImport, now: datetime, *, site: str, fetches: bool) -> bool:
    """Let a worker try it, from the start; return whether it could."""
    before = [State.READY, State.TRIED, State.STOPPED, State.FAILED] if found.is_trial else []
    values = ANEW | {"state": State.WORKING, "begun_at": now, "ended_at": None, "site": site, "fetches": fetches}
    with transaction.atomic():
        begun = found.has_file(now) and found.move(before, **values)
        if begun:
            found.entries.all().delete()
    return begun


def begin(found: PostImport, now: datetime, *, as_issues: bool) -> bool:
    """Let a worker write what was tried; return whether it could."""
    values = ANEW | {"state": State.WORKING, "is_trial": False, "begun_at": now, "as_issues": as_issues}
    with transaction.atomic():
        begun = found.has_file(now) and found.move([State.TRIED], **values)
        if begun:
            Change.objects.log(Change.What.ADDED, [found], at=now)
    return begun


def stop(found: PostImport, now: datetime) -> bool:
    """End it before its next text; what was written stays."""
    return found.move([State.WORKING], state=State.STOPPED, ended_at=now, lease_until=None, worker="")


def go_on(found: PostImport, now: datetime) -> bool:
    """Let it go on where it stood."""
    before = [State.STOPPED, State.FAILED]
    return found.has_file(now) and found.move(before, state=State.WORKING, ended_at=None, tries=0, error="")
