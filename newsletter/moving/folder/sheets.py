"""The tables of an export, and how values are written: the same on every database.

A moment is ISO 8601 in UTC, yes and no are `true` and `false`, what is empty is an empty cell, and JSON is JSON. A text
that a spreadsheet would compute, or that begins with an apostrophe, has an apostrophe in front; it is taken off again.
A test names the models that are in no table, with the reason.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connection, connections, models
from django.db.backends.utils import CursorWrapper

from subscribers.exporting import FORMULA_STARTS

type Field = models.Field[Any, Any]
GUARDED = (*FORMULA_STARTS, "'")
# Columns of older exports that no model has any more.
DROPPED_COLUMNS = frozenset(
    {"hub", "certified_at", "packed_at", "settled_at", "old_links_of", "characters", "asked", "asked_on"}
)


class CellError(ValueError):
    """A cell says nothing that its column could hold."""


def cell_writer(field: Field) -> Callable[[Any], str]:
    """A function that writes a value as a cell; None is an empty cell."""
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    write = _WRITERS.get(kind.get_internal_type(), str)
    return lambda value: "" if value is None else write(value)


def cell_parser(field: Field) -> Callable[[str], Any]:
    """A function that parses a cell. It raises CellError."""
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    read: Callable[[str], Any] = _READERS.get(kind.get_internal_type(), lambda cell: cell.removeprefix("'"))
    is_null = field.null

    def value(cell: str) -> Any:
        if is_null and not cell:
            return None
        try:
            return read(cell)
        except (ValueError, KeyError, RecursionError):
            raise CellError(f"{field.attname}: {cell[:80]!r}") from None

    return value


def guarded(text: str) -> str:
    return f"'{text}" if text.startswith(GUARDED) else text


def iso_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _moment(cell: str) -> datetime:
    at = datetime.fromisoformat(cell)
    if at.tzinfo is None:
        raise ValueError(cell)
    return at.astimezone(UTC)


TEXTS = ("CharField", "TextField", "EmailField", "SlugField", "URLField", "FileField")
_NUMBERS = (
    *("AutoField", "BigAutoField", "BigIntegerField", "IntegerField", "SmallIntegerField"),
    *("PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField"),
)
_WRITERS: dict[str, Callable[[Any], str]] = {
    "BooleanField": lambda value: "true" if value else "false",
    "DateField": date.isoformat,
    "DateTimeField": iso_text,
    "JSONField": partial(json.dumps, ensure_ascii=False, sort_keys=True),  # PostgreSQL keeps no order of keys
    "TimeField": time.isoformat,
    **dict.fromkeys(TEXTS, lambda value: guarded(str(value))),
}
_READERS: dict[str, Callable[[str], Any]] = {
    "BooleanField": {"true": True, "false": False}.__getitem__,
    "DateField": date.fromisoformat,
    "DateTimeField": _moment,
    "GenericIPAddressField": str,
    "JSONField": json.loads,
    "TimeField": time.fromisoformat,
    **dict.fromkeys(_NUMBERS, int),
}


@dataclass(frozen=True)
class Sheet:
    """A table. file_columns: those in files of their own. has_initial_rows: also in an empty installation."""

    name: str
    label: str
    file_columns: tuple[str, ...] = ()
    has_initial_rows: bool = False

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def fields(self) -> list[Field]:
        return [field for field in self.model._meta.concrete_fields if field.name not in self.file_columns]


SHEETS = (
    Sheet("pictures", "posts.Image"),
    Sheet("posts/series", "posts.Series"),
    Sheet("posts/tags", "posts.Tag"),
    Sheet("posts/shown_pictures", "posts.Post_pictures"),
    Sheet("posts/revisions", "posts.Revision"),
    Sheet("posts/working_copies", "posts.WorkingCopy"),
    Sheet("posts/patterns", "posts.Pattern"),
    Sheet("redirects", "posts.Redirect"),
    Sheet("issues/corrections", "issues.Correction"),
    Sheet("issues/votes", "issues.Vote"),
    Sheet("issues/kept_texts", "issues.KeptText"),
    Sheet("issues/starting_points", "issues.StartingPoint"),
    Sheet("calendar/shifts", "issues.Shift"),
    Sheet("calendar/holiday_answers", "issues.HolidayAnswer"),
    Sheet("history", "publication.Change", has_initial_rows=True),
    Sheet("readers", "subscribers.Subscriber"),
    Sheet("readers/tags", "subscribers.ReaderTag"),
    Sheet("readers/tagged", "subscribers.Tagging"),
    Sheet("readers/consent_texts", "subscribers.ConsentText"),
    Sheet("readers/consents", "subscribers.Consent"),
    Sheet("readers/suppressions", "subscribers.Suppression"),
    Sheet("readers/address_changes", "subscribers.AddressChange"),
    Sheet("readers/acts", "subscribers.Act"),
    Sheet("readers/notes", "subscribers.Note"),
    Sheet("readers/sentences", "subscribers.Sentence"),
    Sheet("readers/pauses", "subscribers.Pause"),
    Sheet("readers/invitations", "subscribers.Invitation"),
    Sheet("readers/invited", "subscribers.Invited"),
    Sheet("readers/confirmation_reminders", "subscribers.ConfirmationReminder"),
    Sheet("readers/unsent", "subscribers.Unsent", has_initial_rows=True),
    Sheet("readers/erased", "subscribers.Forgotten"),
    Sheet("readers/by_day", "subscribers.DayCount", has_initial_rows=True),
    Sheet("readers/origins", "subscribers.OriginCount", has_initial_rows=True),
    Sheet("mailings", "delivery.Mailing", file_columns=("html", "text")),
    Sheet("mailings/steps", "delivery.MailingStep"),
    Sheet("mailings/batches", "delivery.Batch"),
    Sheet("mailings/breakdowns", "delivery.Breakdown"),
    Sheet("mailings/happenings", "delivery.Alert"),
    Sheet("mailings/refusals", "delivery.Refusal"),
    Sheet("mailings/events", "delivery.Event"),
    Sheet("mailings/event_counts", "delivery.EventCount"),
    Sheet("mailings/links", "delivery.Link"),
    Sheet("mailings/link_days", "delivery.LinkDayCount"),
    Sheet("mailings/first_letters", "delivery.CourseCopy"),
    Sheet("mailings/once_more", "delivery.OnceMore"),
    Sheet("mailings/result_letters", "delivery.ResultLetter"),
    Sheet("mailings/reminders", "delivery.Reminder", has_initial_rows=True),
    Sheet("feedback", "delivery.Feedback"),
    Sheet("replies", "delivery.Reply"),
    Sheet("replies/mails", "delivery.ReplyMail", file_columns=("body",)),
    Sheet("replies/tags", "delivery.ReplyTag"),
    Sheet("replies/answers", "delivery.Answer"),
    Sheet("replies/quotes", "delivery.Quote"),
)

ACCOUNTS_FILE = "accounts.csv"
USER_COLUMNS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "date_joined")


type Model = type[models.Model]


def _numbered() -> list[Model]:
    """The models whose rows keep their primary keys in a new installation."""
    found = [apps.get_model(label) for label in ("posts.Post", "issues.Issue")] + [sheet.model for sheet in SHEETS]
    return [model for model in found if isinstance(model._meta.pk, models.AutoField)]


def highest_numbers(using: str) -> dict[str, int]:
    """The last value of each sequence of primary keys: a deleted row's key is never used again, not even elsewhere."""
    own = connections[using]
    last = _last_of_postgresql if own.vendor == "postgresql" else _last_of_sqlite
    with own.cursor() as cursor:
        found = {model._meta.label: last(cursor, model) for model in _numbered()}
    return {label: number for label, number in found.items() if number}


def continue_after(exported: Mapping[str, int]) -> None:
    """Set sequences of filled tables behind the exported values and their own rows."""
    follow = _follow_on_postgresql if connection.vendor == "postgresql" else _follow_on_sqlite
    with connection.cursor() as cursor:
        for model in _numbered():
            highest = model._base_manager.aggregate(highest=models.Max("pk"))["highest"] or 0
            if number := max(highest, exported.get(model._meta.label, 0)):
                follow(cursor, model, number)


def _sequence_args(model: Model) -> list[str]:
    return [f'"{model._meta.db_table}"', str(model._meta.pk.column)]


def _last_of_postgresql(cursor: CursorWrapper, model: Model) -> int:
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", _sequence_args(model))
    cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {cursor.fetchone()[0]}")  # noqa: S608 - ours
    return int(cursor.fetchone()[0])


def _follow_on_postgresql(cursor: CursorWrapper, model: Model, number: int) -> None:
    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [*_sequence_args(model), number])


def _last_of_sqlite(cursor: CursorWrapper, model: Model) -> int:
    cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
    return int(cursor.fetchone()[0])


def _follow_on_sqlite(cursor: CursorWrapper, model: Model, number: int) -> None:
    table = model._meta.db_table
    cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])
