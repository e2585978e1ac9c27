"""Parses provider requests: Anymail's events in, ParsedMessage out. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from newsletter.delivery.events import webhooks
from newsletter.delivery.events.parsed import (
    BounceType,
    DeliveryReference,
    EventKind,
    MessageKind,
    ParsedMessage,
    ParseError,
    ReportedEvent,
)
from newsletter.delivery.events.parsing import bounces
from newsletter.delivery.models.events import Event, InboundMessage
from newsletter.mail.mailers import mailer_errors

FIELD_MAX = 500  # characters of a field
OUR_MESSAGE_ID = re.compile(r"issue\.\d{1,18}\.\d{1,9}\.[0-9a-f]{16}@", re.IGNORECASE)
# Anymail's "subscribed" and "inbound" are not used.
KIND_OF = {one.value: one for one in EventKind} | {"queued": EventKind.SENT}
# An open or a click proves arrival. Nothing else is stored, neither how often nor the hour: readers are not tracked,
# whatever the provider's account is set to.
ENGAGEMENT = frozenset({"opened", "clicked"})
# Reject reasons by the provider's own suppression list, which count like bounces.
ON_PROVIDER_LIST = frozenset({"bounced", "invalid", "spam"})
METADATA_KEY = "delivery"  # the metadata key of the delivery's token


def parse_stored_request(inbound: InboundMessage) -> ParsedMessage:
    return parse_request(inbound.source, bytes(inbound.body), inbound.about, inbound.received_at)


def parse_request(provider: str, body: bytes, kept: Mapping[str, Any], received_at: datetime) -> ParsedMessage:
    """kept: as returned by webhooks.kept_headers. Raises ParseError."""
    events, broken = _events(provider, body, kept)
    reported_events = [_reported_event(event, received_at) for event in events]
    unknown = [
        _provider_name(event)
        for event, reported in zip(events, reported_events, strict=True)
        if reported.kind == EventKind.UNKNOWN
    ]
    notes = [f"unknown: {', '.join(sorted(set(unknown)))}"] if unknown else []
    notes += [f"{broken} of its events cannot be read"] if broken else []
    is_emptied = bool(events) and not broken and all(str(event.event_type) in ENGAGEMENT for event in events)
    what = MessageKind.UNKNOWN if notes else MessageKind.REQUEST
    return ParsedMessage(what, tuple(reported_events), note="; ".join(notes), is_emptied=is_emptied)


def _events(provider: str, body: bytes, kept: Mapping[str, Any]) -> tuple[list[Any], int]:
    """Anymail's events, and how many entries could not be parsed: a bad entry does not affect the others."""
    try:
        return webhooks.parse_events(provider, body, kept), 0
    except mailer_errors(LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        why = f"{type(error).__name__}: {error}"
    events, broken = list[Any](), 0
    for piece in webhooks.split_events(body):
        try:
            events += webhooks.parse_events(provider, piece, kept)
        except mailer_errors(LookupError, TypeError, ValueError, AttributeError, AssertionError):
            broken += 1
    if not events:
        raise ParseError(why)
    return events, broken


def _reported_event(event: Any, received_at: datetime) -> ReportedEvent:
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    # A repeated request has a new signature, but is the same.
    serialized = json.dumps({name: raw[name] for name in raw if name != "signature"}, sort_keys=True, default=str)
    reference = DeliveryReference(
        tuple(_tokens(event.metadata)), tuple(_message_ids(serialized)), _short_text(event.recipient)
    )
    at = _as_utc(event.timestamp) or received_at
    if str(event.event_type) in ENGAGEMENT:
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return ReportedEvent(EventKind.DELIVERED, day, "", reference, is_vouched=True)
    texts = [_short_text(event.mta_response), _short_text(event.description)]
    kind = KIND_OF.get(str(event.event_type), EventKind.UNKNOWN)
    bounce_type = _bounce_type(kind, event, raw, texts)
    if kind == EventKind.REJECTED and event.reject_reason == "unsubscribed":
        kind = EventKind.UNSUBSCRIBED
    return ReportedEvent(
        kind,
        at,
        webhooks.joint_hash([serialized, str(event.event_type), reference.recipient]),
        reference,
        bounce_type=bounce_type,
        diagnostic=" ".join((next(filter(None, texts), "") or _short_text(event.reject_reason)).split())[:FIELD_MAX],
        is_vouched=True,
    )


def _bounce_type(kind: Event.Kind, event: Any, raw: Mapping[str, Any], texts: list[str]) -> Event.BounceType | None:
    if kind == EventKind.BOUNCED:
        status = str(raw.get("status", ""))
        status = status if bounces.ENHANCED_CODE.fullmatch(status) else ""
        return bounces.classify_provider_bounce(raw, event.reject_reason, texts, status)
    return BounceType.HARD if kind == EventKind.REJECTED and event.reject_reason in ON_PROVIDER_LIST else None


def _tokens(metadata: Any) -> Iterator[str]:
    token = metadata.get(METADATA_KEY) if isinstance(metadata, Mapping) else None
    if isinstance(token, str):
        yield token[:FIELD_MAX]


def _message_ids(serialized: str) -> list[str]:
    """Possible Message-IDs of ours: mails sent by SMTP have no metadata, but providers quote the header."""
    return list(dict.fromkeys(OUR_MESSAGE_ID.findall(serialized)))[:5] if "issue." in serialized.lower() else []


def _as_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _short_text(value: Any) -> str:
    return value[:FIELD_MAX] if isinstance(value, str) else ""


def _provider_name(event: Any) -> str:
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    named = (raw.get(name) for name in ("event", "type", "Type", "eventType", "notificationType", "RecordType"))
    return _short_text(next(filter(None, named), ""))[:60] or str(event.event_type)
