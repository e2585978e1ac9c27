"""Celery tasks: the nightly backup, and the hourly check."""

import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from newsletter.operation.backup import nightly as backups
from newsletter.operation.models import Look

_processes: dict[str, "subprocess.Popen[bytes]"] = {}  # the last one of this process, by command


@shared_task(ignore_result=True)
def back_up() -> None:
    """Copy departures; start the due backup in a subprocess: it may take many minutes."""
    backups.store_departures()
    if not _is_running("backup") and backups.is_backup_due(timezone.now()):
        _run_command("backup", "--nightly")


@shared_task(ignore_result=True)
def examine() -> None:
    """Start the due hourly check in a subprocess: it waits for unresponsive servers."""
    _update_statistics()
    if not _is_running("doctor") and Look.is_due(timezone.now()):
        _run_command("doctor", "--mail")


def _update_statistics() -> None:
    """Update SQLite's planner statistics: without them, the query for new readers scans the table.

    Source: https://www.sqlite.org/lang_analyze.html#automatically_running_analyze
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA optimize=0x10002")


def _is_running(name: str) -> bool:
    return name in _processes and _processes[name].poll() is None


def _run_command(*words: str) -> None:
    command = ["nice", sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    _processes[words[0]] = subprocess.Popen(command, start_new_session=True)  # noqa: S603  # our own command
