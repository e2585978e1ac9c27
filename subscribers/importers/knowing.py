"""Ask the database what it knows of the addresses of some rows: a handful of queries, however many rows."""

import json
from collections.abc import Collection
from typing import Any

from django.db.models import F
from django.db.models.lookups import Lookup

from subscribers.importers.deciding import Known, Reader
from subscribers.models import Note, Subscriber, Suppression
from subscribers.models.tags import Tagging

FIELDS = (
    "address_hash", "email", "name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at",
    "signup_round", "confirmation_due_at", "pk",
)  # fmt: skip


class AnyOf(Lookup):
    """What `__in` finds, by one parameter: a list of thousands costs Django more than the database.

    PostgreSQL is not told how many there are: for thousands it would rather read the whole table.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{left} = ANY(ARRAY(SELECT unnest(%s::text[])))", (*parameters, self.rhs)
        return f"{left} IN (SELECT value FROM json_each(%s))", (*parameters, json.dumps(self.rhs))  # noqa: S608  # nosec B608  # our own column


def any_of(hashes: Collection[str]) -> AnyOf:
    """Return the condition that the hash of an address is one of these."""
    return AnyOf(F("address_hash"), list(hashes))


def known(hashes: Collection[str], *, has_notes: bool) -> Known:
    """Return what is known of these addresses. has_notes: whether the rows have any, so that ours are needed."""
    rows = Subscriber.objects.filter(any_of(hashes)).order_by().values_list(*FIELDS)
    found = Known(readers={row[0]: Reader(*row) for row in rows})
    barred = Suppression.objects.filter(any_of(hashes)).order_by()
    found.reasons = dict(barred.values_list("address_hash", "reason"))
    if found.readers:
        _add_words(found, has_notes=has_notes)
    return found


def _add_words(found: Known, *, has_notes: bool) -> None:
    """Add the tags and notes of the readers who are known."""
    hash_of = {one.pk: known_as for known_as, one in found.readers.items() if one.pk}
    found.tags = {hash_of[pk]: names for pk, names in Tagging.objects.names_of(hash_of).items()}
    notes = Note.objects.filter(subscriber__in=hash_of).order_by() if has_notes else Note.objects.none()
    for pk, text in notes.values_list("subscriber_id", "text"):
        found.notes.setdefault(hash_of[pk], set()).add(text)
