"""Wake-ups of the operation: backups at night, and a look each hour at what has become wrong."""

import os
import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from newsletter.operation import watching
from newsletter.operation.backup import nightly

# Of this process; asked for their end at the next wake-up.
_begun: list["subprocess.Popen[bytes]"] = []
_looks: list["subprocess.Popen[bytes]"] = []


@shared_task(ignore_result=True)
def back_up() -> None:
    """Keep who has left; start the backup that is due, in a process of its own: it may take many minutes."""
    if not settings.BACKUP_URL:
        return
    nightly.keep_departures()
    _begun[:] = [process for process in _begun if process.poll() is None]
    if nightly.is_due(timezone.now()) and not _begun:
        _begun.append(_started("backup", "--nightly"))


@shared_task(ignore_result=True)
def examine() -> None:
    """Start the look that is due, in a process of its own: servers that are away are waited for."""
    _looks[:] = [process for process in _looks if process.poll() is None]
    if watching.is_due(timezone.now()) and not _looks:
        _looks.append(_started("doctor", "--mail"))


def _started(*words: str) -> "subprocess.Popen[bytes]":
    command = ["nice", sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    return subprocess.Popen(command, env=os.environ, start_new_session=True)  # noqa: S603  # our own command
