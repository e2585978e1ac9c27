"""Rows into the empty tables of a new installation: by COPY on PostgreSQL, by many rows at once on SQLite.

Values go in as they are: no moment is set anew, no signal is sent. The database's own constraints hold.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import batched
from typing import Any

from django.db import connection, models

from newsletter.operation.site_export import cells
from newsletter.operation.site_export.cells import Field, Unreadable
from newsletter.operation.site_export.folder import Damaged, Reader

AT_ONCE = 2000  # rows
type Row = Sequence[Any]


def read(folder: Reader, file: str, fields: Sequence[Field]) -> Iterator[list[Any]]:
    """Yield the rows of a table as values in the order of `fields`. A column that it lacks is filled with defaults.

    Raises Damaged for a column that no field has, or a cell that says nothing.
    """
    lines = folder.rows(file)
    heading = next(lines)
    by_column = {field.attname: field for field in fields}
    if unknown := [column for column in heading if column not in by_column and column not in cells.GONE]:
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
    place, value = heading.index(field.attname), cells.reader(field)
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
