"""Delivery events. There are millions: one page scans a limited number of rows."""

from datetime import datetime
from typing import Any, Literal

from ninja import Query, Schema

from newsletter.api.auth import ApiRequest
from newsletter.api.cursors import PageOf, PageQuery, decode_cursor, encode_cursor
from newsletter.api.endpoint import ApiResponse, AwareTime, EndpointRouter, page_response, to_dict
from newsletter.api.endpoints.readers import VIEW_PERMISSIONS
from newsletter.delivery.models import Event, Mailing
from subscribers.models import Subscriber

events = EndpointRouter(tags=["events"])
SCANNED_MAX = 50_000  # rows scanned per page
Kind = Literal[
    "sent", "delivered", "deferred", "bounced", "rejected", "failed", "complained", "unsubscribed", "autoresponded",
    "opened", "clicked", "unknown",
]  # fmt: skip


class EventOut(Schema):
    """kind: in Anymail's names. verdict: of a bounce, what it means for the address: hard, soft or policy; else empty.

    reader: the reader's id, if not erased. words: the server's reply, without addresses. source: "mail" or the
    provider. domain: the receiver's, for bounces only. at: when it happened; told_at: when it was reported.
    """

    id: int
    kind: Kind
    verdict: str
    reader: int | None
    issue: int | None
    source: str
    domain: str
    words: str
    at: datetime
    told_at: datetime


class EventQuery(PageQuery):
    """since: reported then or later. A page with fewer than `limit` events may be followed by others."""

    kind: Kind | None = None
    since: AwareTime | None = None


@events.reads(
    "/events", scope="events:read", permissions=(*VIEW_PERMISSIONS, "delivery.view_mailing"), returns=PageOf[EventOut]
)
def list_events(request: ApiRequest, wanted: Query[EventQuery]) -> ApiResponse:
    """A page of events, the most recently reported first."""
    rows, following = _page(wanted)
    return page_response(_to_json(rows), following)


def _page(wanted: EventQuery) -> tuple[list[Event], str]:
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    top = int(decode_cursor(wanted.cursor, 1)[0]) if wanted.cursor else newest + 1
    bottom = max(top - SCANNED_MAX, 0)
    among = Event.objects.filter(pk__lt=top, pk__gte=bottom)
    if wanted.since:
        among = among.filter(created_at__gte=wanted.since)
    if wanted.kind:
        among = among.filter(kind=wanted.kind)
    rows = list(among.order_by("-pk")[: wanted.limit + 1])
    if len(rows) > wanted.limit:
        return rows[: wanted.limit], encode_cursor([rows[wanted.limit - 1].pk])
    return rows, encode_cursor([bottom]) if _goes_on(bottom, wanted.since) else ""


def _goes_on(bottom: int, since: datetime | None) -> bool:
    below = Event.objects.filter(pk__lt=bottom).order_by("-pk").values_list("created_at", flat=True).first()
    return below is not None and (since is None or below >= since)


def _to_json(rows: list[Event]) -> list[dict[str, Any]]:
    hashes = {one.address_hash for one in rows if one.address_hash}
    readers = dict(Subscriber.objects.filter(address_hash__in=hashes).values_list("address_hash", "pk"))
    mailings = {one.mailing_id for one in rows if one.mailing_id}
    issues = dict(Mailing.objects.filter(pk__in=mailings).values_list("pk", "issue__number"))
    return [
        to_dict(
            EventOut,
            one,
            reader=readers.get(one.address_hash),
            issue=issues.get(one.mailing_id or 0),
            told_at=one.created_at,
        )
        for one in rows
    ]
