"""Celery tasks: the nightly backup, and the hourly check."""

import os
import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from newsletter.operation.backup import nightly as backups
from newsletter.operation.models import Look

# Subprocesses of this process; polled at the next task.
_begun: list["subprocess.Popen[bytes]"] = []
_looks: list["subprocess.Popen[bytes]"] = []


@shared_task(ignore_result=True)
def back_up() -> None:
    """Copy departures; start the due backup in a subprocess: it may take many minutes."""
    backups.store_departures()
    _begun[:] = [process for process in _begun if process.poll() is None]
    now = timezone.now()
    if not _begun and backups.is_backup_due(now):
        _begun.append(_started("backup", "--nightly"))


@shared_task(ignore_result=True)
def examine() -> None:
    """Start the due hourly check in a subprocess: it waits for unresponsive servers."""
    _keep_statistics()
    _looks[:] = [process for process in _looks if process.poll() is None]
    if Look.is_due(timezone.now()) and not _looks:
        _looks.append(_started("doctor", "--mail"))


def _keep_statistics() -> None:
    """Update SQLite's planner statistics: without them, the query for new readers scans the table.

    Source: https://www.sqlite.org/lang_analyze.html#automatically_running_analyze
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA optimize=0x10002")


def _started(*words: str) -> "subprocess.Popen[bytes]":
    command = ["nice", sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    return subprocess.Popen(command, env=os.environ, start_new_session=True)  # noqa: S603  # our own command
