"""Readiness of database, migrations and queue: for /readyz, the doctor and the log."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu import Connection
from kombu.exceptions import OperationalError

from newsletter.limits.circuit_breaker import redis_errors
from newsletter.operation import doctor_checks, liveness, preparing
from newsletter.operation.findings import ERROR, Finding

ERROR_TEXT_MAX = 200  # characters of a server's message

log = logging.getLogger(__name__)
_not_ready: set[str] = set()  # parts that this process has logged as not ready


def by_part() -> dict[str, str]:
    """ "ok" or a short reason, for each part that pages and tasks need."""
    error = database_error()
    migrations = "unknown" if error else "ok" if preparing.is_migrated() else "pending"
    needed = {"database": "away" if error else "ok", "migrations": migrations, "queue": queue_error() or "ok"}
    return needed | doctor_checks.disk_readiness() | liveness.component_readiness()


def log_readiness(parts: Mapping[str, str]) -> None:
    """Log when a part stops being ready, and when it is ready again; each process for itself."""
    wrong = {part: answer for part, answer in parts.items() if answer != "ok"}
    for part in sorted(wrong.keys() - _not_ready):
        log.warning("not ready: %s %s", part, wrong[part])
    for part in sorted(_not_ready - wrong.keys()):
        log.warning("ready again: %s", part)
    _not_ready.clear()
    _not_ready.update(wrong)


def database_error() -> Error | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return error
    return None


def database_findings(now: datetime) -> Iterator[Finding]:
    error = database_error()
    if error is not None:
        text = " ".join(str(error).split())[:ERROR_TEXT_MAX].rstrip(".")
        hint = _("Look at DATABASE_URL and DATABASE_PASSWORD, and whether the server runs.")
        yield Finding(ERROR, "database.unreachable", _("The database does not answer: %s.") % text, hint)
        return
    if encoding := preparing.non_utf8_encoding():
        message = _("The database keeps text as %s, not as UTF-8: some characters cannot be stored.") % encoding
        hint = _("Make a database with the encoding UTF8, and bring a backup back into it.")
        yield Finding(ERROR, "database.encoding", message, hint)
    yield from _version_findings()


def _version_findings() -> Iterator[Finding]:
    if name := preparing.newest_unknown():
        message = _("The database is of a newer version of the program, which knows %s.") % name
        hint = _("Update the program here, too; or restore a backup of before.")
    elif commit := preparing.too_old_for():
        message = _("The database is of a version before %s, which alone can bring it up to date.") % commit
        hint = _("Run manage.py migrate of %s first, then this version.") % commit
    elif not preparing.is_migrated():
        message = _("The database is older than the program.")
        hint = _("Run manage.py migrate; manage.py up does it at every start.")
    else:
        return
    yield Finding(ERROR, "database.migrations", message, hint)


def queue_error(*, writes: bool = False) -> str:
    """ "" if tasks can be enqueued, else a short reason.

    writes: also check that Redis is not full or read-only; pages do not need that, so /readyz does not ask for it.
    """
    if not settings.REDIS_URL:
        folder = settings.QUEUE_DIR if settings.QUEUE_DIR.exists() else settings.QUEUE_DIR.parent  # made at first use
        return "" if os.access(folder, os.W_OK | os.X_OK) else "no folder"
    try:
        with _redis() as client:
            client.ping()
            if writes:
                client.set("newsletter:doctor", "x", ex=60)
    except redis_errors(OperationalError, OSError) as error:
        return type(error.__cause__ or error).__name__
    return ""


@contextmanager
def _redis() -> Iterator[Any]:
    with Connection(settings.REDIS_URL, transport_options=settings.REDIS_QUEUE) as connection:
        yield connection.default_channel.client  # type: ignore[attr-defined]  # of kombu's channel for Redis


def queue_findings(now: datetime) -> Iterator[Finding]:
    if answer := queue_error(writes=True):
        hint = _("Look at REDIS_URL; without one, manage.py up makes the folder DATA_DIR/queue.")
        yield Finding(ERROR, "queue.unreachable", _("The queue cannot be used: %s.") % answer, hint)


def queue_length() -> int | None:
    """Tasks that no worker has taken; None while the queue is down."""
    try:
        if not settings.REDIS_URL:
            return sum(1 for _message in settings.QUEUE_DIR.glob("*.msg"))
        with _redis() as client:
            return int(client.llen("celery"))
    except redis_errors(OperationalError, OSError):
        return None


def redis_memory() -> dict[str, Any]:
    """What INFO says of memory: docs at https://redis.io/docs/latest/commands/info/."""
    with _redis() as client:
        return dict(client.info("memory"))


def ahead_of_redis() -> timedelta:
    """How far this machine's clock is ahead of that of Redis."""
    with _redis() as client:
        client.ping()  # a connection takes time
        now, (seconds, microseconds) = timezone.now(), client.time()
    return now - datetime.fromtimestamp(seconds, UTC) - timedelta(microseconds=microseconds)
