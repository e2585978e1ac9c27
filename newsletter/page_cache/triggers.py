"""Triggers that increment the site version, for PostgreSQL and SQLite."""

from collections.abc import Iterator
from itertools import product

from django.apps import AppConfig, apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from newsletter.page_cache.site_version import SiteVersion

TRIGGER_FUNCTION = "publication_count_change"


def tables_shown() -> list[str]:
    """Tables whose content readers see: `tables_shown` of each AppConfig."""
    return [table for config in apps.get_app_configs() for table in getattr(config, "tables_shown", ())]


def install_triggers(sender: AppConfig, *, using: str, **_event: object) -> None:
    """Runs after each migrate, because SQLite loses the triggers of a table that it rebuilds."""
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
        f"CREATE OR REPLACE FUNCTION {TRIGGER_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {add_one}; RETURN NULL; END $$"
    )
    for table in tables:
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_shown AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {TRIGGER_FUNCTION}()"
        )
