"""Questions of the doctor about this machine: its folders, its disk, its clock, and the files of the product."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from newsletter.buckets import is_bucket
from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Card, FontUnusable
from newsletter.publication.pictures.storages import media

FREE_BYTES = 500 * 1024**2
LAST_BYTES = 50 * 1024**2  # less is an error: the database may stop within hours
READY_BYTES = 1024**2  # without so much /readyz says that the disk is full
FULL = {errno.ENOSPC, errno.EDQUOT}
CLOCK = timedelta(seconds=5)
PROBE = "doctor/probe.txt"


def readiness() -> dict[str, str]:
    """Return "ok", "read-only" or "full" for DATA_DIR, without writing: it is asked every half minute."""
    try:
        disk = os.statvfs(settings.DATA_DIR)
    except OSError as error:
        return {"data_dir": type(error).__name__}
    if disk.f_flag & os.ST_RDONLY or not os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        return {"data_dir": "read-only"}
    return {"data_dir": "full" if disk.f_bavail * disk.f_frsize < READY_BYTES else "ok"}


def disk(now: datetime) -> Iterator[Finding]:
    """Look at the folder that everything else needs, by writing into it."""
    folder: Path = settings.DATA_DIR
    if (error := write_error(folder)) is not None:
        yield _unusable("data_dir", folder, error)
    elif (free := shutil.disk_usage(folder).free) < FREE_BYTES:
        message = _("Only %(free)d MB are free for %(folder)s.") % {"free": free >> 20, "folder": folder}
        level = ERROR if free < LAST_BYTES else WARNING
        yield Finding(level, "data_dir.space", message, _("Make room; without any, the database stops."))


def folders(now: datetime) -> Iterator[Finding]:
    """Write into each folder that may lie on another disk, or belong to another user, than DATA_DIR."""
    for name, folder in _folders().items():
        if (error := write_error(folder)) is not None:
            yield _unusable(name, folder, error)


def _folders() -> dict[str, Path]:
    known = {"locks": settings.LOCK_DIR}
    if not media.is_remote:
        known["media"] = Path(settings.MEDIA_ROOT)
    if not settings.MAIL_URL:
        known["outbox"] = settings.OUTBOX_DIR
    if settings.BACKUP_URL and not is_bucket(settings.BACKUP_URL):
        known["backups"] = Path(settings.BACKUP_URL)
    return known


def bucket_of_pictures(now: datetime) -> Iterator[Finding]:
    """Write, read and remove a small object, if the pictures lie in a bucket."""
    if not media.is_remote:
        return
    try:
        media.put(PROBE, BytesIO(b"written by doctor"))
        media.read(PROBE)
        media.delete(PROBE)
    except (OSError, ImproperlyConfigured) as error:
        message = _("The bucket of the pictures does not answer, or refuses us: %s.") % str(error).rstrip(".")
        hint = _(
            "Look at MEDIA_STORAGE_URL: key, secret, host, bucket and region; it must read, write, list and remove."
        )
        yield Finding(ERROR, "media.away", message, hint)


def write_error(folder: Path) -> OSError | None:
    """Return what keeps this process from writing a file there. A folder that is made when it is needed is none yet."""
    while not folder.exists() and folder not in {settings.DATA_DIR, folder.parent}:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(4096))
    except OSError as error:
        return error
    return None


def _unusable(name: str, folder: Path, error: OSError) -> Finding:
    if error.errno in FULL:
        message = _("The disk of %s is full.") % folder
        return Finding(ERROR, f"{name}.full", message, _("Make room; without any, the database stops."))
    message = _("%(folder)s cannot be written to: %(why)s.") % {"folder": folder, "why": error.strerror or error}
    hint = _("Give the folder to the user that runs the newsletter.")
    return Finding(ERROR, f"{name}.read_only", message, hint)


def journal(now: datetime) -> Iterator[Finding]:
    if connection.vendor != "sqlite" or (mode := _one_value("PRAGMA journal_mode")) in {"wal", "memory"}:
        return
    message = _("SQLite keeps its journal as “%s” instead of WAL: pages wait while mail is sent.") % mode
    yield Finding(WARNING, "database.wal", message, _("Keep DATA_DIR on a local disk, not on a network one."))


def _one_value(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


def clock(now: datetime) -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        return  # SQLite has no clock of its own
    there = Publication.objects.values_list(Now(), flat=True).first() or now
    here = datetime.now(UTC)
    if abs(there - here) > CLOCK:
        message = _("The clocks of this machine and of the database differ: %(here)s and %(there)s.")
        times = {"here": f"{here:%H:%M:%S}", "there": f"{there:%H:%M:%S}"}
        yield Finding(WARNING, "clock.differs", message % times, _("Let both machines follow a time server."))


def static_files(now: datetime) -> Iterator[Finding]:
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        hint = _("Run manage.py collectstatic; manage.py up does it by itself.")
        yield Finding(ERROR, "static.missing", _("The style sheets have not been collected."), hint)


def card_font(now: datetime) -> Iterator[Finding]:
    try:
        Card("題", name="", detail="", accent="#000000").png()
    except FontUnusable as error:
        message = _("The font of the pictures beside links cannot be read: %s.") % error
        hint = _("Install the newsletter's files again; other sites show no picture for your pages until then.")
        yield Finding(ERROR, "cards.font", message, hint)
