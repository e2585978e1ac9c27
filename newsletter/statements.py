"""Statements that Django writes once in a process: for the few rows that each page needs when it is made anew.

Django takes 0.3 to 0.6 ms of CPU to write such a statement, ten times as much as the database takes to answer it.
See docs/decisions/0127.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler


class _Place(Value):
    """Where a value goes that is given when the statement is asked."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)

    def of(self, values: dict[str, Any]) -> Any:
        return self.output_field.get_db_prep_value(values[self.value], connection, prepared=False)


def given(name: str, field: type["Field[Any, Any]"]) -> Any:
    """Return what stands in a queryset's filter for a value that is not known yet. field: what kind of value it is."""
    return _Place(name, field())


class Statement[M: Model]:
    """A queryset of one table, with a place for each value that differs from one time to the next.

    build: returns the queryset. It may filter, order, slice and defer; it may not join rows of other tables to its own.
    """

    def __init__(self, build: Callable[[], "QuerySet[M, Any]"]) -> None:
        self._build = build
        self._written: tuple[type[M], str, Sequence[Any]] | None = None

    def rows(self, **values: Any) -> list[M]:
        """Return what the queryset finds with these values in its places."""
        model, sql, params = self._filled(values)
        return list(model._default_manager.raw(sql, params))

    def first(self, **values: Any) -> M | None:
        """Return the first of `rows`; None if there are none."""
        return next(iter(self.rows(**values)), None)

    def tuples(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a queryset of `values_list` finds, which may join: texts and whole numbers alone.

        Others are not as Django gives them. To make an object of each of 200 rows takes longer than to find them.
        """
        _model, sql, params = self._filled(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def _filled(self, values: dict[str, Any]) -> tuple[type[M], str, list[Any]]:
        model, sql, params = self._written = self._written or self._write()
        return model, sql, [one.of(values) if isinstance(one, _Place) else one for one in params]

    def _write(self) -> tuple[type[M], str, Sequence[Any]]:
        queryset = self._build()
        sql, params = queryset.query.sql_with_params()
        return queryset.model, sql, params
