"""The tables of an export, and how values are written: the same on every database.

A moment is ISO 8601 in UTC, yes and no are `true` and `false`, what is empty is an empty cell, and JSON is JSON. A text
that a spreadsheet would compute, or that begins with an apostrophe, has an apostrophe in front; it is taken off again.
A test names the models that are in no table, with the reason.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.apps import apps
from django.db import models

from subscribers.exporting import FORMULA_STARTS

type Field = models.Field[Any, Any]
GUARDED = (*FORMULA_STARTS, "'")
BOOLEANS = {"true": True, "false": False}
# Columns of older exports that no model has any more.
DROPPED_COLUMNS = frozenset({"hub", "certified_at", "packed_at", "settled_at", "old_links_of"})


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
    read = _READERS.get(kind.get_internal_type(), _unguarded)
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


def _unguarded(cell: str) -> str:
    return cell.removeprefix("'")


def iso_text(at: datetime) -> str:
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
    "DateTimeField": iso_text,
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


@dataclass(frozen=True)
class Sheet:
    """One table: its file without “.csv”, and the rows in it.

    file_columns: columns that are files of their own. has_initial_rows: an empty installation has rows, too.
    """

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

ACCOUNTS = "accounts.csv"
ACCOUNT = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser", "date_joined")


def numbered() -> list[type[models.Model]]:
    """The models whose rows keep their numbers in a new installation."""
    return [apps.get_model(label) for label in ("posts.Post", "issues.Issue")] + [sheet.model for sheet in SHEETS]
