"""Findings about backups, and about a restored database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Min
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.buckets import Bucket
from newsletter.delivery.ledger import restore_detection
from newsletter.operation.backup.checks import setting_errors
from newsletter.operation.backup.stores import DEPARTURES_PREFIX, FolderStore, backup_store
from newsletter.operation.doctor_checks import PROBE_NAME, unusable_folder
from newsletter.operation.findings import ERROR, WARNING, Finding
from newsletter.operation.models import NightlyBackup

MAX_AGE = timedelta(hours=36)  # a night was missed
FIRST_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class LastBackup:
    """The newest nightly backup. tested_at: of the last test. size: bytes."""

    made_at: datetime
    size: int
    is_old: bool
    tested_at: datetime | None
    passed_test: bool


def uncovered_since() -> datetime | None:
    """When the newest backup was made; before the first one, when the tables of this installation were."""
    made: datetime | None = NightlyBackup.objects.aggregate(at=Max("made_at"))["at"]
    return made or MigrationRecorder.Migration.objects.aggregate(at=Min("applied"))["at"]


def last_backup(now: datetime) -> LastBackup | None:
    made = NightlyBackup.objects.exclude(made_at=None).order_by("made_at").last() if settings.BACKUP_URL else None
    if made is None or made.made_at is None:
        return None
    tried = NightlyBackup.objects.exclude(tried_at=None).order_by("tried_at").last()
    is_old, passed_test = now - made.made_at > MAX_AGE, bool(tried and not tried.trial)
    return LastBackup(made.made_at, made.octets, is_old, tried.tried_at if tried else None, passed_test)


def nightly_backup_findings(now: datetime) -> Iterator[Finding]:
    """Missing, old and failed backups, and failed tests."""
    if not settings.BACKUP_URL:
        return
    latest = NightlyBackup.objects.last()
    if latest and latest.failure:
        yield _failure_finding(latest)
    yield from _age_findings(now)
    yield from _test_findings()


def _failure_finding(backup: NightlyBackup) -> Finding:
    if backup.made_at:
        hint = _("Let the newsletter delete files there, or remove some yourself: a full disk takes no new one.")
        return Finding(WARNING, "backup.thinning", _("Old backups were not removed: %s") % backup.failure, hint)
    return Finding(ERROR, "backup.failed", _("Last night's backup was not made: %s") % backup.failure, _retry_hint())


def _retry_hint() -> str:
    return _("It is tried again within two hours; manage.py backup PATH says more.")


def _age_findings(now: datetime) -> Iterator[Finding]:
    last = last_backup(now)
    if last and last.is_old:
        since = timezone.localtime(last.made_at).strftime("%Y-%m-%d %H:%M")
        yield Finding(WARNING, "backup.old", _("The last backup is of %s.") % since, _retry_hint())
    installed_at = None if last else uncovered_since()
    if installed_at and now - installed_at > FIRST_WITHIN:
        hint = _("Worker and clock make it within minutes: are they running? Make it now: manage.py backup --nightly")
        yield Finding(WARNING, "backup.never", _("No backup has been made yet."), hint)


def _test_findings() -> Iterator[Finding]:
    newest = NightlyBackup.objects.exclude(made_at=None).last()
    if newest and newest.trial and not newest.tried_at:
        message = _("The backup of %(day)s could not be tried: %(why)s")
        hint = _("It is tried again each night. By hand, here or on another machine: manage.py check_backup PATH")
        yield Finding(WARNING, "backup.untried", message % {"day": newest.day, "why": newest.trial}, hint)
    tried = NightlyBackup.objects.exclude(tried_at=None).order_by("tried_at").last()
    if tried and tried.trial:
        message = _("The backup of %(day)s would not bring the newsletter back: %(why)s")
        hint = _("Fix the cause, then try one by hand: manage.py check_backup PATH")
        yield Finding(ERROR, "backup.trial", message % {"day": tried.day, "why": tried.trial}, hint)


def place_findings(now: datetime) -> Iterator[Finding]:
    """Write a test file to BACKUP_URL, and delete it."""
    errors = list(setting_errors())
    for error in errors:
        hint = _("Correct it in the environment, then start the newsletter again.")
        yield Finding(ERROR, "backups.setting", _("No backup can be made: %s.") % error.rstrip("."), hint)
    if errors or not settings.BACKUP_URL:
        return
    store = backup_store(settings.BACKUP_URL)
    if isinstance(store, FolderStore):
        yield from unusable_folder("backups", store.folder)
    else:
        yield from _bucket_findings(store.bucket)


def _bucket_findings(bucket: Bucket) -> Iterator[Finding]:
    try:
        bucket.sizes(DEPARTURES_PREFIX)
        bucket.put(PROBE_NAME, b"written by doctor")
        bucket.remove(PROBE_NAME)
    except OSError as error:
        message = _("The place of the backups does not answer, or refuses us: %s.") % str(error).rstrip(".")
        hint = _("Look at BACKUP_URL: key, secret, host, bucket and region; it must read, write, list and remove.")
        yield Finding(ERROR, "backups.away", message, hint)


def no_backup_findings(now: datetime) -> Iterator[Finding]:
    """For public installations without BACKUP_URL."""
    if not settings.BACKUP_URL and settings.SITE_URL.startswith("https"):
        hint = _("Set BACKUP_URL to a folder on another disk; a backup is then made each night, and tried each month.")
        yield Finding(WARNING, "backup.none", _("No backup is made by itself."), hint)


def restore_findings(now: datetime) -> Iterator[Finding]:
    if restore_detection.is_restore_undecided():
        message = _("The database was put back, copied or moved: no issue is sent until you have decided.")
        hint = _("Read what is known and choose, on the desk at %s.") % reverse("admin:restored")
        yield Finding(ERROR, "database.restored", message, hint)
