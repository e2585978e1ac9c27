"""Backups that are made by themselves: into the folder BACKUP_URL, thinned, and each month one of them is tried."""

import logging
import socket
import tempfile
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.delivery.author.author_mail import who_may_send
from newsletter.mail import headers, letters
from newsletter.mail.message import Mail, automatic
from newsletter.operation.backup import contents, drill, making, nights
from newsletter.operation.backup.archive import Damaged
from newsletter.operation.backup.dumps import Unusable
from newsletter.operation.backup.restoring import Refused
from newsletter.operation.backup.sealing import Sealed
from newsletter.operation.models import Nightly, NightlyBackup
from newsletter.publication.models import Publication

log = logging.getLogger(__name__)
CANNOT = (OSError, Damaged, drill.Failed, Refused, Sealed, Unusable)


def place(url: str, name: str = "BACKUP_URL") -> Path | None:
    """Return the folder that a setting names, as a path or file://, or None if it is empty.

    Raises ImproperlyConfigured for any other address: what is no folder here is mounted as one.
    """
    if not url:
        return None
    parts = urlsplit(url)
    path = Path(parts.path)
    if parts.scheme not in {"", "file"} or parts.netloc or not path.is_absolute():
        raise ImproperlyConfigured(f"{name} must be a folder, as an absolute path, got {url!r}")
    return path


def is_due(now: datetime) -> bool:
    day = due_day(NightlyBackup, now) if settings.BACKUP_URL else None
    return day is not None and not NightlyBackup.held(day, now)


def make_due(now: datetime) -> NightlyBackup | None:
    """Make the backup that is due, if no other process does; thin out older ones; try it if none was this month."""
    folder, day = place(settings.BACKUP_URL), due_day(NightlyBackup, now)
    if folder is None or day is None or not (row := NightlyBackup.claim(day, now)):
        return None
    try:
        made = making.make(free(folder / nights.name(day, is_encrypted=bool(settings.BACKUP_AGE_KEY)), now), now)
    except CANNOT as error:
        log.exception("no backup was made")
        row.failure = str(error)
        row.save(update_fields=["failure"])
        _tell_author(_("The nightly backup was not made"), row.failure, now)
        return row
    row.made_at, row.octets, row.failure = timezone.now(), made.octets, ""
    row.save(update_fields=["made_at", "octets", "failure"])
    thin(folder)
    if not NightlyBackup.objects.filter(tried_at__year=day.year, tried_at__month=day.month).exists():
        _try_out(row, made, now)
    return row


def keep_departures() -> None:
    """Copy who has left since the last backup beside it: a machine that burns takes its own file with it."""
    folder, source = place(settings.BACKUP_URL), settings.DATA_DIR / "departures"
    if folder is None or not source.exists():
        return
    copy = folder / f"departures-{socket.gethostname()}"
    if not copy.exists() or copy.stat().st_size != source.stat().st_size:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents.join(copy, source.read_bytes())  # never replaced: a machine that is new knows less


def thin(folder: Path) -> list[Path]:
    """Remove backups of ours that are not among the newest of the last days, weeks and months; return which."""
    found = {day: path for path in folder.iterdir() if (day := nights.day_of(path.name))}
    gone = [found[day] for day in sorted(nights.superfluous(found))]
    for path in gone:
        path.unlink()
    return gone


def due_day(work: type[Nightly], now: datetime) -> date | None:
    """Return the day whose backup, or export, is to be made now, or None."""
    local = timezone.localtime(now, Publication.objects.current().zone)
    return nights.due(local, work._default_manager.exclude(made_at=None).values_list("day", flat=True))


def free(path: Path, now: datetime) -> Path:
    """Give another name to what our database does not know of this day, and never thin it.

    It may be the last one of a machine that burnt, whose folder a new installation was given.
    """
    with suppress(FileNotFoundError):
        path.rename(path.with_name(f"found-{now:%H%M%S}-{path.name}"))
    return path


def _try_out(row: NightlyBackup, made: making.Made, now: datetime) -> None:
    """Load it beside the product. In the place of an encrypted one, whose key is elsewhere, a plain twin is tried."""
    try:
        tried = _trial(made, now)
    except CANNOT as error:
        log.exception("the backup would not bring the newsletter back")
        row.trial = str(error)
        subject, line = _("The backup would not bring the newsletter back"), row.trial
    else:
        row.trial = ""
        facts = {"rows": f"{tried.rows:,}", "files": f"{tried.files:,}", "seconds": f"{tried.seconds:.0f}"}
        subject = _("The backup was tried, and works")
        line = _("%(rows)s rows and %(files)s files were brought back beside the newsletter in %(seconds)s s.") % facts
    row.tried_at = timezone.now()
    row.save(update_fields=["tried_at", "trial"])
    _tell_author(subject, line, now)


def _trial(made: making.Made, now: datetime) -> drill.Tried:
    if not settings.BACKUP_AGE_KEY:
        return drill.try_out(made.path)
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=settings.DATA_DIR) as folder:
        return drill.try_out(making.make(Path(folder) / "twin.tar", now, key="").path)


def _tell_author(subject: str, line: str, now: datetime) -> None:
    if addresses := who_may_send():
        mail.mailers["default"].send_messages([message(subject, line, addresses, now)])


def message(subject: str, line: str, addresses: list[str], now: datetime) -> Mail:
    """Build the mail about a backup, in the publication's language."""
    publication = Publication.objects.current()
    context = {"publication": publication, "line": line, "title": subject}
    with translation.override(publication.language):
        letter = letters.render("backup", subject, context, base_url=settings.SITE_URL)
    message_id = headers.message_id("backup", int(now.timestamp()), domain=publication.sender_email.rpartition("@")[2])
    return automatic(letter, sender=publication.sender, addresses=addresses, message_id=message_id)
