"""What is made before anything starts: folders, the database, the static files."""

import fcntl
import hashlib
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

from newsletter.delivery.ledger import restored
from newsletter.operation import replaced

PATIENCE_SECONDS = 2  # between tries while the database is away
log = logging.getLogger(__name__)
MIGRATING = 0x6E657773  # "news": PostgreSQL's number of the lock


def make_folders() -> None:
    """Make the folders, and the secret if none is given. Raises ImproperlyConfigured where that cannot be."""
    media = () if settings.MEDIA_STORAGE_URL else (settings.MEDIA_ROOT,)
    try:
        for folder in (settings.QUEUE_DIR, settings.OUTBOX_DIR, settings.LOCK_DIR, *media):
            folder.mkdir(parents=True, exist_ok=True)
        # What an older version wrote, everybody on this machine could read. A group that the operator let in stays.
        settings.DATA_DIR.chmod(settings.DATA_DIR.stat().st_mode & 0o770)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
    str(settings.SECRET_KEY)


def answer_at(site_url: str) -> None:
    """Have this process, its copies and what they start know the address of the site: the web server's own."""
    os.environ["SITE_URL"] = settings.SITE_URL = site_url
    settings.ALLOWED_HOSTS = [urlsplit(site_url).hostname or "", *settings.ALLOWED_HOSTS[1:]]


def bring_up_to_date() -> None:
    """Migrate the database, one machine after the other. Raises CommandError when it does not answer."""
    try:
        with _alone():
            _refuse_another_encoding()
            refuse_newer()
            call_command("migrate", verbosity=0, interactive=False)
        restored.remember(timezone.now())
    except OperationalError as error:
        raise CommandError(f"The database cannot be used: {error}") from None


def remember() -> None:
    """Have the database know who left before the first mail leaves: it may come from a backup. Wait until it answers.

    Raises CommandError if a newer version has migrated it.
    """
    while True:
        try:
            refuse_newer()
            restored.remember(timezone.now())
        except (OperationalError, InterfaceError) as error:
            log.warning("waiting for the database: %s", type(error).__name__, exc_info=error)
            time.sleep(PATIENCE_SECONDS)
        else:
            return
        finally:
            connection.close()


def refuse_newer() -> None:
    """Raise CommandError if a newer version has migrated this database: its pages would fail one by one."""
    applied = MigrationRecorder(connection).applied_migrations()
    if name := newer(f"{app}.{name}" for app, name in applied):
        raise CommandError(f"The database is of a newer version of this program, which knows {name}: update first.")


def newer(names: Iterable[str]) -> str:
    """Return one of these migrations, of apps of ours, that only a newer version can know, or ""."""
    ours = replaced.known()
    apps = {app for app, _ in ours}
    keys = [tuple(name.split(".", 1)) for name in names]
    return max((".".join(key) for key in keys if key[0] in apps and key not in ours), default="")


# The stock admin's libraries as their authors write them: without DEBUG a page loads the shrunk copies.
# They are half of what the first start would have to compress.
UNSHRUNK = ["jquery.js", "select2.full.js", "xregexp.js"]

NO_TABLES = "The database has not the tables of this version yet: run manage.py migrate, or start manage.py up."


def unready() -> str:
    """Return what is to be done where a command has found other tables than this version has, or ""."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return NO_TABLES
    executor = MigrationExecutor(connection)
    return NO_TABLES if executor.migration_plan(executor.loader.graph.leaf_nodes()) else ""


def other_encoding() -> str:
    """Return how a PostgreSQL database keeps its text, if that is not UTF-8; else "".

    In SQL_ASCII, which `initdb` takes where no locale is set, a no-break space in JSON is refused:
    https://www.postgresql.org/docs/current/datatype-json.html
    """
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        encoding = str(cursor.fetchone()[0])
    return "" if encoding == "UTF8" else encoding


def _refuse_another_encoding() -> None:
    """End before the first table is made; a database that has some goes on, and the doctor tells."""
    encoding = other_encoding()
    if encoding and not connection.introspection.table_names():
        raise CommandError(f"The database has the encoding {encoding}. Make it with UTF8: createdb --encoding=UTF8")


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process migrates this database, and keep others waiting while the block runs."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])
        return
    with (settings.DATA_DIR / "migrate.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def collect_static_files() -> None:
    """Collect them if one of their sources has changed. Those of a STATIC_ROOT that is given must be there already."""
    if settings.STATIC_ROOT_IS_GIVEN:
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            raise CommandError(
                f"STATIC_ROOT={settings.STATIC_ROOT} is empty: run manage.py collectstatic, or leave it out."
            )
        return
    mark, sources = settings.STATIC_ROOT / ".sources", _static_sources()
    if not mark.exists() or mark.read_text() != sources:
        unused = [] if settings.DEBUG else UNSHRUNK
        call_command("collectstatic", verbosity=0, interactive=False, clear=True, ignore_patterns=unused)
        mark.write_text(sources)


def _static_sources() -> str:
    """Return a hash that changes when any source of a static file does."""
    stats = [
        (path, stat.st_mtime_ns, stat.st_size)
        for finder in get_finders()
        for path, storage in finder.list([])
        for stat in [Path(storage.path(path)).stat()]
    ]
    return hashlib.sha256(repr((str(settings.STATIC_ROOT), stats)).encode()).hexdigest()
