"""Sequences of primary keys: a deleted row's key is never used again, not even in a new installation."""

from collections.abc import Iterable, Mapping

from django.db import connection, connections, models
from django.db.backends.utils import CursorWrapper

type Model = type[models.Model]


def highest_numbers(among: Iterable[Model], using: str) -> dict[str, int]:
    own = connections[using]
    last = _last_of_postgresql if own.vendor == "postgresql" else _last_of_sqlite
    with own.cursor() as cursor:
        found = {model._meta.label: last(cursor, model) for model in _numbered(among)}
    return {label: number for label, number in found.items() if number}


def continue_after(among: Iterable[Model], given_there: Mapping[str, int]) -> None:
    """Set sequences of filled tables behind the exported values and their own rows."""
    follow = _follow_on_postgresql if connection.vendor == "postgresql" else _follow_on_sqlite
    with connection.cursor() as cursor:
        for model in _numbered(among):
            highest = model._base_manager.aggregate(highest=models.Max("pk"))["highest"] or 0
            if number := max(highest, given_there.get(model._meta.label, 0)):
                follow(cursor, model, number)


def _numbered(among: Iterable[Model]) -> list[Model]:
    return [model for model in among if isinstance(model._meta.pk, models.AutoField)]


def _place(model: Model) -> list[str]:
    return [f'"{model._meta.db_table}"', str(model._meta.pk.column)]


def _last_of_postgresql(cursor: CursorWrapper, model: Model) -> int:
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", _place(model))
    cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {cursor.fetchone()[0]}")  # noqa: S608 - ours
    return int(cursor.fetchone()[0])


def _follow_on_postgresql(cursor: CursorWrapper, model: Model, number: int) -> None:
    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [*_place(model), number])


def _last_of_sqlite(cursor: CursorWrapper, model: Model) -> int:
    cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
    return int(cursor.fetchone()[0])


def _follow_on_sqlite(cursor: CursorWrapper, model: Model, number: int) -> None:
    table = model._meta.db_table
    cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])
