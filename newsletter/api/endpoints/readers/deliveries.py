"""Which copies a reader got: of each mailing one line, whether its rows are packed by now or not."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Schema

from newsletter.api.cursors import read, written
from newsletter.api.endpoint import Answer, Number, paged
from newsletter.api.endpoints.readers.reading import SEE, reader_of, readers
from newsletter.api.entrance import ApiRequest
from newsletter.api.times import told
from newsletter.delivery.models import Delivery, Mailing
from newsletter.desk.readers.story import copies_of

__all__ = ["readers"]


class DeliveryOut(Schema):
    """mailing: its number within ours. kind: issue or correction. words: the server's own, as it answered last.

    state: queued, deferred, sent, failed, uncertain or skipped. at: when it was sent, or became uncertain.
    """

    issue: int
    subject: str
    mailing: int
    kind: str
    state: str
    at: datetime | None
    tries: int
    words: str


class DeliveriesOut(Schema):
    items: list[DeliveryOut]
    next: str | None


class Wanted(Schema):
    cursor: Annotated[str, Query(max_length=400)] = ""


@readers.reads(
    "/readers/{number:number}/deliveries",
    scope="deliveries:read",
    needs=(*SEE, "delivery.view_mailing"),
    returns=DeliveriesOut,
)
def list_deliveries(request: ApiRequest, number: Number, wanted: Query[Wanted]) -> Answer:
    """A page of the copies of a reader, those of the latest mailing first."""
    before = int(read(wanted.cursor, 1)[0]) if wanted.cursor else None
    found, floor = copies_of(reader_of(number), before)
    items = [_told(mailing, copy) for mailing, copy in sorted(found, key=lambda one: -one[0].pk)]
    return paged(items, written([floor]) if floor else "")


def _told(mailing: Mailing, copy: Any) -> dict[str, Any]:
    return {
        "issue": mailing.issue.number,
        "subject": mailing.issue.subject,
        "mailing": mailing.pk,
        "kind": mailing.kind,
        "state": Delivery.State(copy.state).name.lower(),
        "at": told(copy.sent_at),
        "tries": copy.attempts,
        "words": copy.reply,
    }
