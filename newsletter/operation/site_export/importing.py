"""Bring an export into an empty installation: an equal site. No mail is sent by it."""

from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from django.core.cache import caches
from django.db import DatabaseError, transaction
from django.db.models import Model

from newsletter.delivery.ledger import restored
from newsletter.issues import archiving
from newsletter.issues.models import Issue
from newsletter.operation.preparing import newer
from newsletter.operation.site_export import overdue, places
from newsletter.operation.site_export.filling import fill
from newsletter.operation.site_export.folder import Damaged, Reader
from newsletter.operation.site_export.progress import Line
from newsletter.operation.site_export.sheets import SHEETS
from newsletter.posts.models import Post
from newsletter.posts.search import index
from newsletter.publication.models import Publication


class Refused(Exception):
    """This export may not be brought in here. Its words say why and what to do."""


@dataclass(frozen=True)
class BroughtIn:
    """What was brought in. unsent: mails that were due there and are not sent from here.

    has_secret: whether links in letters of the old site open here, or None if its keys are not in the export.
    """

    exported_at: datetime
    counts: dict[str, int]
    pictures: int
    unsent: int
    has_secret: bool | None


def bring_in(root: Path, now: datetime, line: Line | None = None) -> BroughtIn:
    """Make an equal site of an export, in one transaction; then nothing is sent until it is decided on the desk.

    A run that was killed has changed nothing in the database, and is run again. Raises Damaged or Refused.
    """
    line = line or Line(StringIO())
    folder, say = Reader.at(root, line.count), line.say
    line.total = 2 * sum(told["bytes"] for told in folder.files.values())  # checked, then brought in
    _refuse_newer(folder)
    exported_at = _moment(folder)
    places.refuse(folder)
    say("checking")
    folder.verify()
    try:
        with transaction.atomic():
            _make_room()
            counts = fill(folder, say)
            unsent = overdue.let_go(now)
            restored.lock(exported_at, now)
            caches["pages"].clear()  # the publication, as this process knew it
            say("search")
            index.rebuild(archiving.documents())
            say("pictures")
            has_secret = places.bring_in(folder)  # last: what is committed is whole
    except DatabaseError as error:
        raise Damaged(f"the database refuses what is in it: {str(error).partition(chr(10))[0]}") from error
    pictures = len(folder.below(places.PICTURES))
    return BroughtIn(exported_at, counts, pictures, unsent, has_secret if folder.below(places.KEYS) else None)


def _moment(folder: Reader) -> datetime:
    try:
        return datetime.fromisoformat(str(folder.facts.get("exported_at")))
    except ValueError:
        raise Damaged("its manifest does not say when it was made") from None


def _refuse_newer(folder: Reader) -> None:
    """Raise Refused if the export is of a newer version of the product."""
    if name := newer(str(name) for name in folder.facts.get("migrations", [])):
        raise Refused(f"the export is of a newer version of this program, which knows {name}: update first")


def _make_room() -> None:
    """Raise Refused if there is content; remove what an installation has from its beginning."""
    content: list[type[Model]] = [Post, Issue, *(sheet.model for sheet in SHEETS if not sheet.is_begun)]
    if found := next((model for model in content if model._base_manager.exists()), None):
        what = f"it has rows of {found._meta.label}"
        raise Refused(f"this installation is not empty: {what}. Bring it into a new one, with a DATA_DIR of its own")
    for sheet in SHEETS:
        if sheet.is_begun:
            sheet.model._base_manager.all().delete()
    Publication.objects.all().delete()
