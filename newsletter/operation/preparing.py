"""Preparation before anything starts: folders, database, static files."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from newsletter.delivery.ledger import restore_detection
from newsletter.operation import replaced_migrations
from newsletter.publication.response_headers import SOURCES_FILE, source_digest

DATABASE_RETRY_SECONDS = 2  # between retries while the database is unavailable
log = logging.getLogger(__name__)
MIGRATION_LOCK_ID = 0x6E657773  # "news": PostgreSQL's number of the lock


def make_folders() -> None:
    """Create the folders, and the secret unless it is given. Raises ImproperlyConfigured."""
    media = () if settings.MEDIA_STORAGE_URL else (settings.MEDIA_ROOT,)
    try:
        for folder in (settings.QUEUE_DIR, settings.OUTBOX_DIR, settings.LOCK_DIR, *media):
            folder.mkdir(parents=True, exist_ok=True)
        # Older versions created world-readable files. Group permissions set by the operator stay.
        settings.DATA_DIR.chmod(settings.DATA_DIR.stat().st_mode & 0o770)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
    str(settings.SECRET_KEY)


def set_site_url(site_url: str) -> None:
    """Set SITE_URL for this process, its forks and subprocesses."""
    os.environ["SITE_URL"] = settings.SITE_URL = site_url
    settings.ALLOWED_HOSTS = [urlsplit(site_url).hostname or "", *settings.ALLOWED_HOSTS[1:]]


def migrate_database() -> None:
    """Migrate under a lock, and replay departures. Raises CommandError if the database does not answer."""
    try:
        with _alone():
            if (encoding := non_utf8_encoding()) and not connection.introspection.table_names():
                hint = "Make it with UTF8: createdb --encoding=UTF8"  # one with tables goes on: the doctor reports it
                raise CommandError(f"The database has the encoding {encoding}. {hint}")
            call_command("migrate", verbosity=0, interactive=False)
        restore_detection.detect_restore(timezone.now())
    except OperationalError as error:
        raise CommandError(f"The database cannot be used: {error}") from None


def replay_departures() -> None:
    """Replay departures before the first mail is sent: the database may come from a backup. Waits for the database.

    Raises CommandError if a newer version has migrated it.
    """
    while True:
        try:
            refuse_newer()
            restore_detection.detect_restore(timezone.now())
        except (OperationalError, InterfaceError) as error:
            log.warning("waiting for the database: %s", type(error).__name__, exc_info=error)
            time.sleep(DATABASE_RETRY_SECONDS)
        else:
            return
        finally:
            connection.close()


def refuse_newer() -> None:
    """Raise CommandError if a newer version has migrated this database."""
    if name := newest_unknown():
        raise CommandError(f"The database is of a newer version of this program, which knows {name}: update first.")


def refuse_too_old() -> None:
    """Raise CommandError if only a former version can bring this database up to date."""
    if commit := too_old_for():
        raise CommandError(
            f"The database is of a version before {commit}, which alone can bring it up to date."
            f" Run manage.py migrate of {commit} first, then this version."
        )


def refuse_other_version() -> None:
    """Raise CommandError if the database is of a newer version, or of one that is too old; not while it is away."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return  # to open it would make the file
    try:
        refuse_newer()
        if replaced_migrations.is_pending(MigrationRecorder(connection).applied_migrations()):
            refuse_too_old()
    except (OperationalError, InterfaceError):
        return
    finally:
        connection.close()


def newest_unknown() -> str:
    """The migration of this database that only a newer version has, or ""."""
    applied = MigrationRecorder(connection).applied_migrations()
    return newer_migration(f"{app}.{name}" for app, name in applied)


def too_old_for() -> str:
    """The commit that must first migrate this database, or ""."""
    return replaced_migrations.way_through(MigrationRecorder(connection).applied_migrations())


def newer_migration(names: Iterable[str]) -> str:
    """One of these migrations of our apps that only a newer version has, or ""."""
    keys = {(app, name) for app, _dot, name in (name.partition(".") for name in names)}
    return max((".".join(key) for key in replaced_migrations.unknown_migrations(keys)), default="")


# Unminified libraries of the stock admin: only DEBUG uses them, and they are half of what would be compressed.
UNMINIFIED_SCRIPTS = ["jquery.js", "select2.full.js", "xregexp.js"]

NO_TABLES = "The database has not the tables of this version yet: run manage.py migrate, or start manage.py up."


def missing_tables_hint() -> str:
    """A hint if the database is not migrated, else ""."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return NO_TABLES
    return "" if is_migrated() else NO_TABLES


def is_migrated() -> bool:
    executor = MigrationExecutor(connection)
    is_too_old = replaced_migrations.way_through(executor.loader.applied_migrations)
    return not is_too_old and not executor.migration_plan(executor.loader.graph.leaf_nodes())


def non_utf8_encoding() -> str:
    """The encoding of a PostgreSQL database if it is not UTF-8, else "".

    In SQL_ASCII, the default of `initdb` without a locale, a no-break space in JSON is rejected:
    https://www.postgresql.org/docs/current/datatype-json.html
    """
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        encoding = str(cursor.fetchone()[0])
    return "" if encoding == "UTF8" else encoding


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the migration lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK_ID])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK_ID])
        return
    with (settings.DATA_DIR / "migrate.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def collect_static_files() -> None:
    """Collect static files if a source has changed. A given STATIC_ROOT must be filled already."""
    if settings.STATIC_ROOT_IS_GIVEN:
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            raise CommandError(
                f"STATIC_ROOT={settings.STATIC_ROOT} is empty: run manage.py collectstatic, or leave it out."
            )
        return
    if are_static_files_stale():
        unused = [] if settings.DEBUG else UNMINIFIED_SCRIPTS
        call_command("collectstatic", verbosity=0, interactive=False, clear=True, ignore_patterns=unused)


def are_static_files_stale() -> bool:
    """Has a source changed since the files were collected, as by an upgrade under a supervisor of one's own?"""
    collected = settings.STATIC_ROOT / SOURCES_FILE
    if not collected.exists():
        return True
    then, now = json.loads(collected.read_text()), static_digests()
    return any(then.get(path) != now.get(path) for path in now | then if Path(path).name not in UNMINIFIED_SCRIPTS)


def static_digests() -> dict[str, str]:
    """The digest of each source, by its path below STATIC_ROOT."""
    sources = (source for finder in get_finders() for source in finder.list([]))
    return {path: source_digest(storage, path) for path, storage in sources}
