"""The words that an export carries for whoever opens it in twenty years, without this program."""

from collections.abc import Iterator
from pathlib import Path

from django.db import models
from django.utils import translation

from newsletter.delivery.models.deliveries import Delivery
from newsletter.operation.site_export import cells, copies
from newsletter.operation.site_export.cells import Field
from newsletter.operation.site_export.sheets import SHEETS
from newsletter.operation.site_export.writing import Writer

HERE = Path(__file__).parent
KINDS = {
    **dict.fromkeys(cells.TEXTS, "text"),
    "BooleanField": "true or false",
    "DateField": "day",
    "DateTimeField": "moment",
    "GenericIPAddressField": "IP address",
    "JSONField": "JSON",
    "TimeField": "time of day",
}


def write(folder: Writer) -> None:
    with translation.override("en"):
        folder.add("README.md", (HERE / "README.export.md").read_bytes())
        folder.add("TABLES.md", tables().encode())


def tables() -> str:
    """Return what each table and each of its columns says, in the words of the models."""
    lines = ["# Tables", "", "UTF-8, RFC 4180, the heading first. An empty cell is nothing. Moments are in UTC."]
    for sheet in SHEETS:
        lines += _table(sheet.file, sheet.model, sheet.fields)
    return "\n".join([*lines, *_table(f"{copies.FOLDER}/*.csv", Delivery, copies.fields())]) + "\n"


def _table(file: str, model: type[models.Model], fields: list[Field]) -> Iterator[str]:
    about = (model.__doc__ or "").partition("\n")[0]
    yield from ("", f"## {file}", "")
    if not about.startswith(f"{model.__name__}("):  # what Django writes where nobody has
        yield from (about, "")
    yield from (f"- `{field.attname}`: {_about(field)}" for field in fields)


def _about(field: Field) -> str:
    """Return in one line what a column holds."""
    words = [str(field.help_text)] if field.help_text else []
    if field.related_model and isinstance(field.related_model, type):
        names = {sheet.model: sheet.file for sheet in SHEETS}
        words.append(f"that of a row in {names.get(field.related_model, str(field.related_model._meta.verbose_name))}")
    if field.choices:
        words.append(", ".join(f"{value} = {label}" for value, label in field.flatchoices))
    return "; ".join([KINDS.get(field.get_internal_type(), "number"), *words])
