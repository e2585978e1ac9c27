"""Exports that are made by themselves: one each night into the folder EXPORT_URL, where the newest two are kept."""

import logging
import re
import shutil
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.utils import timezone

from newsletter.operation.backup.keeping import free, place
from newsletter.operation.backup.nightly import due_day
from newsletter.operation.models import NightlyExport
from newsletter.operation.site_export import exporting
from newsletter.operation.site_export.folder import Damaged, Reader
from newsletter.operation.site_export.former import Former

KEPT = 2
NAME = re.compile(r"export-\d{4}-\d{2}-\d{2}")
CANNOT = (OSError, DatabaseError, ImproperlyConfigured)
log = logging.getLogger(__name__)


def is_due(now: datetime) -> bool:
    day = due_day(NightlyExport, now) if settings.EXPORT_URL else None
    return day is not None and not NightlyExport.held(day, now)


def make_due(now: datetime) -> NightlyExport | None:
    """Make the export that is due, if no other process does, and remove the oldest; note why if it cannot be made."""
    day = due_day(NightlyExport, now) if settings.EXPORT_URL else None
    if day is None or not (row := NightlyExport.claim(day, now)):
        return None
    try:
        made = _make(day, now)
    except CANNOT as error:
        log.exception("no export was made")
        row.failure = str(error)
        row.save(update_fields=["failure"])
        return row
    row.made_at, row.octets, row.failure = timezone.now(), made.octets, ""
    row.save(update_fields=["made_at", "octets", "failure"])
    return row


def _make(day: date, now: datetime) -> exporting.Exported:
    """Write it beside the former ones, which stay until it is whole. Keys are never in it."""
    folder = place(settings.EXPORT_URL, "EXPORT_URL")
    if folder is None or folder.resolve().is_relative_to(settings.MEDIA_ROOT.resolve()):
        raise ImproperlyConfigured(f"EXPORT_URL must not be where everybody can read: {settings.EXPORT_URL}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"export-{day.isoformat()}"
    free(target, now)
    made = exporting.export(target, now, former=_former(folder))
    thin(folder)
    return made


def thin(folder: Path) -> None:
    """Remove the exports of ours that are older than the newest two; each loses its name before its files."""
    for path in folder.glob(".export-*.gone"):  # of a process that was killed here
        shutil.rmtree(path)
    for path in _ours(folder)[:-KEPT]:
        shutil.rmtree(path.rename(path.with_name(f".{path.name}.gone")))


def _ours(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_dir())


def _former(folder: Path) -> Former | None:
    """Return the newest export that is whole, or None."""
    for path in reversed(_ours(folder)):
        with suppress(Damaged, OSError, ValueError):
            reader = Reader.at(path)
            began = datetime.fromisoformat(str(reader.facts.get("exported_at")))
            return Former(path, reader.files, began.timestamp())
    return None
