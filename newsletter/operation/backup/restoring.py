"""Restore a backup into an empty or stopped installation; or test one."""

import errno
import http
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.template.defaultfilters import filesizeformat
from django.utils.crypto import constant_time_compare

from newsletter import server
from newsletter.delivery.ledger import restore_detection
from newsletter.operation import replaced_migrations
from newsletter.operation.backup import databases
from newsletter.operation.backup.archive import BackupReader, DamagedBackup, EncryptionError, open_archive, open_dump
from newsletter.operation.backup.databases import DatabaseUnusable, Engine, PostgreSQLEngine, SQLiteEngine
from newsletter.operation.backup.making import SECRET_KEY_FILE_NAME, FileRestorer, merge_lines
from newsletter.operation.preparing import newer_migration
from newsletter.operation.supervisor import free_port, page_status
from newsletter.publication.pictures.storages import media


class RestoreRefused(Exception):
    """The backup may not be restored here; the message says why and what to do."""


@dataclass(frozen=True)
class RestoreResult:
    """is_same_secret_key: links in mails of the backup work here."""

    made_at: datetime
    row_counts: dict[str, int]
    is_same_secret_key: bool
    file_count: int
    renamed_count: int


def restore_backup(path: Path, now: datetime, *, identity: Path | None = None, replace: bool = False) -> RestoreResult:
    """Verify a backup, then load it; afterwards sending is blocked until the author decides.

    replace: put the current data aside; without it the installation must be empty. Raises DamagedBackup,
        RestoreRefused, EncryptionError, DatabaseUnusable, DatabaseError or OSError; then nothing has changed.
    """
    engine = databases.current_engine()
    check_compatible(verified_manifest(path, identity), engine)
    if users := engine.other_connections():
        raise RestoreRefused(f"the database is in use by {', '.join(users)}: stop web server, workers and clock first")
    is_empty = engine.is_empty()
    if not is_empty and not replace:
        raise RestoreRefused(
            "this installation is not empty: with --replace it is put aside, and the backup takes its place"
        )
    mark = f"{now:%Y%m%d%H%M%S}"
    bucket = media if media.is_remote else None
    restorer = FileRestorer(
        settings.DATA_DIR, mark, overwritable_paths={SECRET_KEY_FILE_NAME} if is_empty else set(), bucket=bucket
    )
    with _unfinished_note(path, engine.former_data_note(mark)), open_archive(path, identity) as stream, restorer:
        with engine.replacement(mark) as fresh:
            made = _load_and_block_sending(BackupReader(stream), fresh, restorer, now)
            for lines in sorted(path.parent.glob("departures-*")):  # of departures since then, beside the backup
                merge_lines(settings.DATA_DIR / "departures", lines.read_bytes())
        restorer.finish()
    return RestoreResult(*made, restorer.restored_count, restorer.set_aside_count)


def _load_and_block_sending(
    reader: BackupReader, engine: Engine, restorer: FileRestorer, now: datetime
) -> tuple[datetime, dict[str, int], bool]:
    """Load a backup and block sending; return its time, its rows, and whether its secret is used here."""
    is_same_secret_key = load_backup(reader, engine, restorer, keeps_secret=settings.SECRET_KEY_IS_GIVEN)
    made_at = datetime.fromisoformat(reader.manifest["made_at"])
    call_command("migrate", verbosity=0, interactive=False)
    restore_detection.block_sending(made_at, now)
    return made_at, reader.manifest["rows"], is_same_secret_key


def unfinished_restore() -> str:
    """The note of a killed restore, which forbids a start; "" if there is none."""
    return _note_path().read_text() if _note_path().exists() else ""


def remove_leftovers() -> None:
    """Remove leftovers of a killed restore. Only call it when none runs."""
    if _note_path().exists():
        databases.current_engine().remove_leftovers()


def _note_path() -> Path:
    file: Path = settings.DATA_DIR / "restore.unfinished"
    return file


@contextmanager
def _unfinished_note(path: Path, former_data: str) -> Iterator[None]:
    """Keep a note file during the block. It remains after a kill, not after an exception, which undoes everything."""
    try:
        _note_path().write_text(
            f"The restore of {path} was not finished, and {former_data}. "
            f"Run it again (manage.py restore --replace PATH), or delete {_note_path()} to go on without it."
        )
        yield
    finally:
        _note_path().unlink(missing_ok=True)


def verified_manifest(path: Path, identity: Path | None) -> dict[str, Any]:
    """Read all of a backup. Raises DamagedBackup or EncryptionError."""
    with open_archive(path, identity) as stream:
        reader = BackupReader(stream)
        for _member in reader:
            pass
        return reader.manifest


def check_compatible(manifest: dict[str, Any], engine: Engine) -> None:
    """Raise RestoreRefused for another engine or a newer version."""
    if manifest["engine"] != engine.name:
        raise RestoreRefused(f"the backup is of {manifest['engine']}, and DATABASE_URL leads to {engine.name}")
    if name := newer_migration(manifest["migrations"]):
        raise RestoreRefused(f"the backup is of a newer version of this program, which knows {name}: update first")
    if commit := replaced_migrations.way_through([tuple(name.split(".", 1)) for name in manifest["migrations"]]):
        first = f"restore it with {commit}, then start this version"
        raise RestoreRefused(f"the backup is of a version before {commit}: {first}")


def load_backup(reader: BackupReader, engine: Engine, restorer: FileRestorer, *, keeps_secret: bool) -> bool:
    """Load the database, then the files. keeps_secret: keep ours. Return whether the backup's secret is used now."""
    dump, parts = open_dump(reader)
    engine.load(dump)
    is_used = True
    for member in parts.remaining_members():
        if member.data_path == SECRET_KEY_FILE_NAME and keeps_secret:
            is_used = constant_time_compare(member.source.read().decode(), settings.SECRET_KEY)
        elif member.data_path:
            restorer.restore(member)
    return is_used


SERVER_START_SECONDS = 60  # for the web server's first response
UNSET_VARIABLES = (  # the drill must not send or fetch anything
    *("REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "MAILBOX_URL", "BACKUP_URL", "MEDIA_STORAGE_URL"),
)
PAGES_CHECKED = ("/", "/issues/", "/posts/", "/subscribe/")


class DrillFailed(Exception):
    """The backup would not restore the product; the message says why."""


class CannotTry(Exception):
    """The backup cannot be tested here, which says nothing about it; the message says why."""


BACKUP_ERRORS = (
    *(OSError, sqlite3.Error, DatabaseError, ImproperlyConfigured),
    *(DamagedBackup, DrillFailed, CannotTry, RestoreRefused, EncryptionError, DatabaseUnusable),
)
NO_ROOM_TEXTS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")


def is_untried(error: Exception) -> bool:
    """Does an error of `drill` say nothing about the backup? Those of programs on a full disk are only text."""
    return isinstance(error, CannotTry) or any(text in str(error) for text in NO_ROOM_TEXTS)


@dataclass(frozen=True)
class DrillResult:
    rows: int
    files: int
    seconds: float


def drill(path: Path, *, identity: Path | None = None) -> DrillResult:
    """Restore into a scratch folder and serve pages from it. Raises BACKUP_ERRORS: see `is_untried`."""
    began = time.monotonic()
    manifest = verified_manifest(path, identity)
    migrating = 2 * manifest.get("database_bytes", 0)  # a migration may write each table anew
    with (
        scratch_folder(path.stat().st_size + migrating) as folder,
        _scratch_database(manifest["engine"], folder) as (engine, url),
        open_archive(path, identity) as stream,
    ):
        check_compatible(manifest, engine)
        restorer = FileRestorer(folder, "drill")
        load_backup(BackupReader(stream), engine, restorer, keeps_secret=False)
        _compare_row_counts(manifest["rows"], engine.row_counts())
        _check_pages(folder, url)
    return DrillResult(sum(manifest["rows"].values()), restorer.restored_count, time.monotonic() - began)


RESERVE_BYTES = 200 * 1024**2  # stays free for the running newsletter
SCRATCH_PREFIX = ".drill-"
SCRATCH_SECONDS_MAX = 24 * 3600  # then a killed drill has left it


@contextmanager
def scratch_folder(needed_bytes: int) -> Iterator[Path]:
    """Yield a folder on the disk of DATA_DIR: the temporary one may be memory. Raises CannotTry."""
    place: Path = settings.DATA_DIR
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in place.glob(f"{SCRATCH_PREFIX}*"):
        if time.time() - left.stat().st_mtime > SCRATCH_SECONDS_MAX:
            shutil.rmtree(left, ignore_errors=True)
    free = max(0, shutil.disk_usage(place).free - RESERVE_BYTES)
    if free < needed_bytes:
        sizes = {"needs": filesizeformat(needed_bytes), "has": filesizeformat(free)}
        raise CannotTry("there is no room: it needs {needs} in {place}, which has {has}".format(**sizes, place=place))
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=place) as name:
        yield Path(name)


@contextmanager
def _scratch_database(engine: str, folder: Path) -> Iterator[tuple[Engine, str]]:
    """Yield an empty scratch database, and its DATABASE_URL."""
    if engine == SQLiteEngine.name:
        yield SQLiteEngine(folder / "newsletter.sqlite3"), ""
        return
    if connection.vendor != engine:
        raise CannotTry("a backup of PostgreSQL is tried on its server: set DATABASE_URL")
    name = f"newsletter_drill_{secrets.token_hex(4)}"
    ours = PostgreSQLEngine(str(connection.settings_dict["NAME"]))
    try:
        ours.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
    except DatabaseError as error:
        raise CannotTry(f"no database to try it in could be made (ALTER ROLE … CREATEDB): {error}") from None
    try:
        yield PostgreSQLEngine(name), urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))
    finally:
        ours.run(f'DROP DATABASE "{name}" WITH (FORCE)')


def _compare_row_counts(expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        name = wrong[0]
        raise DrillFailed(
            f"the table {name} has {found.get(name)} rows; when the backup was made it had {expected.get(name)}"
        )


def _check_pages(folder: Path, database_url: str) -> None:
    """Start a web server on the scratch folder, without mail or queue, and ask it for pages. Raises DrillFailed."""
    port = free_port("127.0.0.1", 0)
    own = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "SITE_URL": f"http://127.0.0.1:{port}"}
    own["SECRET_KEY"] = (folder / SECRET_KEY_FILE_NAME).read_text()
    unset = dict.fromkeys(UNSET_VARIABLES, "")
    if settings.STATIC_ROOT.is_dir():
        own["STATIC_ROOT"] = str(settings.STATIC_ROOT)
    env = os.environ | {f"{name}_FILE": "" for name in own | unset} | unset | own
    # The calling command has run Django's checks: they load every page and would double the time.
    _run_manage(["migrate", "--skip-checks", "--verbosity", "0", "--no-input"], env)
    if "STATIC_ROOT" not in own:
        _run_manage(["collectstatic", "--verbosity", "0", "--no-input"], env)
    process = subprocess.Popen(  # noqa: S603 - ours
        server.command("127.0.0.1", port, processes=1),
        env=env,
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_server(process, port)
        answers = {page: page_status("127.0.0.1", port, page) for page in PAGES_CHECKED}
    finally:
        process.terminate()
        process.wait()
    if wrong := [f"{page} {status}" for page, status in answers.items() if status != http.HTTPStatus.OK]:
        raise DrillFailed(f"a web server on it answers {', '.join(wrong)}")


def _run_manage(words: list[str], env: Mapping[str, str]) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise DrillFailed(f"{words[0]} fails on it: {done.stderr.strip()[-500:]}")


def _wait_for_server(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + SERVER_START_SECONDS
    while page_status("127.0.0.1", port, "/healthz") != http.HTTPStatus.OK:
        if process.poll() is not None or time.monotonic() > until:
            raise DrillFailed("a web server does not start on it")
        time.sleep(0.1)
