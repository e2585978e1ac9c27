"""Values of the database as words of a table, and back: the same on every engine.

A moment is ISO 8601 in UTC, yes and no are `true` and `false`, what is empty is an empty cell, and JSON is JSON. A text
that a spreadsheet would compute, or that begins with an apostrophe, has an apostrophe in front; it is taken off again.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import models

from subscribers.exporting import FORMULA_STARTS

type Field = models.Field[Any, Any]
GUARDED = (*FORMULA_STARTS, "'")
BOOLEANS = {"true": True, "false": False}
# Columns of older exports, of what is no more.
GONE = frozenset({"hub", "certified_at", "packed_at", "settled_at"})


class Unreadable(ValueError):
    """A cell says nothing that its column could hold."""


def writer(field: Field) -> Callable[[Any], str]:
    """Return what makes the cell of a value; None is an empty one."""
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    write = _WRITERS.get(kind.get_internal_type(), str)
    return lambda value: "" if value is None else write(value)


def reader(field: Field) -> Callable[[str], Any]:
    """Return what makes the value of a cell. It raises Unreadable."""
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    read = _READERS.get(kind.get_internal_type(), _unguarded)
    is_null = field.null

    def value(cell: str) -> Any:
        if is_null and not cell:
            return None
        try:
            return read(cell)
        except (ValueError, KeyError, RecursionError):
            raise Unreadable(f"{field.attname}: {cell[:80]!r}") from None

    return value


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet computes."""
    return f"'{text}" if text.startswith(GUARDED) else text


def _unguarded(cell: str) -> str:
    return cell.removeprefix("'")


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _moment(cell: str) -> datetime:
    at = datetime.fromisoformat(cell)
    if at.tzinfo is None:
        raise ValueError(cell)
    return at.astimezone(UTC)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)  # PostgreSQL keeps no order of keys


TEXTS = ("CharField", "TextField", "EmailField", "SlugField", "URLField", "FileField")
_NUMBERS = (
    *("AutoField", "BigAutoField", "BigIntegerField", "IntegerField", "SmallIntegerField"),
    *("PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"),
)
_WRITERS: dict[str, Callable[[Any], str]] = {
    "BooleanField": lambda value: "true" if value else "false",
    "DateField": date.isoformat,
    "DateTimeField": moment,
    "JSONField": _json,
    "TimeField": time.isoformat,
    **dict.fromkeys(TEXTS, lambda value: guarded(str(value))),
}
_READERS: dict[str, Callable[[str], Any]] = {
    "BooleanField": BOOLEANS.__getitem__,
    "DateField": date.fromisoformat,
    "DateTimeField": _moment,
    "GenericIPAddressField": str,
    "JSONField": json.loads,
    "TimeField": time.fromisoformat,
    **dict.fromkeys(_NUMBERS, int),
}
