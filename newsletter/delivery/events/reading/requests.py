"""What is said in a provider's request: Anymail's events in, frozen facts out. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from newsletter.delivery.events import webhooks
from newsletter.delivery.events.facts import Fact, Kind, Names, Reading, Unreadable, Verdict, What
from newsletter.delivery.events.reading import bounces
from newsletter.delivery.models.events import Arrival, Event
from newsletter.mail.mailers import mailer_errors

LENGTH_MAX = 500  # characters of a field
OUR_MESSAGE_ID = re.compile(r"issue\.\d{1,18}\.\d{1,9}\.[0-9a-f]{16}@", re.IGNORECASE)
# Anymail's "subscribed" and "inbound" mean nothing here.
KIND_OF = {one.value: one for one in Kind} | {"queued": Kind.SENT}
# That a letter was opened, or a link followed, proves that it arrived. Nothing else of it is kept, neither how often
# nor the hour: readers are not followed, whatever a provider's account is set to.
FOLLOWING = frozenset({"opened", "clicked"})
# A provider that has a list of its own does not even try: what it says of an address counts as if the receiver had.
LISTED = frozenset({"bounced", "invalid", "spam"})
METADATA = "delivery"  # under this name a courier gives the copy's token to the provider


def read(arrival: Arrival) -> Reading:
    return read_request(arrival.source, bytes(arrival.body), arrival.about, arrival.received_at)


def read_request(provider: str, body: bytes, kept: Mapping[str, Any], received_at: datetime) -> Reading:
    """Return the facts in a request. kept: what providers.kept_headers gave. Raises Unreadable."""
    events, broken = _events(provider, body, kept)
    facts = [_fact(event, received_at) for event in events]
    unknown = [_own_name(event) for event, fact in zip(events, facts, strict=True) if fact.kind == Kind.UNKNOWN]
    notes = [f"unknown: {', '.join(sorted(set(unknown)))}"] if unknown else []
    notes += [f"{broken} of its events cannot be read"] if broken else []
    is_emptied = bool(events) and not broken and all(str(event.event_type) in FOLLOWING for event in events)
    what = What.UNKNOWN if notes else What.REQUEST
    return Reading(what, tuple(facts), note="; ".join(notes), is_emptied=is_emptied)


def _events(provider: str, body: bytes, kept: Mapping[str, Any]) -> tuple[list[Any], int]:
    """Return the events of a request, and how many of its entries cannot be read: one does not spoil the others."""
    try:
        return webhooks.events_in(provider, body, kept), 0
    except mailer_errors(LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        why = f"{type(error).__name__}: {error}"
    events, broken = list[Any](), 0
    for piece in webhooks.pieces_of(body):
        try:
            events += webhooks.events_in(provider, piece, kept)
        except mailer_errors(LookupError, TypeError, ValueError, AttributeError, AssertionError):
            broken += 1
    if not events:
        raise Unreadable(why)
    return events, broken


def _fact(event: Any, received_at: datetime) -> Fact:
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    # A request that is sent again is signed anew, and is the same.
    written = json.dumps({name: raw[name] for name in raw if name != "signature"}, sort_keys=True, default=str)
    names = Names(tuple(_tokens(event.metadata)), tuple(_message_ids(written)), _text(event.recipient))
    at = _aware(event.timestamp) or received_at
    if str(event.event_type) in FOLLOWING:
        return Fact(Kind.DELIVERED, _day_of(at), "", names, is_vouched=True)
    said = [_text(event.mta_response), _text(event.description)]
    kind = KIND_OF.get(str(event.event_type), Kind.UNKNOWN)
    verdict = _verdict(kind, event, raw, said)
    if kind == Kind.REJECTED and event.reject_reason == "unsubscribed":
        kind = Kind.UNSUBSCRIBED
    return Fact(
        kind,
        at,
        webhooks.hash_of([written, str(event.event_type), names.recipient]),
        names,
        verdict=verdict,
        words=" ".join((next(filter(None, said), "") or _text(event.reject_reason)).split())[:LENGTH_MAX],
        is_vouched=True,
    )


def _verdict(kind: Event.Kind, event: Any, raw: Mapping[str, Any], said: list[str]) -> Event.Verdict | None:
    if kind == Kind.BOUNCED:
        status = str(raw.get("status", ""))
        status = status if bounces.ENHANCED.fullmatch(status) else ""
        return bounces.of_provider(raw, event.reject_reason, said, status)
    return Verdict.HARD if kind == Kind.REJECTED and event.reject_reason in LISTED else None


def _tokens(metadata: Any) -> Iterator[str]:
    token = metadata.get(METADATA) if isinstance(metadata, Mapping) else None
    if isinstance(token, str):
        yield token[:LENGTH_MAX]


def _message_ids(written: str) -> list[str]:
    """Return what may be Message-IDs of ours: by SMTP no metadata goes along, and providers quote the header."""
    return list(dict.fromkeys(OUR_MESSAGE_ID.findall(written)))[:5] if "issue." in written.lower() else []


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _day_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _text(value: Any) -> str:
    return value[:LENGTH_MAX] if isinstance(value, str) else ""


def _own_name(event: Any) -> str:
    """Return what the provider calls an event, as far as one field says so."""
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    named = (raw.get(name) for name in ("event", "type", "Type", "eventType", "notificationType", "RecordType"))
    return _text(next(filter(None, named), ""))[:60] or str(event.event_type)
