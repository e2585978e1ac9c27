"""Loads rows into the empty tables of a new installation.

Values are stored as they are: no auto_now, no signals. The database's own constraints hold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

from django.db import connection, models

from newsletter.moving.folder import sheets
from newsletter.moving.folder.layout import Damaged
from newsletter.moving.folder.manifest import ExportReader
from newsletter.moving.folder.sheets import CellError, Field

AT_ONCE = 2000  # rows


def read_rows(folder: ExportReader, file: str, fields: Sequence[Field]) -> Iterator[list[Any]]:
    """Yield rows as values in the order of `fields`; missing columns get defaults.

    Raises Damaged for an unknown column or an invalid cell.
    """
    lines = folder.rows(file)
    heading = next(lines)
    by_column = {field.attname: field for field in fields}
    if unknown := [column for column in heading if column not in by_column and column not in sheets.DROPPED_COLUMNS]:
        raise Damaged(f"{file} has the column {unknown[0]!r}, which this version does not know: update first")
    readers = [_value(field, heading) for field in fields]
    for number, line in enumerate(lines, 2):
        try:
            yield [one(line) for one in readers]
        except CellError as error:
            raise Damaged(f"{file}, row {number}: {error}") from None


def _value(field: Field, heading: Sequence[str]) -> Callable[[list[str]], Any]:
    """A function that takes a row and returns the value of `field`."""
    if field.attname not in heading:
        return lambda _line: field.get_default()
    place, value = heading.index(field.attname), sheets.cell_parser(field)
    return lambda line: value(line[place])


def insert_rows(model: type[models.Model], fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> int:
    """Insert rows in the caller's transaction; return how many.

    `bulk_create` would apply auto_now.
    """
    quote = connection.ops.quote_name
    columns, marks = ", ".join(quote(str(field.column)) for field in fields), ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own
    count = 0
    with connection.cursor() as cursor:
        for some in batched(rows, AT_ONCE, strict=False):
            cursor.executemany(sql, [_written(fields, row) for row in some])
            count += len(some)
    return count


def _written(fields: Sequence[Field], row: Sequence[Any]) -> list[Any]:
    return [field.get_db_prep_save(value, connection) for field, value in zip(fields, row)]  # noqa: B905 - as long
