"""Checks of the doctor: what PostgreSQL and Redis must allow."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from newsletter.operation import readiness
from newsletter.operation.findings import ERROR, WARNING, Finding


def dump_program_findings(now: datetime) -> Iterator[Finding]:
    """pg_dump refuses a server that is newer than itself."""
    if connection.vendor != "postgresql" or not settings.BACKUP_URL:
        return
    server, program = connection.pg_version // 10_000, _dump_program_version()  # type: ignore[attr-defined]
    if program < server:
        message = _("Backups fail: pg_dump is of version %(program)d, the database server of version %(server)d.")
        hint = _("Install the client programs of the server's version (Debian: postgresql-client-%d).") % server
        yield Finding(ERROR, "backup.pg_dump", message % {"program": program, "server": server}, hint)


def _dump_program_version() -> int:
    """The major version; 0 without the program."""
    path = shutil.which("pg_dump")
    if path is None:
        return 0
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return int("".join(done.stdout.partition(") ")[2].split()[:1]).partition(".")[0] or 0)


def scratch_database_findings(now: datetime) -> Iterator[Finding]:
    """A backup is tried in a database of its own."""
    if connection.vendor != "postgresql" or not settings.BACKUP_URL:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        role, may_create = cursor.fetchone()
    if not may_create:
        hint = _("As the server's administrator: ALTER ROLE %s CREATEDB;") % connection.ops.quote_name(role)
        message = _("Backups cannot be tried: the database account may not create a database.")
        yield Finding(WARNING, "backup.createdb", message, hint)


def eviction_findings(now: datetime) -> Iterator[Finding]:
    """A full Redis must refuse, which is noticed, and not throw away tasks, limits and heartbeats."""
    memory = readiness.redis_memory() if settings.REDIS_URL else {}
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory") and policy != "noeviction":
        message = _("A full Redis throws away tasks and rate limits: its maxmemory-policy is %s.") % policy
        yield Finding(WARNING, "queue.evicts", message, _("Set maxmemory-policy to noeviction."))
