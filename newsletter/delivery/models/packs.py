"""The copies of mailings that were closed long ago: those of a batch in one row (docs/decisions/0050).

Whoever changes copies unpacks their batch first, and finds rows as ever. Whoever only reads finds both kinds here.
Who packs and who unpacks holds the batch's own row.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime

from django.db import connection, models
from django.utils.dateparse import parse_datetime

from newsletter.delivery.models import packing
from newsletter.delivery.models.deliveries import Batch, BatchQuerySet, Delivery
from newsletter.delivery.models.packing import Copy
from subscribers.addresses import without_addresses
from subscribers.models import Subscriber

COLUMNS = ("seq", "subscriber_id", "state", "attempts", "sent_at", "provider_id", "reply")


class PackQuerySet(models.QuerySet["Pack"]):
    def around(self, subscriber_id: int) -> "PackQuerySet":
        """Return those that may hold a copy of a reader: one of each mailing at most, found by the index alone."""
        return self.filter(first__lte=subscriber_id, last__gte=subscriber_id)

    def copies_of(self, subscriber_id: int) -> Iterator[tuple[int, Copy]]:
        """Yield the packed copies of a reader, each with the number of its mailing, the last one first."""
        for pack in self.around(subscriber_id).order_by("-mailing_id"):
            yield from ((pack.mailing_id, copy) for copy in pack.copies() if copy.subscriber_id == subscriber_id)


class Pack(models.Model):
    """The copies of one batch of a mailing that was closed long ago, packed."""

    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, primary_key=True, related_name="pack")
    mailing = models.ForeignKey(
        "delivery.Mailing", on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="packs"
    )
    first = models.BigIntegerField(null=True, help_text="the lowest number of a reader in it; empty if all were erased")
    last = models.BigIntegerField(null=True)
    rows = models.BinaryField()

    objects = PackQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["mailing", "first", "last", "batch"], name="packs_by_reader")]

    def __str__(self) -> str:
        return f"{self.mailing_id}: {self.batch_id}"

    def copies(self) -> list[Copy]:
        return packing.unpack(bytes(self.rows))

    def hold(self, copies: list[Copy]) -> "Pack":
        """Take `copies` in place of what it holds; whoever calls this saves it."""
        readers = [copy.subscriber_id for copy in copies if copy.subscriber_id is not None]
        self.first, self.last = min(readers, default=None), max(readers, default=None)
        self.rows = packing.pack(copies)
        return self


def pack(batch: Batch, own_words: Collection[str]) -> int:
    """Pack the copies of a batch that is done, in the transaction that has locked it; return how many there were.

    Of a copy that the provider took, its words are let go; those of `own_words` stay.
    """
    copies = [_shortened(copy, own_words) for copy in _taken(batch)]
    Pack(batch=batch, mailing_id=batch.mailing_id).hold(copies).save(force_insert=True)
    return len(copies)


def unpack(batches: Iterable[Batch]) -> int:
    """Make rows of what is packed of these batches, in the transaction that has locked them; return how many."""
    written = 0
    for found in Pack.objects.select_for_update().filter(pk__in=[batch.pk for batch in batches]).order_by("pk"):
        rows = [Delivery(mailing_id=found.mailing_id, **copy._asdict()) for copy in found.copies()]
        Delivery.objects.bulk_create(rows)
        Pack.objects.filter(pk=found.pk).delete()
        written += len(rows)
    return written


def deliveries(batches: BatchQuerySet, wanted: Callable[[Copy], bool], limit: int) -> list[Delivery]:
    """Return the first `limit` packed copies of some batches that are wanted, as rows that are in no table."""
    found: list[Delivery] = []
    for batch in batches.order_by("lo").values_list("pk", flat=True):
        one = Pack.objects.filter(pk=batch).first()  # it may have been unpacked this moment
        found += [_row(one.mailing_id, copy) for copy in one.copies() if wanted(copy)] if one else []
        if len(found) >= limit:
            break
    return _with_readers(found[:limit])


def _with_readers(rows: list[Delivery]) -> list[Delivery]:
    """Fill in the readers of rows by one query."""
    readers = Subscriber.objects.in_bulk([row.subscriber_id for row in rows if row.subscriber_id])
    for row in rows:
        row.subscriber = readers.get(row.subscriber_id) if row.subscriber_id else None
    return rows


def holding(subscriber_id: int) -> list[int]:
    """Return which packs may hold a copy of a reader."""
    return list(Pack.objects.around(subscriber_id).values_list("pk", flat=True).order_by("pk"))


def strike(pack_id: int, subscriber_id: int) -> None:
    """Take a reader out of one pack, in the caller's transaction; words about their copy name no address any more."""
    found = Pack.objects.select_for_update().filter(pk=pack_id).first()
    if found is None:  # unpacked meanwhile
        return
    copies = found.copies()
    struck = [_struck(copy) if copy.subscriber_id == subscriber_id else copy for copy in copies]
    if struck != copies:
        found.hold(struck).save(update_fields=["first", "last", "rows"])


def _struck(copy: Copy) -> Copy:
    return copy._replace(subscriber_id=None, provider_id="", reply=without_addresses(copy.reply))


def _shortened(copy: Copy, own_words: Collection[str]) -> Copy:
    is_plain = copy.state == Delivery.State.SENT and copy.reply not in own_words
    return copy._replace(provider_id="", reply="") if is_plain else copy


def _taken(batch: Batch) -> list[Copy]:
    """Delete the rows of a batch and return them: nobody can change one between the two."""
    sql = f"""
        DELETE FROM {Delivery._meta.db_table} WHERE mailing_id = %s AND seq >= %s AND seq < %s
        RETURNING {", ".join(COLUMNS)}
    """  # noqa: S608  # nosec B608  # names of our own; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(sql, [batch.mailing_id, batch.lo, batch.hi])
        rows = cursor.fetchall()
    if connection.vendor == "sqlite":
        rows = [(*row[:4], _moment(row[4]), *row[5:]) for row in rows]
    return sorted(map(Copy._make, rows))


def _moment(found: datetime | str | None) -> datetime | None:
    """Return a moment of SQLite, which keeps text without a zone."""
    at = parse_datetime(found) if isinstance(found, str) else found
    return at.replace(tzinfo=UTC) if at else None


def _row(mailing_id: int, copy: Copy) -> Delivery:
    return Delivery(mailing_id=mailing_id, **copy._asdict())
