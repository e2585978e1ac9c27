"""Dump and load the database: SQLite by file, PostgreSQL by pg_dump and pg_restore."""

import gzip
import os
import shutil
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, ClassVar, Self, cast

from django.db import connection, connections
from django.db.backends.postgresql.client import DatabaseClient

from subscribers.departures import fsync_folder

COPY_CHUNK_BYTES = 1024**2
STDERR_MAX = 2000  # characters of a failed program's stderr
ASIDE_PREFIX = "before_restore_"  # of schemas and files that a restore has put aside; never backed up
# Backed up without rows: with the day's salt, hashes of visits could be traced to IP networks long after that night.
TABLES_WITHOUT_ROWS = ("delivery_visit", "delivery_daysalt")


class DatabaseUnusable(Exception):
    """Dump or load failed; the message says why and what to do."""


@dataclass(frozen=True)
class DatabaseDump:
    """A snapshot: row counts by table, and its bytes, which can be read once."""

    row_counts: dict[str, int]
    source: IO[bytes]


@contextmanager
def read_from_program(command: Sequence[str], env: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Yield a program's stdout. Raises DatabaseUnusable, with its stderr, if it is missing or fails."""
    with tempfile.TemporaryFile() as errors, _popen(command, env, stdout=subprocess.PIPE, stderr=errors) as process:
        output = cast("IO[bytes]", process.stdout)
        try:
            yield output
        except BaseException:
            process.kill()
            raise
        output.close()
        _raise_failure(command[0], process.wait(), errors)


def write_to_program(command: Sequence[str], env: Mapping[str, str], source: IO[bytes]) -> None:
    """Pipe `source` into a program. Raises DatabaseUnusable, with its stderr, if it is missing or fails."""
    with tempfile.TemporaryFile() as errors, _popen(command, env, stdin=subprocess.PIPE, stderr=errors) as process:
        stdin = cast("IO[bytes]", process.stdin)
        try:
            shutil.copyfileobj(source, stdin, COPY_CHUNK_BYTES)
            stdin.close()
        except BrokenPipeError:  # it has ended early, and says why
            process.stdin = None
        except BaseException:
            process.kill()
            raise
        _raise_failure(command[0], process.wait(), errors)


@contextmanager
def _popen(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    stderr: IO[bytes],
    stdin: int | None = None,
    stdout: int | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    try:
        process = subprocess.Popen(command, env=dict(env), stdin=stdin, stdout=stdout, stderr=stderr)  # noqa: S603 - ours
    except FileNotFoundError:
        hint = " (Debian: apt install postgresql-client)" if command[0].startswith("pg_") else ""
        raise DatabaseUnusable(f"the program {command[0]} is missing{hint}") from None
    with process:
        yield process


def _raise_failure(program: str, code: int, errors: IO[bytes]) -> None:
    if code:
        errors.seek(0)
        stderr = errors.read(STDERR_MAX).decode(errors="replace").strip()
        raise DatabaseUnusable(f"{program} failed: {stderr or f'exit code {code}'}")


# Without owner: the role has another name in another installation.
NO_OWNER_OPTIONS = ["--no-owner", "--no-privileges"]


@dataclass(frozen=True)
class PostgreSQLEngine:
    """A database on this installation's server: its own, or another one by name."""

    database: str
    name: ClassVar[str] = "postgresql"

    @contextmanager
    def snapshot(self, scratch: Path) -> Iterator[DatabaseDump]:
        """Yield a consistent snapshot without blocking others. scratch: a folder with room for a copy."""
        with self._cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # the rows are those of the dump
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot_id = cursor.fetchone()[0]
            options = ["--format=custom", *NO_OWNER_OPTIONS, f"--snapshot={snapshot_id}"]
            options += [f"--exclude-schema={ASIDE_PREFIX}*"]
            options += [f"--exclude-table-data={name}" for name in TABLES_WITHOUT_ROWS]
            with read_from_program(self._command("pg_dump", options), self._environment()) as source:
                rows = _row_counts(cursor)
                yield DatabaseDump(rows | {name: 0 for name in TABLES_WITHOUT_ROWS if name in rows}, source)

    def byte_count(self) -> int:
        """Bytes of the database on our disk: it is on the server's."""
        return 0

    def row_counts(self) -> dict[str, int]:
        with self._cursor() as cursor:
            return _row_counts(cursor)

    def other_connections(self) -> list[str]:
        connections.close_all()
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            count = cursor.fetchone()[0]
        return [f"{count} connections to its database"] if count else []

    def is_empty(self) -> bool:
        with self._cursor() as cursor:
            return not _postgresql_tables(cursor)

    @contextmanager
    def replacement(self, mark: str) -> Iterator[Self]:
        """Put the current data aside at once, and yield the database, now empty.

        The data is kept in a schema with `mark` in its name. If the block raises, it is put back.
        """
        connections.close_all()
        is_empty, make = self.is_empty(), "CREATE SCHEMA public"
        if not is_empty:
            self.run(f'ALTER SCHEMA public RENAME TO "{ASIDE_PREFIX}{mark}"', make)
        try:
            yield self
        except BaseException:
            connections.close_all()
            back = make if is_empty else f'ALTER SCHEMA "{ASIDE_PREFIX}{mark}" RENAME TO public'
            self.run("DROP SCHEMA public CASCADE", back)
            raise

    def former_data_note(self, mark: str) -> str:
        """Where the former data is during `replacement`, for the note that a killed restore leaves."""
        if self.is_empty():
            return "the database was empty before"
        return f"what was in the database before is in its schema {ASIDE_PREFIX}{mark}"

    def remove_leftovers(self) -> None:
        """Nothing to do: the next restore puts the leftovers aside."""

    def load(self, source: IO[bytes]) -> None:
        connections.close_all()
        options = ["--exit-on-error", "--single-transaction", *NO_OWNER_OPTIONS, "--dbname"]
        write_to_program(self._command("pg_restore", options), self._environment(), source)
        self.run("ANALYZE")  # otherwise the first queries get bad plans

    def run(self, *statements: str) -> None:
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """Yield a cursor on a separate connection: Django's may be in a transaction."""
        own = connection.copy(alias="backup")
        own.settings_dict["NAME"] = self.database
        own.connect()
        try:
            with own.cursor() as cursor:
                yield cursor
        finally:
            own.close()

    def _command(self, program: str, options: list[str]) -> list[str]:
        """The command with host and user; its last argument is the database."""
        words, _own = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return [program, *words[1:-1], *options, self.database]

    def _environment(self) -> dict[str, str]:
        """With the password, which must not be on the command line."""
        _words, own = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return os.environ | (own or {})


def _postgresql_tables(cursor: Any) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    return [name for (name,) in cursor.fetchall()]


def _row_counts(cursor: Any) -> dict[str, int]:
    rows = {}
    for name in _postgresql_tables(cursor):
        cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - a table of ours
        rows[name] = cursor.fetchone()[0]
    return rows


WRITE_LOCK_SECONDS = 60  # how long to wait for a writer's lock before the snapshot begins


@dataclass(frozen=True)
class SQLiteEngine:
    path: Path
    name: ClassVar[str] = "sqlite"

    @contextmanager
    def snapshot(self, scratch: Path) -> Iterator[DatabaseDump]:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=scratch) as folder:
            copy = Path(folder) / "copy.sqlite3"
            self._copy_to(copy)
            # A subprocess compresses at level 1: higher levels take three times as long for 10 % less.
            with read_from_program(["gzip", "-1", "--stdout", str(copy)], os.environ) as source:
                yield DatabaseDump(SQLiteEngine(copy).row_counts(), source)

    def _copy_to(self, copy: Path) -> None:
        try:
            with closing(sqlite3.connect(self.path, timeout=WRITE_LOCK_SECONDS, isolation_level=None)) as database:
                database.execute("VACUUM INTO ?", [str(copy)])
            _delete_excluded_rows(copy)
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"the database could not be copied to {copy.parent.parent}: {error}") from error

    def byte_count(self) -> int:
        return self.path.stat().st_size

    def row_counts(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.path)) as database:
            tables = _sqlite_tables(database)
            return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608 - ours

    def other_connections(self) -> list[str]:
        return [f"process {pid}" for pid in _pids_with_open_file(self.path)]

    def is_empty(self) -> bool:
        """True without tables. An unreadable file is not empty."""
        if not self.path.exists() or not self.path.stat().st_size:
            return True
        try:
            with closing(sqlite3.connect(self.path)) as database:
                return not _sqlite_tables(database)
        except sqlite3.DatabaseError:
            return False

    @contextmanager
    def replacement(self, mark: str) -> Iterator[Self]:
        """The block fills a new file, which then replaces ours by rename."""
        self.remove_leftovers()
        fresh = self._new_file()
        self._checkpoint()
        connection.settings_dict["NAME"] = fresh.path  # for the block's migrations
        try:
            yield fresh
            connections.close_all()
            fresh._checkpoint()
            self._keep_former_files(mark)
            fresh.path.replace(self.path)
            fsync_folder(self.path.parent)
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = self.path
            fresh.delete_files()

    def _new_file(self) -> Self:
        return replace(self, path=self.path.with_name(f".{self.path.name}.new"))

    def remove_leftovers(self) -> None:
        self._new_file().delete_files()

    def former_data_note(self, mark: str) -> str:
        return "what was here before is as it was"

    def _checkpoint(self) -> None:
        """Checkpoint the WAL into the file itself.

        A damaged file stays as it is; a log without a database belongs to a deleted one.
        """
        connections.close_all()
        if self.path.exists() and self.path.stat().st_size:
            with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(self.path)) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _keep_former_files(self, mark: str) -> None:
        """Keep the current files under names with `mark`; the database as a hard link, so that it stays here too."""
        database, *logs = self._files()
        for file in logs:
            if file.exists():
                file.rename(file.with_name(f"{ASIDE_PREFIX}{mark}.{file.name}"))
        if database.exists() and database.stat().st_size:
            os.link(database, database.with_name(f"{ASIDE_PREFIX}{mark}.{database.name}"))

    def delete_files(self) -> None:
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm", "-journal")]

    def load(self, source: IO[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            try:
                with gzip.open(source) as plain:
                    shutil.copyfileobj(plain, target, COPY_CHUNK_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise DatabaseUnusable(f"the database in the backup is damaged: {error}") from None
            target.flush()
            os.fsync(descriptor)
        if (report := self._check()) != "ok":
            raise DatabaseUnusable(f"the database in the backup is damaged: {report}")

    def _check(self) -> str:
        try:
            with closing(sqlite3.connect(self.path)) as database:
                return str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            return str(error)


def _delete_excluded_rows(copy: Path) -> None:
    """Securely delete rows that backups must not hold."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = ON")
        for name in set(TABLES_WITHOUT_ROWS).intersection(_sqlite_tables(database)):
            database.execute(f'DELETE FROM "{name}"')  # noqa: S608 - ours


def _sqlite_tables(database: sqlite3.Connection) -> list[str]:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def _pids_with_open_file(path: Path) -> list[int]:
    """Other processes with the file open, as far as /proc shows."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and any(link.readlink() == path for link in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


type Engine = SQLiteEngine | PostgreSQLEngine


def current_engine() -> Engine:
    name = connection.settings_dict["NAME"]
    return SQLiteEngine(Path(name)) if connection.vendor == "sqlite" else PostgreSQLEngine(str(name))
