"""Wake-ups of the operation: a backup at night, and a look each hour at what has become wrong."""

import os
import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from newsletter.operation.backup import nightly as backups
from newsletter.operation.models import Look

# Of this process; asked for their end at the next wake-up.
_begun: list["subprocess.Popen[bytes]"] = []
_looks: list["subprocess.Popen[bytes]"] = []


@shared_task(ignore_result=True)
def back_up() -> None:
    """Keep who has left; start what is due of the night, in a process of its own: it may take many minutes."""
    backups.keep_departures()
    _begun[:] = [process for process in _begun if process.poll() is None]
    now = timezone.now()
    if not _begun and backups.is_due(now):
        _begun.append(_started("backup", "--nightly"))


@shared_task(ignore_result=True)
def examine() -> None:
    """Start the look that is due, in a process of its own: servers that are away are waited for."""
    _keep_statistics()
    _looks[:] = [process for process in _looks if process.poll() is None]
    if Look.is_due(timezone.now()) and not _looks:
        _looks.append(_started("doctor", "--mail"))


def _keep_statistics() -> None:
    """Have SQLite count again what has grown: without, it reads all readers to find those to welcome.

    Source: https://www.sqlite.org/lang_analyze.html#automatically_running_analyze
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA optimize=0x10002")


def _started(*words: str) -> "subprocess.Popen[bytes]":
    command = ["nice", sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    return subprocess.Popen(command, env=os.environ, start_new_session=True)  # noqa: S603  # our own command
