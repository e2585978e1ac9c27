"""PostgreSQL in a backup: by its own pg_dump and pg_restore, which must be as new as the server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from django.db import connection, connections
from django.db.backends.postgresql.client import DatabaseClient

from newsletter.operation.backup.dumps import ASIDE, WITHOUT_ROWS, Dump, feed, giving

# Who owns it: the role of another installation has another name.
UNOWNED = [
    "--no-owner",
    "--no-privileges",
]


@dataclass(frozen=True)
class PostgreSQL:
    """A database of the server that this installation uses: its own, or another by name."""

    database: str
    name: ClassVar[str] = "postgresql"

    @contextmanager
    def dumped(self, scratch: Path) -> Iterator[Dump]:
        with self._cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # the rows are those of the dump
            cursor.execute("SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            options = ["--format=custom", *UNOWNED, f"--snapshot={snapshot}", f"--exclude-schema={ASIDE}*"]
            options += [f"--exclude-table-data={name}" for name in WITHOUT_ROWS]
            with giving(self._command("pg_dump", options), self._environment()) as source:
                yield Dump(_rows(cursor) | _none(cursor), source)

    def rows(self) -> dict[str, int]:
        with self._cursor() as cursor:
            return _rows(cursor)

    def others(self) -> list[str]:
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
            return not _tables(cursor)

    @contextmanager
    def replaced(self, mark: str) -> Iterator[Self]:
        connections.close_all()
        is_empty, make = self.is_empty(), "CREATE SCHEMA public"
        if not is_empty:
            self.run(f'ALTER SCHEMA public RENAME TO "{ASIDE}{mark}"', make)
        try:
            yield self
        except BaseException:
            connections.close_all()
            back = make if is_empty else f'ALTER SCHEMA "{ASIDE}{mark}" RENAME TO public'
            self.run("DROP SCHEMA public CASCADE", back)
            raise

    def meanwhile(self, mark: str) -> str:
        return f"what was in the database before is in its schema {ASIDE}{mark}"

    def forget_half(self) -> None:
        """Keep it: it lies where the next restore puts it aside."""

    def load(self, source: IO[bytes]) -> None:
        connections.close_all()
        options = ["--exit-on-error", "--single-transaction", *UNOWNED, "--dbname"]
        feed(self._command("pg_restore", options), self._environment(), source)
        self.run("ANALYZE")  # without it the first pages choose bad ways

    def run(self, *statements: str) -> None:
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """Yield a cursor of a connection of our own: Django's may be in a transaction."""
        own = connection.copy(alias="backup")
        own.settings_dict["NAME"] = self.database
        own.connect()
        try:
            with own.cursor() as cursor:
                yield cursor
        finally:
            own.close()

    def _command(self, program: str, options: list[str]) -> list[str]:
        """Return a command with the place of the server; its last word is the database."""
        words, _own = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return [program, *words[1:-1], *options, self.database]

    def _environment(self) -> dict[str, str]:
        """Return the environment with the password: a command line can be read by everybody."""
        _words, own = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return os.environ | (own or {})


def _tables(cursor: Any) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    return [name for (name,) in cursor.fetchall()]


def _none(cursor: Any) -> dict[str, int]:
    return dict.fromkeys(set(WITHOUT_ROWS).intersection(_tables(cursor)), 0)


def _rows(cursor: Any) -> dict[str, int]:
    rows = {}
    for name in _tables(cursor):
        cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - a table of ours
        rows[name] = cursor.fetchone()[0]
    return rows
