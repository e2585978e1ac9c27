"""A house with something in every table, and an empty one to move into."""

import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.core.management import call_command

from newsletter.moving.folder.sheets import SHEETS, Field, continue_after
from newsletter.moving.taking import site

AT = datetime(2026, 11, 28, 8, 30, 15, 123456, tzinfo=UTC)
NASTY = '=1+1, 「引號」 "quoted"\r\nsecond line\nthird \'n'


def move(settings: Any, folder: Path) -> None:
    """Have this process be an installation whose DATA_DIR is `folder`."""
    folder.mkdir(exist_ok=True)
    settings.DATA_DIR, settings.MEDIA_ROOT = folder, folder / "media"
    settings.SECRET_KEY_PATH, settings.DKIM_DIR = folder / "secret_key", folder / "dkim"
    settings.LOCK_DIR = folder / "locks"


def empty() -> None:
    """Empty the database, as a new installation has it."""
    call_command("flush", verbosity=0, interactive=False)
    for cache in caches.all():
        cache.clear()


def fill_every_table() -> None:
    """Give every table of an export one row, number 1; what it refers to has the number 1 as well."""
    for sheet in SHEETS:
        fields = list(sheet.model._meta.concrete_fields)
        if not sheet.model._base_manager.exists():
            site.insert_rows(sheet.model, fields, [[value(field) for field in fields]])
    continue_after({})  # on PostgreSQL a number that is given by hand moves no sequence


def value(field: Field) -> Any:
    label = f"{field.model.__name__}.{field.name}"
    if label in _CHOSEN:
        return _CHOSEN[label]
    if field.related_model:
        return field.related_model._base_manager.order_by("pk").values_list("pk", flat=True).first() or 1
    if field.primary_key:
        return date(2026, 11, 28) if field.get_internal_type() == "DateField" else 1
    if field.choices:
        return field.flatchoices[0][0]
    return _VALUES[field.get_internal_type()](field)


def _text(field: Field) -> str:
    return NASTY if field.max_length is None else NASTY[: field.max_length]


_CHOSEN: dict[str, Any] = {
    "Redirect.target": "",
    "Shift.kind": "moved",
    "Shift.first_on": None,
    "Shift.last_on": None,
    "Subscriber.state": "active",
    "Quote.state": "allowed",
    "Reply.thread": None,
}
_VALUES = {
    "BinaryField": lambda field: b"From: a@example.org\r\n\r\n\xff",
    "BooleanField": lambda field: True,
    "CharField": _text,
    "DateField": lambda field: AT.date(),
    "DateTimeField": lambda field: AT,
    "GenericIPAddressField": lambda field: "192.0.2.7",
    "JSONField": lambda field: {"z": 1, "a": ["字", None]},
    "SlugField": lambda field: "slug",
    "TextField": _text,
    "TimeField": lambda field: time(8, 0),
    **dict.fromkeys(
        (
            *("BigIntegerField", "IntegerField", "PositiveBigIntegerField", "PositiveIntegerField"),
            *("PositiveSmallIntegerField", "SmallIntegerField"),
        ),
        lambda field: 1,
    ),
}


def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found
