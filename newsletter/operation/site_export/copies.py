"""The ledger in an export: one table a mailing.

deliveries/17.csv    one line a copy: number, reader, state, tries, when, the provider's id and words
"""

from collections.abc import Iterator
from functools import lru_cache

from newsletter.delivery.models import Delivery, Mailing
from newsletter.operation.site_export import cells
from newsletter.operation.site_export.cells import Field
from newsletter.operation.site_export.folder import Reader
from newsletter.operation.site_export.loading import load, read
from newsletter.operation.site_export.snapshot import ALIAS
from newsletter.operation.site_export.writing import Writer

FOLDER = "deliveries"
COLUMNS = ("seq", "subscriber_id", "state", "attempts", "sent_at", "provider_id", "reply")


def fields() -> list[Field]:
    found = {field.attname: field for field in Delivery._meta.concrete_fields}
    return [found[name] for name in COLUMNS]


def file(mailing_id: int) -> str:
    return f"{FOLDER}/{mailing_id}.csv"


def write(folder: Writer) -> int:
    """Write the copies of every mailing that has some; return how many."""
    count = 0
    for mailing_id in Mailing.objects.using(ALIAS).exclude(planned_at=None).order_by("pk").values_list("pk", flat=True):
        count += folder.add_rows(file(mailing_id), COLUMNS, _lines(mailing_id))
    return count


def _lines(mailing_id: int) -> Iterator[list[str]]:
    write_each = [cells.writer(field) for field in fields()]
    at = COLUMNS.index("sent_at")
    write_each[at] = lru_cache(10_000)(write_each[at])  # few moments differ: a window has one
    rows = Delivery.objects.using(ALIAS).filter(mailing=mailing_id).order_by("seq").values_list(*COLUMNS)
    for copy in rows.iterator():
        yield [write(value) for write, value in zip(write_each, copy, strict=True)]


def bring_in(folder: Reader) -> int:
    """Load the copies of every mailing, after the mailings and their batches; return how many."""
    count = 0
    for mailing_id in Mailing.objects.order_by("pk").values_list("pk", flat=True):
        if file(mailing_id) in folder.files:
            count += _load(folder, mailing_id)
    return count


def _load(folder: Reader, mailing_id: int) -> int:
    whole = [field for field in Delivery._meta.concrete_fields if field.name == "mailing"] + fields()
    return load(Delivery, whole, ([mailing_id, *row] for row in read(folder, file(mailing_id), fields())))
