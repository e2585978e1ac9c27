"""Parses provider requests: Anymail's events in, ParsedMessage out. Pure."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
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

FIELD_MAX, MESSAGE_IDS_MAX = 500, 5  # characters of a field, and Message-IDs of an event
OUR_MESSAGE_ID = re.compile(r"issue\.\d{1,18}\.\d{1,9}\.[0-9a-f]{16}@", re.IGNORECASE)
# Anymail's "subscribed" and "inbound" are not used.
KIND_OF_EVENT_TYPE = {one.value: one for one in EventKind} | {"queued": EventKind.SENT}
# An open or a click proves arrival. Nothing else is stored, neither how often nor the hour: readers are not tracked,
# whatever the provider's account is set to.
ENGAGEMENT_TYPES = frozenset({"opened", "clicked"})
# Reject reasons by the provider's own suppression list, which count as bounces.
SUPPRESSED_REASONS = frozenset({"bounced", "invalid", "spam"})
METADATA_KEY = "delivery"  # the metadata key of the delivery's token


def parse_stored_request(inbound: InboundMessage) -> ParsedMessage:
    return parse_request(inbound.source, bytes(inbound.body), inbound.about, inbound.received_at)


def parse_request(provider: str, body: bytes, kept: Mapping[str, Any], received_at: datetime) -> ParsedMessage:
    """kept: as returned by webhooks.kept_headers. Raises ParseError."""
    events, broken = _events(provider, body, kept)
    reported_events = [_reported_event(event, received_at) for event in events]
    pairs = zip(events, reported_events, strict=True)
    unknown = {_provider_kind(event) for event, reported in pairs if reported.kind == EventKind.UNKNOWN}
    notes = [f"unknown: {', '.join(sorted(unknown))}"] if unknown else []
    notes += [f"{broken} of its events cannot be read"] if broken else []
    deletes_body = bool(events) and not broken and all(str(event.event_type) in ENGAGEMENT_TYPES for event in events)
    kind = MessageKind.UNKNOWN if notes else MessageKind.REQUEST
    return ParsedMessage(kind, tuple(reported_events), note="; ".join(notes), deletes_body=deletes_body)


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
    token = event.metadata.get(METADATA_KEY) if isinstance(event.metadata, Mapping) else None
    # Mails sent by SMTP have no metadata, but providers quote the Message-ID.
    message_ids = dict.fromkeys(OUR_MESSAGE_ID.findall(serialized) if "issue." in serialized.lower() else [])
    tokens = (_short_text(token),) if isinstance(token, str) else ()
    reference = DeliveryReference(tokens, tuple(message_ids)[:MESSAGE_IDS_MAX], _short_text(event.recipient))
    at = event.timestamp or received_at
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if str(event.event_type) in ENGAGEMENT_TYPES:
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return ReportedEvent(EventKind.DELIVERED, day, "", reference, is_authenticated=True)
    texts = [_short_text(event.mta_response), _short_text(event.description)]
    kind = KIND_OF_EVENT_TYPE.get(str(event.event_type), EventKind.UNKNOWN)
    bounce_type = _bounce_type(kind, event, raw, texts)
    if kind == EventKind.REJECTED and event.reject_reason == "unsubscribed":
        kind = EventKind.UNSUBSCRIBED
    return ReportedEvent(
        kind,
        at,
        sha256("\0".join([serialized, str(event.event_type), reference.recipient]).encode()).hexdigest()[:40],
        reference,
        bounce_type=bounce_type,
        diagnostic=" ".join((next(filter(None, texts), "") or _short_text(event.reject_reason)).split())[:FIELD_MAX],
        is_authenticated=True,
    )


def _bounce_type(kind: Event.Kind, event: Any, raw: Mapping[str, Any], texts: list[str]) -> Event.BounceType | None:
    if kind == EventKind.BOUNCED:
        status = str(raw.get("status", ""))
        status = status if bounces.ENHANCED_CODE.fullmatch(status) else ""
        return bounces.classify_provider_bounce(raw, event.reject_reason, texts, status)
    return BounceType.HARD if kind == EventKind.REJECTED and event.reject_reason in SUPPRESSED_REASONS else None


def _short_text(value: Any) -> str:
    return value[:FIELD_MAX] if isinstance(value, str) else ""


def _provider_kind(event: Any) -> str:
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    named = (raw.get(name) for name in ("event", "type", "Type", "eventType", "notificationType", "RecordType"))
    return _short_text(next(filter(None, named), ""))[:60] or str(event.event_type)
