"""One number that grows with every change of what readers are shown. The database itself counts.

Whoever writes, by the admin, a queryset's `update` or plain SQL, and whatever process it is in: triggers add one
in the same transaction. A page that is kept under this number cannot outlive what it shows.

An app names its tables in its AppConfig: `tables_shown`.
"""

import math
import time
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from django.apps import AppConfig, apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from newsletter.publication.models import SiteVersion

FUNCTION = "publication_count_change"


class _Asked(NamedTuple):
    at: float  # by time.monotonic(), before the database was asked
    number: int


_asked = _Asked(-math.inf, 0)


def version_since(arrived_at: float | None) -> int:
    """Return the site's version as it was at `arrived_at` (time.monotonic()) or later; as it is now without it.

    Requests that wait for their turn together are so served by one question to the database, and nobody sees
    a page older than their request. Under load the question was a third of what a kept page costs.
    """
    global _asked  # noqa: PLW0603 - one pair, put in place at once, whichever thread does it
    asked = _asked
    if arrived_at is None or asked.at < arrived_at:
        at = time.monotonic()
        asked = _asked = _Asked(at, SiteVersion.current())
    return asked.number


def tables_shown() -> list[str]:
    """Return the tables whose changes readers may see."""
    return [table for config in apps.get_app_configs() for table in getattr(config, "tables_shown", ())]


def count_changes(sender: AppConfig, *, using: str, **_event: object) -> None:
    """Have the database count; after each migrate, because SQLite loses the triggers of a table that it rebuilds."""
    connection = connections[using]
    if SiteVersion._meta.db_table not in (tables := connection.introspection.table_names()):
        return
    with connection.cursor() as cursor:
        for statement in _statements(connection, [table for table in tables_shown() if table in tables]):
            cursor.execute(statement)


def _statements(connection: BaseDatabaseWrapper, tables: list[str]) -> Iterator[str]:
    version = SiteVersion._meta.db_table
    add_one = (
        f"INSERT INTO {version} (id, number) VALUES (1, 1)"  # noqa: S608  # nosec B608  # our own table's name
        f" ON CONFLICT (id) DO UPDATE SET number = {version}.number + 1"
    )
    return _for_sqlite(tables, add_one) if connection.vendor == "sqlite" else _for_postgresql(tables, add_one)


def _for_sqlite(tables: list[str], add_one: str) -> Iterator[str]:
    for table, verb in product(tables, ("INSERT", "UPDATE", "DELETE")):
        name = f"{table}_{verb.lower()}_shown"
        yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {verb} ON {table} BEGIN {add_one}; END"


def _for_postgresql(tables: list[str], add_one: str) -> Iterator[str]:
    yield (
        f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {add_one}; RETURN NULL; END $$"
    )
    for table in tables:
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_shown AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
        )
