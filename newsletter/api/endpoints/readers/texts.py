"""A reader as a program is told of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from django.db.models import OuterRef, Prefetch, Subquery
from ninja import Schema

from newsletter.api.endpoint import Told
from newsletter.api.times import told as told_time
from subscribers.models import Subscriber, SubscriberQuerySet, Suppression
from subscribers.models.consents import Consent
from subscribers.models.tags import Tagging

CONSENTS_MAX = 300  # lines of a record, the newest
State = Literal["pending", "active", "paused", "unsubscribed", "suppressed"]


class ConsentOut(Schema):
    """One line of the record of a subscription. text: the words that the form showed."""

    kind: str
    at: datetime
    source: str
    text: str
    ip: str | None


class ReaderOut(Told):
    """state: suppressed whatever else is so, for no mail goes to that address. suppressed: why.

    consents: of one reader, if they are asked for by `fields`, or by no fields at all.
    """

    id: int
    email: str
    name: str
    state: State
    suppressed: str | None
    tags: list[str]
    created_at: datetime
    asked_at: datetime | None
    confirmed_at: datetime | None
    paused_until: datetime | None
    unsubscribed_at: datetime | None
    consents: list[ConsentOut]


FIELDS_OF_ONE = tuple(ReaderOut.model_fields)
FIELDS = tuple(name for name in FIELDS_OF_ONE if name != "consents")


def tellable(readers: SubscriberQuerySet) -> SubscriberQuerySet:
    """Return readers with what `told` needs of them."""
    barred = Suppression.objects.filter(address_hash=OuterRef("address_hash")).order_by()
    taggings = Prefetch("taggings", Tagging.objects.select_related("tag").order_by("pk"))
    return readers.annotate(barred=Subquery(barred.values("reason"))).prefetch_related(taggings)


def told(readers: Iterable[Subscriber]) -> list[dict[str, Any]]:
    """Return readers as they are told, without their records: of `tellable`."""
    return [_told(reader) for reader in readers]


def _told(reader: Any) -> dict[str, Any]:
    is_paused = reader.state == Subscriber.State.PAUSED
    return {
        "id": reader.pk,
        "email": reader.email,
        "name": reader.name,
        "state": "suppressed" if reader.barred else reader.state,
        "suppressed": reader.barred,
        "tags": [one.tag.name for one in reader.taggings.all()],
        "created_at": told_time(reader.created_at),
        "asked_at": told_time(reader.asked_at),
        "confirmed_at": told_time(reader.confirmed_at),
        "paused_until": told_time(reader.paused_until if is_paused else None),
        "unsubscribed_at": told_time(reader.unsubscribed_at),
    }


def consents_of(reader: Subscriber) -> list[dict[str, Any]]:
    """Return the record of a reader, the newest line first."""
    lines = Consent.objects.filter(subscriber=reader).select_related("text").order_by("-pk")[:CONSENTS_MAX]
    return [
        {
            "kind": line.kind,
            "at": told_time(line.at),
            "source": line.source,
            "text": line.text.words if line.text else "",
            "ip": line.ip,
        }
        for line in lines
    ]
