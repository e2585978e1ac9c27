"""Wake-ups of the operation: backups at night."""

import os
import subprocess
import sys

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from newsletter.operation.backup import nightly

_begun: list["subprocess.Popen[bytes]"] = []  # of this process; asked for their end at the next wake-up


@shared_task(ignore_result=True)
def back_up() -> None:
    """Keep who has left; start the backup that is due, in a process of its own: it may take many minutes."""
    if not settings.BACKUP_URL:
        return
    nightly.keep_departures()
    _begun[:] = [process for process in _begun if process.poll() is None]
    if nightly.is_due(timezone.now()) and not _begun:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "backup", "--nightly"]
        _begun.append(subprocess.Popen(["nice", *command], env=os.environ, start_new_session=True))  # noqa: S603, S607
