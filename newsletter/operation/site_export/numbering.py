"""The numbers that tables give to new rows: what was deleted leaves its number to nobody else."""

from collections.abc import Iterable, Mapping

from django.db import connection, connections, models
from django.db.backends.utils import CursorWrapper

type Models = Iterable[type[models.Model]]


def given(among: Models, using: str) -> dict[str, int]:
    """Return the highest number that each table has ever given."""
    own = connections[using]
    last = _of_postgresql if own.vendor == "postgresql" else _of_sqlite
    with own.cursor() as cursor:
        found = {model._meta.label: last(cursor, model) for model in _numbered(among)}
    return {label: number for label, number in found.items() if number}


def go_on(among: Models, given_there: Mapping[str, int]) -> None:
    """Have tables that were just filled go on behind the numbers that were given there, and behind their own rows."""
    follow = _follow_on_postgresql if connection.vendor == "postgresql" else _follow_on_sqlite
    with connection.cursor() as cursor:
        for model in _numbered(among):
            highest = model._default_manager.aggregate(highest=models.Max("pk"))["highest"] or 0
            if number := max(highest, given_there.get(model._meta.label, 0)):
                follow(cursor, model, number)


def _numbered(among: Models) -> list[type[models.Model]]:
    return [model for model in among if isinstance(model._meta.pk, models.AutoField)]


def _of_postgresql(cursor: CursorWrapper, model: type[models.Model]) -> int:
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{model._meta.db_table}"', _column(model)])
    cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {cursor.fetchone()[0]}")  # noqa: S608 - ours
    return int(cursor.fetchone()[0])


def _follow_on_postgresql(cursor: CursorWrapper, model: type[models.Model], number: int) -> None:
    place = (f'"{model._meta.db_table}"', _column(model))
    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", (*place, number))


def _of_sqlite(cursor: CursorWrapper, model: type[models.Model]) -> int:
    cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
    return int(cursor.fetchone()[0])


def _follow_on_sqlite(cursor: CursorWrapper, model: type[models.Model], number: int) -> None:
    table = model._meta.db_table
    cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])


def _column(model: type[models.Model]) -> str:
    return str(model._meta.pk.column)
