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
_backup_processes: list["subprocess.Popen[bytes]"] = []
_check_processes: list["subprocess.Popen[bytes]"] = []


@shared_task(ignore_result=True)
def back_up() -> None:
    """Copy departures; start the due backup in a subprocess: it may take many minutes."""
    backups.store_departures()
    _backup_processes[:] = [process for process in _backup_processes if process.poll() is None]
    now = timezone.now()
    if not _backup_processes and backups.is_backup_due(now):
        _backup_processes.append(_run_command("backup", "--nightly"))


@shared_task(ignore_result=True)
def examine() -> None:
    """Start the due hourly check in a subprocess: it waits for unresponsive servers."""
    _update_statistics()
    _check_processes[:] = [process for process in _check_processes if process.poll() is None]
    if Look.is_due(timezone.now()) and not _check_processes:
        _check_processes.append(_run_command("doctor", "--mail"))


def _update_statistics() -> None:
    """Update SQLite's planner statistics: without them, the query for new readers scans the table.

    Source: https://www.sqlite.org/lang_analyze.html#automatically_running_analyze
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA optimize=0x10002")


def _run_command(*words: str) -> "subprocess.Popen[bytes]":
    command = ["nice", sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    return subprocess.Popen(command, env=os.environ, start_new_session=True)  # noqa: S603  # our own command
