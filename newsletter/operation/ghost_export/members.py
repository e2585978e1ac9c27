"""Readers as the members of Ghost: a CSV with the columns that its importer takes, unasked, for what they are.

Whoever has left, pauses or must not be mailed is there with `subscribed_to_emails` false: Ghost mails none of them, and
a second list that has them active does not change that. Who never confirmed is not there.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import batched

from django.db.models import OuterRef, Subquery

from subscribers.exporting import AT_ONCE, harmless
from subscribers.models import Subscriber, Suppression
from subscribers.models.tags import Tagging

COLUMNS = ("email", "name", "note", "subscribed_to_emails", "complimentary_plan", "created_at", "labels")


def rows(alias: str) -> Iterator[list[str]]:
    """Yield the lines without the heading, as the rows are read."""
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).values("reason")
    fields = ("pk", "email", "name", "state", "confirmed_at", "created_at", "barred")
    readers = Subscriber.objects.using(alias).exclude(state=Subscriber.State.PENDING).order_by("pk")
    found = readers.annotate(barred=Subquery(barred[:1])).values_list(*fields)
    for some in batched(found.iterator(chunk_size=AT_ONCE), AT_ONCE, strict=False):
        tags = Tagging.objects.using(alias).names_of([pk for pk, *_rest in some])
        for pk, email, name, state, confirmed_at, created_at, reason in some:
            yield row(email, name, reason or state, confirmed_at or created_at, tags[pk])


def row(email: str, name: str, state: str, since: datetime, tags: Iterable[str]) -> list[str]:
    """Return the line of one reader. state: of the subscription, or why the address must not be mailed."""
    is_active = state == Subscriber.State.ACTIVE
    labels = [*tags, *([] if is_active else [state])]
    moment = since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    cells = [email, name, "", "true" if is_active else "false", "false", moment, ",".join(labels)]
    return [harmless(cell) for cell in cells]
