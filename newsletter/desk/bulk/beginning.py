"""Begin an errand: the row that a worker finds, and the line that the record of the desk keeps of it."""

from datetime import datetime
from typing import Any

from django.db import transaction

from newsletter.desk.bulk import files
from newsletter.desk.bulk.selection import Count, Selection
from newsletter.desk.models import Errand
from newsletter.publication import changes
from newsletter.publication.changes import Change


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
            folder=files.make_folder() if kind == Errand.Kind.EXPORT else "",
            created_at=now,
            begun_at=now,
        )
        Change.objects.log(Change.What.ADDED, [errand], at=now)
    return errand


def prepare_import(
    name: str, options: dict[str, str], *, user: Any, now: datetime, kind: str = Errand.Kind.IMPORT
) -> Errand:
    """Return an import that waits for its file, and for its author to say what is in it."""
    return Errand.objects.create(
        kind=kind,
        state=Errand.State.DRAFT,
        about=name[:500],
        options=options,
        user=user,
        by=changes.current_actor().by,
        folder=files.make_folder(),
        created_at=now,
    )


def begin_import(errand: Errand, now: datetime) -> bool:
    """Let a worker write what was tried; False if that was begun already, or the file has had its day."""
    with transaction.atomic():
        begun = errand.has_files(now) and errand.begin(now, Errand.State.RUNNING)
        if begun:
            Change.objects.log(Change.What.ADDED, [errand], at=now)
    return begun
