"""What `migrate` writes into tables comes back after a test that has committed, as rows instead of by signals.

Django empties all tables after such a test, and has its signals look for each permission of each model: 0.1 s of a
processor, for each of some 350 tests.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, transaction

GIVEN = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")


class Given:
    """The rows of these tables as the signals wrote them last, and the state of the schema in which they did.

    When a test has changed the schema, the signals do it again: they also make triggers that a rebuilt table has lost.
    """

    def __init__(self) -> None:
        self.schema: object = None
        self.rows: dict[str, list[tuple[Any, ...]]] = {}

    def give(self, verbosity: int, interactive: bool, db: str, **kwargs: Any) -> None:
        connection = connections[db]
        if connection.vendor != "sqlite":
            emit_post_migrate_signal(verbosity, interactive, db, **kwargs)
            return
        with transaction.atomic(using=db), connection.cursor() as cursor:
            if _schema(cursor) == self.schema:
                self._write(cursor)
            else:
                emit_post_migrate_signal(verbosity, interactive, db, **kwargs)
                self._remember(cursor)

    def _remember(self, cursor: Any) -> None:
        self.schema = _schema(cursor)
        self.rows = {table: cursor.execute(f"SELECT * FROM {table}").fetchall() for table in GIVEN}

    def _write(self, cursor: Any) -> None:
        for table, rows in self.rows.items():
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _schema(cursor: Any) -> object:
    """Return a number that SQLite counts up with each change of the schema."""
    return cursor.execute("PRAGMA schema_version").fetchone()


@pytest.fixture(scope="session", autouse=True)
def _flush_gives_rows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", Given().give)
        yield
