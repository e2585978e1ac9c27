"""Speeds up the flush after tests that commit: rows written by `post_migrate` are restored directly, not by signals.

Django's signals look up each permission of each model: 0.1 s of CPU for each of some 350 tests. On PostgreSQL,
TRUNCATE takes another 0.2 s; deleting the few rows takes none.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal, sql_flush
from django.db import connections, transaction

RESTORED_TABLES = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
SCHEMA_VERSION_QUERIES = {  # queries whose result differs after a schema change
    "sqlite": "PRAGMA schema_version",
    "postgresql": (
        "SELECT count(*), max(oid), (SELECT max(id) FROM django_migrations) FROM pg_trigger WHERE NOT tgisinternal"
    ),
}


class SavedRows:
    """The rows last written by the post_migrate signal, and the schema version at that time.

    After a change of schema the signals run again: they also create triggers that a rebuilt table has lost.
    """

    def __init__(self) -> None:
        self.schema_version: object = None
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    def restore(self, verbosity: int, interactive: bool, db: str, **kwargs: Any) -> None:
        connection = connections[db]
        with transaction.atomic(using=db), connection.cursor() as cursor:
            if _schema_version(cursor) == self.schema_version:
                self._restore_changed(cursor)
            else:
                _empty(cursor, RESTORED_TABLES)
                emit_post_migrate_signal(verbosity, interactive, db, **kwargs)
                self._save(cursor)

    def _save(self, cursor: Any) -> None:
        self.schema_version = _schema_version(cursor)
        self.rows = {table: _rows(cursor, table) for table in RESTORED_TABLES}

    def _restore_changed(self, cursor: Any) -> None:
        """Rewrite changed tables, each by one statement: single inserts take 20 times as long."""
        changed = {table: rows for table, rows in self.rows.items() if _rows(cursor, table) != rows}
        _empty(cursor, changed)
        for table, rows in changed.items():
            marks = f"({', '.join(['%s'] * len(rows[0]))})"
            values = [value for row in rows for value in row]
            cursor.execute(f"INSERT INTO {table} VALUES {', '.join([marks] * len(rows))}", values)


def _rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    return _fetch_all(cursor, f"SELECT * FROM {table}")


def _empty(cursor: Any, tables: Iterable[str]) -> None:
    """Delete all rows in any order: foreign keys are checked at commit."""
    for table in tables:
        cursor.execute(f"DELETE FROM {table}")


def _schema_version(cursor: Any) -> object:
    return _fetch_all(cursor, SCHEMA_VERSION_QUERIES[cursor.db.vendor])


def _fetch_all(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def flush_statements(style: Any, connection: Any, **options: Any) -> list[str]:
    """The statements to empty all tables; on PostgreSQL only of those with rows, without triggers.

    There the tables of RESTORED_TABLES are left to `SavedRows`, which nearly always finds them unchanged.
    """
    if connection.vendor != "postgresql" or options["reset_sequences"]:
        return sql_flush(style, connection, **options)
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    looks = [f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables if table not in RESTORED_TABLES]
    with connection.cursor() as cursor:
        filled = [table for (table,) in _fetch_all(cursor, " UNION ALL ".join(looks))]
    return ["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {table}" for table in filled)]


@pytest.fixture(scope="session", autouse=True)
def _fast_flush() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", flush_statements)
        patch.setattr(flush, "emit_post_migrate_signal", SavedRows().restore)
        yield
