"""Nightly backups to BACKUP_URL: made, thinned out, and one a month tested."""

import logging
import re
import socket
from collections.abc import Callable, Iterable
from datetime import date, datetime, time

from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.delivery.author.alerts import recipient_addresses
from newsletter.mail.mailers import mailer_errors
from newsletter.mail.message import Mail
from newsletter.operation.backup import databases, making, restoring
from newsletter.operation.backup.restoring import BACKUP_ERRORS
from newsletter.operation.backup.stores import DEPARTURES_PREFIX, BackupStore, backup_store
from newsletter.operation.liveness import build_author_mail
from newsletter.operation.models import NightlyBackup
from newsletter.publication.models import Publication

BACKUP_TIME = time(3, 30)  # in the publication's zone, when it is quiet
FILE_NAME_PATTERN = re.compile(r"newsletter-(\d{4}-\d{2}-\d{2})\.tar(\.age)?")
REASON_LENGTH_MAX = 500
DAYS_KEPT, WEEKS_KEPT, MONTHS_KEPT = 7, 5, 12


def file_name(day: date, *, is_encrypted: bool) -> str:
    return f"newsletter-{day.isoformat()}.tar" + (".age" if is_encrypted else "")


def backup_day(name: str) -> date | None:
    """The day in the name of a backup, None for other files."""
    found = FILE_NAME_PATTERN.fullmatch(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def due_on(now: datetime, days: Iterable[date]) -> date | None:
    """The day whose backup is due, or None; the first one is due at once. now: in the publication's zone.

    days: that have a backup.
    """
    made = set(days)
    return now.date() if now.date() not in made and (not made or now.time() >= BACKUP_TIME) else None


def days_to_remove(days: Iterable[date]) -> set[date]:
    """Days whose backups may be removed: all but the newest of the last 7 days, 5 weeks and 12 months.

    Only days with a backup count: a machine that was off for a year keeps what it has.
    """
    newest_first = sorted(set(days), reverse=True)
    periods: list[tuple[int, Callable[[date], object]]] = [
        (DAYS_KEPT, lambda day: day),
        (WEEKS_KEPT, lambda day: day.isocalendar()[:2]),
        (MONTHS_KEPT, lambda day: (day.year, day.month)),
    ]
    kept: set[date] = set()
    for number, period in periods:
        first: dict[object, date] = {}
        for day in newest_first:
            first.setdefault(period(day), day)
        kept |= set(list(first.values())[:number])
    return set(newest_first) - kept


log = logging.getLogger(__name__)


def is_backup_due(now: datetime) -> bool:
    day = due_day(now) if settings.BACKUP_URL else None
    return day is not None and not NightlyBackup.held(day, now)


def make_due_backup(now: datetime) -> NightlyBackup | None:
    """Make the due backup unless another process does; remove old ones; test it if none was tested this month.

    Whatever fails is on the row, and mailed.
    """
    day = due_day(now) if settings.BACKUP_URL else None
    if day is None or not (row := NightlyBackup.claim(day, now)):
        return None
    name = file_name(day, is_encrypted=bool(settings.BACKUP_AGE_KEY))
    try:
        store = backup_store(settings.BACKUP_URL)
        _make_backup(row, store, name, now)
    except Exception as error:  # whatever it is: nobody looks for a backup before the day it is needed
        log.exception("no backup was made")
        _report_failure(row, error, now)
        return row
    if not NightlyBackup.objects.filter(tried_at__year=day.year, tried_at__month=day.month).exists():
        _test_backup(row, store, name, now)
    return row


def _make_backup(row: NightlyBackup, store: BackupStore, name: str, now: datetime) -> None:
    with store.writing(name, now) as path:
        made = making.make_backup(path, now)
    row.made_at, row.octets, row.failure = timezone.now(), made.size, ""
    row.save(update_fields=["made_at", "octets", "failure"])
    try:
        remove_old_backups(store)
    except OSError as error:
        log.warning("old backups were not removed: %s", error)
        row.failure = _reason(error)
        row.save(update_fields=["failure"])


def _report_failure(row: NightlyBackup, error: Exception, now: datetime) -> None:
    row.failure = _reason(error)
    try:
        row.save(update_fields=["failure"])
    finally:  # a full disk may take no row
        _mail_author(_("The nightly backup was not made"), row.failure, now)


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, BACKUP_ERRORS) else f"{type(error).__name__}: {error}"
    return text[:REASON_LENGTH_MAX]


def store_departures() -> None:
    """Copy the departures file beside the backups: it would be lost with the machine."""
    source = settings.DATA_DIR / "departures"
    if not settings.BACKUP_URL or not source.exists():
        return
    try:
        backup_store(settings.BACKUP_URL).merge(f"{DEPARTURES_PREFIX}{socket.gethostname()}", source)
    except (OSError, ImproperlyConfigured) as error:
        log.warning("the departures file was not copied beside the backups: %s", error)


def remove_old_backups(store: BackupStore) -> list[str]:
    """Remove superfluous backups; return their names."""
    found = {day: name for name in store.names() if (day := backup_day(name))}
    old = [found[day] for day in sorted(days_to_remove(found))]
    for name in old:
        store.remove(name)
    return old


def due_day(now: datetime) -> date | None:
    local = timezone.localtime(now, Publication.objects.current().zone)
    return due_on(local, NightlyBackup.objects.exclude(made_at=None).values_list("day", flat=True))


def _test_backup(row: NightlyBackup, store: BackupStore, name: str, now: datetime) -> None:
    """Test the backup. One that cannot be tested, for lack of room, is tested in the next night."""
    try:
        result = _drill(row, store, name, now)
    except Exception as error:  # as above
        row.trial = _reason(error)
        if restoring.is_untried(error):
            log.warning("the backup could not be tried here: %s", row.trial)
            row.save(update_fields=["trial"])
            return
        log.exception("the backup would not bring the newsletter back")
        subject, line = _("The backup would not bring the newsletter back"), row.trial
    else:
        row.trial = ""
        facts = {"rows": f"{result.rows:,}", "files": f"{result.files:,}", "seconds": f"{result.seconds:.0f}"}
        subject = _("The backup was tried, and works")
        line = _("%(rows)s rows and %(files)s files were brought back beside the newsletter in %(seconds)s s.") % facts
    row.tried_at = timezone.now()
    row.save(update_fields=["tried_at", "trial"])
    _mail_author(subject, line, now)


def _drill(row: NightlyBackup, store: BackupStore, name: str, now: datetime) -> restoring.DrillResult:
    """If it is encrypted, whose key is elsewhere, an unencrypted twin is tested."""
    if not settings.BACKUP_AGE_KEY:
        with store.reading(name) as path:
            return restoring.drill(path)
    with restoring.scratch_folder(row.octets + databases.current_engine().byte_count()) as folder:
        return restoring.drill(making.make_backup(folder / "twin.tar", now, key="").path)


def _mail_author(subject: str, line: str, now: datetime) -> None:
    if addresses := recipient_addresses():
        try:
            mail.mailers["default"].send_messages([build_backup_mail(subject, line, addresses, now)])
        except mailer_errors() as error:
            log.warning("the mail about the backup could not be sent: %s", error)


def build_backup_mail(subject: str, line: str, addresses: list[str], now: datetime) -> Mail:
    with translation.override(Publication.objects.current().language):
        return build_author_mail("backup", subject, {"line": line, "title": subject}, addresses, now)
