"""Rows into the empty tables of a new installation: by COPY on PostgreSQL, by many rows at once on SQLite.

Values go in as they are: no moment is set anew, no signal is sent. The database's own constraints hold. The number of
what was deleted is given to nobody else.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from itertools import batched
from typing import Any

from django.db import connection, connections, models
from django.db.backends.utils import CursorWrapper

from newsletter.operation.site_export import sheets
from newsletter.operation.site_export.folder import Damaged, Reader
from newsletter.operation.site_export.sheets import Field, Unreadable

AT_ONCE = 2000  # rows
type Row = Sequence[Any]


def read(folder: Reader, file: str, fields: Sequence[Field]) -> Iterator[list[Any]]:
    """Yield the rows of a table as values in the order of `fields`. A column that it lacks is filled with defaults.

    Raises Damaged for a column that no field has, or a cell that says nothing.
    """
    lines = folder.rows(file)
    heading = next(lines)
    by_column = {field.attname: field for field in fields}
    if unknown := [column for column in heading if column not in by_column and column not in sheets.GONE]:
        raise Damaged(f"{file} has the column {unknown[0]!r}, which this version does not know: update first")
    readers = [_value(field, heading) for field in fields]
    for number, line in enumerate(lines, 2):
        try:
            yield [one(line) for one in readers]
        except Unreadable as error:
            raise Damaged(f"{file}, row {number}: {error}") from None


def _value(field: Field, heading: Sequence[str]) -> Callable[[list[str]], Any]:
    """Return what makes the value of a field of a line."""
    if field.attname not in heading:
        return lambda _line: field.get_default()
    place, value = heading.index(field.attname), sheets.reader(field)
    return lambda line: value(line[place])


def load(model: type[models.Model], fields: Sequence[Field], rows: Iterable[Row]) -> int:
    """Put rows into a table, in the caller's transaction; return how many. Nothing of them stays in memory."""
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    writers = [_written(field) for field in fields]
    written = ([value if write is None else write(value) for write, value in zip(writers, row)] for row in rows)  # noqa: B905 - as long
    return (_copy if connection.vendor == "postgresql" else _insert)(table, columns, len(fields), written)


def _copy(table: str, columns: str, _width: int, rows: Iterable[Row]) -> int:
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is returned
            copy.write_row(row)
    return count


def _insert(table: str, columns: str, width: int, rows: Iterable[Row]) -> int:
    sql = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * width)})"  # noqa: S608 - names of our own
    count = 0
    with connection.cursor() as cursor:
        for some in batched(rows, AT_ONCE, strict=False):
            cursor.executemany(sql, some)
            count += len(some)
    return count


def _written(field: Field) -> Callable[[Any], Any] | None:
    """Return what makes of a value what the database takes, or None where it takes the value itself."""
    kind = field.get_internal_type()
    if kind == "JSONField":
        return lambda value: None if value is None else json.dumps(value)
    return _SQLITE.get(kind) if connection.vendor == "sqlite" else None


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def _day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def _hour(at: time | None) -> str | None:
    return None if at is None else at.isoformat()


_SQLITE: dict[str, Callable[[Any], Any]] = {"DateTimeField": _moment, "DateField": _day, "TimeField": _hour}


type Models = Iterable[type[models.Model]]


def numbers_given(among: Models, using: str) -> dict[str, int]:
    """Return the highest number that each table has ever given."""
    own = connections[using]
    last = _of_postgresql if own.vendor == "postgresql" else _of_sqlite
    with own.cursor() as cursor:
        found = {model._meta.label: last(cursor, model) for model in _numbered(among)}
    return {label: number for label, number in found.items() if number}


def go_on_numbering(among: Models, given_there: Mapping[str, int]) -> None:
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
