"""The ledger in an export: one table a mailing, whether its copies are rows or packed.

deliveries/17.csv    one line a copy: number, reader, state, tries, when, the provider's id and words
"""

from collections.abc import Iterator
from functools import lru_cache

from newsletter.delivery.models import Batch, Delivery, Mailing, Pack
from newsletter.delivery.models.packing import Copy
from newsletter.delivery.models.packs import COLUMNS
from newsletter.operation.site_export import cells
from newsletter.operation.site_export.cells import Field
from newsletter.operation.site_export.folder import Damaged, Reader
from newsletter.operation.site_export.loading import load, read
from newsletter.operation.site_export.snapshot import ALIAS
from newsletter.operation.site_export.writing import Writer

FOLDER = "deliveries"


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
    for copy in _copies(mailing_id):
        yield [write(value) for write, value in zip(write_each, copy, strict=True)]


def _copies(mailing_id: int) -> Iterator[Copy | tuple[object, ...]]:
    """Yield the copies of a mailing in the order of their numbers."""
    batches = Batch.objects.using(ALIAS).filter(mailing=mailing_id).order_by("lo")
    rows = Delivery.objects.using(ALIAS).filter(mailing=mailing_id).order_by("seq").values_list(*COLUMNS)
    for pk, lo, hi in batches.values_list("pk", "lo", "hi"):
        packed = Pack.objects.using(ALIAS).filter(pk=pk).first()
        yield from packed.copies() if packed else rows.filter(seq__gte=lo, seq__lt=hi).iterator()


def bring_in(folder: Reader) -> int:
    """Load the copies of every mailing, after the mailings and their batches; return how many."""
    packed = set(Mailing.objects.exclude(packed_at=None).values_list("pk", flat=True))
    count = 0
    for mailing_id in Mailing.objects.order_by("pk").values_list("pk", flat=True):
        if file(mailing_id) in folder.files:
            bring = _pack if mailing_id in packed else _load
            count += bring(folder, mailing_id)
    return count


def _load(folder: Reader, mailing_id: int) -> int:
    whole = [field for field in Delivery._meta.concrete_fields if field.name == "mailing"] + fields()
    return load(Delivery, whole, ([mailing_id, *row] for row in read(folder, file(mailing_id), fields())))


def _pack(folder: Reader, mailing_id: int) -> int:
    """Pack the copies of one batch after the other."""
    count = 0
    copies = map(Copy._make, read(folder, file(mailing_id), fields()))
    copy = next(copies, None)
    for batch in Batch.objects.filter(mailing=mailing_id).order_by("lo"):
        held: list[Copy] = []
        while copy is not None and copy.seq < batch.hi:
            held.append(copy)
            copy = next(copies, None)
        Pack(batch=batch, mailing_id=mailing_id).hold(held).save(force_insert=True)
        count += len(held)
    if copy is not None:
        raise Damaged(f"{file(mailing_id)}: copy {copy.seq} is in no batch")
    return count
