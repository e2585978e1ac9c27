"""Findings about backups, and about a restored database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.buckets import BucketError, bucket_from_url, is_bucket_url
from newsletter.delivery.ledger import restore_detection
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.models import NightlyBackup

MAX_AGE = timedelta(hours=36)  # a night was missed


@dataclass(frozen=True)
class LastBackup:
    """The newest nightly backup. tested_at: of the last test. size: bytes."""

    made_at: datetime
    size: int
    is_old: bool
    tested_at: datetime | None
    passed_test: bool


def last_backup(now: datetime) -> LastBackup | None:
    made = NightlyBackup.objects.exclude(made_at=None).order_by("made_at").last() if settings.BACKUP_URL else None
    if made is None or made.made_at is None:
        return None
    tried = NightlyBackup.objects.exclude(tried_at=None).order_by("tried_at").last()
    is_old, passed_test = now - made.made_at > MAX_AGE, bool(tried and not tried.trial)
    return LastBackup(made.made_at, made.octets, is_old, tried.tried_at if tried else None, passed_test)


def nightly_backup_findings(now: datetime) -> Iterator[Finding]:
    """Old and failed backups, and failed tests."""
    if not settings.BACKUP_URL:
        return
    hint = _("It is tried again within two hours; manage.py backup PATH says more.")
    latest = NightlyBackup.objects.last()
    if latest and latest.failure:
        yield Finding(ERROR, "backup.failed", _("Last night's backup was not made: %s") % latest.failure, hint)
    last = last_backup(now)
    if last and last.is_old:
        since = timezone.localtime(last.made_at).strftime("%Y-%m-%d %H:%M")
        yield Finding(WARNING, "backup.old", _("The last backup is of %s.") % since, hint)
    tried = NightlyBackup.objects.exclude(tried_at=None).order_by("tried_at").last()
    if tried and tried.trial:
        message = _("The backup of %(day)s would not bring the newsletter back: %(why)s")
        hint = _("Fix the cause, then try one by hand: manage.py check_backup PATH")
        yield Finding(ERROR, "backup.trial", message % {"day": tried.day, "why": tried.trial}, hint)


def bucket_findings(now: datetime) -> Iterator[Finding]:
    """List the bucket of BACKUP_URL."""
    if not is_bucket_url(settings.BACKUP_URL):
        return
    try:
        bucket_from_url(settings.BACKUP_URL).sizes()
    except (BucketError, ImproperlyConfigured) as error:
        message = _("The place of the backups does not answer, or refuses us: %s.") % str(error).rstrip(".")
        yield Finding(ERROR, "backups.away", message, _("Look at BACKUP_URL: key, secret, host, bucket and region."))


def no_backup_findings(now: datetime) -> Iterator[Finding]:
    """For public installations without BACKUP_URL."""
    if not settings.BACKUP_URL and settings.SITE_URL.startswith("https"):
        hint = _("Set BACKUP_URL to a folder on another disk; a backup is then made each night, and tried each month.")
        yield Finding(INFO, "backup.none", _("No backup is made by itself."), hint)


def restore_findings(now: datetime) -> Iterator[Finding]:
    if restore_detection.is_restore_undecided():
        message = _("The database was put back, copied or moved: no issue is sent until you have decided.")
        hint = _("Read what is known and choose, on the desk at %s.") % reverse("admin:restored")
        yield Finding(ERROR, "database.restored", message, hint)
