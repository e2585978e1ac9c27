"""Parses inbound messages and applies them, slice by slice; each slice is one transaction."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import batched
from time import monotonic

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Max
from django.db.models.functions import Length
from django.utils import timezone

from newsletter.delivery.events import reply_storing, rules, sns, webhooks
from newsletter.delivery.events.matching import (
    FORGED_MATCH,
    LATE_MATCH,
    NO_MATCH,
    REPORTED_WITHIN,
    CopyMatch,
    CopyMatcher,
    unsubscribing_reader,
)
from newsletter.delivery.events.parsed import EventKind, MessageKind, ParsedMessage, ParseError, ReportedEvent, TryLater
from newsletter.delivery.events.parsing import inbound_mail, provider_requests
from newsletter.delivery.events.rules import NewEvent
from newsletter.delivery.models import Event, InboundMessage
from subscribers.addresses import mask_addresses
from subscribers.models.consents import ConsentDetails

log = logging.getLogger(__name__)

SLICE_MESSAGES_MAX, SLICE_BYTES_MAX = 500, 512 * 1024  # of a transaction: mails are large, requests many
EVENTS_PER_STATEMENT = 1_000
RESULT_FIELDS = ("state", "what", "note", "applied_at", "mailing_id", "seq")
DATABASE_ERRORS = (InterfaceError, OperationalError)  # the database is away: everything waits
PARSERS: dict[str, Callable[[InboundMessage], ParsedMessage]] = {  # by source
    **dict.fromkeys(webhooks.VIEW_PATH_BY_PROVIDER, provider_requests.parse_stored_request),
    webhooks.AMAZON: sns.parse_sns_request,
    InboundMessage.MAIL: inbound_mail.parse_stored_mail,
}

type ParseResult = tuple[InboundMessage, ParsedMessage | None]  # None: unreadable, with a note why


def apply_waiting(now: datetime, seconds: float) -> int:
    """Apply waiting messages for about `seconds`; return how many.

    Each is tried once: those claimed by another worker, or not parsable yet, are skipped. Messages that arrive
    meanwhile wait for the next run.
    """
    until, last = monotonic() + seconds, 0
    done = InboundMessage.objects.give_up(now)
    newest = InboundMessage.objects.waiting().aggregate(pk=Max("pk"))["pk"] or 0
    while last < newest and (keys := _next_keys(last, newest)):
        last = keys[-1]
        done += _apply_slice(InboundMessage.objects.claim(keys, now), now)
        if monotonic() >= until:
            break
    return done


def _next_keys(last: int, newest: int) -> list[int]:
    """The keys of the next slice, whose bytes are limited, because a request may contain thousands of events.

    A message that has crashed a worker gets a slice of its own.
    """
    waiting = InboundMessage.objects.waiting().filter(pk__gt=last, pk__lte=newest)
    sizes = waiting.annotate(size=Length("body")).values_list("pk", "size", "begun")
    keys, total_size = list[int](), 0
    for key, size, begun in sizes[:SLICE_MESSAGES_MAX]:
        if keys and (begun or total_size + size > SLICE_BYTES_MAX):
            break
        keys, total_size = [*keys, key], total_size + size
        if begun:
            break
    return keys


def _apply_slice(messages: Sequence[InboundMessage], now: datetime) -> int:
    """Apply a claimed slice; release what cannot be parsed yet, and everything if the database is away."""
    results: list[ParseResult] = []
    for inbound in messages:  # outside the transaction: parsing takes longest
        with suppress(TryLater):
            results.append((inbound, _parse(inbound)))
    try:
        done = _apply_parsed(results, now)
    except DATABASE_ERRORS:
        with suppress(*DATABASE_ERRORS):
            InboundMessage.objects.release([inbound.pk for inbound in messages])
        raise
    InboundMessage.objects.release(list({one.pk for one in messages} - {one.pk for one, _parsed in results}))
    return done


def _apply_parsed(results: Sequence[ParseResult], now: datetime) -> int:
    """Apply parsed messages together; if that raises, one by one, so that a bad one blocks no other."""
    try:
        return _store_and_apply(results, now)
    except DATABASE_ERRORS:
        raise
    except Exception as error:
        if len(results) > 1:
            log.exception("A slice of inbound messages could not be applied; each is tried alone.")
            return sum(_apply_parsed([result], now) for result in results)
        inbound, _parsed = results[0]
        log.exception("Inbound message %s cannot be applied.", inbound.pk)
        _mark_unreadable(inbound, f"{type(error).__name__}: {error}")
        return _store_and_apply([(inbound, None)], now)


def _parse(inbound: InboundMessage) -> ParsedMessage | None:
    """Parse a message; None if it is unreadable, whatever the parser raises. Raises TryLater."""
    try:
        if inbound.source not in PARSERS:
            raise ParseError(f"{inbound.source} has no parser")  # noqa: TRY301 - one handler for all errors
        parsed = PARSERS[inbound.source](inbound)
        authenticated = tuple(replace(reported, is_authenticated=True) for reported in parsed.events)
        return replace(parsed, events=authenticated) if inbound.is_believed else parsed
    except ParseError as error:
        _mark_unreadable(inbound, str(error))
    except TryLater:
        raise
    except Exception as error:
        log.exception("Inbound message %s cannot be read.", inbound.pk)
        _mark_unreadable(inbound, f"{type(error).__name__}: {error}")
    return None


def _mark_unreadable(inbound: InboundMessage, why: str) -> None:
    inbound.state, inbound.what = InboundMessage.State.UNREADABLE, MessageKind.UNKNOWN
    inbound.note = mask_addresses(why)[:500]


def _store_and_apply(results: Sequence[ParseResult], now: datetime) -> int:
    """Store the events of some messages, apply them, and save the messages' results, in one transaction."""
    with transaction.atomic():
        claimed_at = _lock_waiting([inbound.pk for inbound, _parsed in results])
        claimed = [(inbound, parsed) for inbound, parsed in results if claimed_at.get(inbound.pk) == inbound.begun_at]
        matcher = CopyMatcher()
        matches = {
            inbound.pk: [(reported, matcher.find(reported)) for reported in parsed.events] if parsed else []
            for inbound, parsed in claimed
        }
        reports = [(inbound, *pair) for inbound, _ in claimed for pair in matches[inbound.pk]]
        rules.apply_new_events(_store_new_events(reports))
        for inbound, parsed in claimed:
            _set_result(inbound, parsed, [match for _reported, match in matches[inbound.pk]], matcher, now)
        _save_results([inbound for inbound, _parsed in claimed])
        emptied = [inbound.pk for inbound, parsed in claimed if parsed and parsed.deletes_body]
        if emptied:
            InboundMessage.objects.filter(pk__in=emptied).update(body=b"")
        for inbound, parsed in claimed:
            if parsed and parsed.personal_mail and inbound.what == MessageKind.REPLY:
                reply_storing.store_reply(inbound, parsed.personal_mail)
    return len(claimed)


def _save_results(messages: Sequence[InboundMessage]) -> None:
    """Save equal results with one statement: most requests of a provider have the same result."""
    keys_by_result: dict[tuple[object, ...], list[int]] = {}
    for inbound in messages:
        keys_by_result.setdefault(tuple(getattr(inbound, name) for name in RESULT_FIELDS), []).append(inbound.pk)
    for values, keys in keys_by_result.items():
        InboundMessage.objects.filter(pk__in=keys).update(**dict(zip(RESULT_FIELDS, values, strict=True)))


def _lock_waiting(keys: list[int]) -> dict[int, datetime | None]:
    """Lock the messages that still wait; return their claim times by key."""
    rows = InboundMessage.objects.waiting().filter(pk__in=keys)
    rows = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    return dict(rows.values_list("pk", "begun_at"))


def _store_new_events(matches: Sequence[tuple[InboundMessage, ReportedEvent, CopyMatch]]) -> list[NewEvent]:
    new_events = {
        (event.source, event.source_id): NewEvent(event, match, reported.diagnostic)
        for event, reported, match in _matched_events(matches)
    }
    for source in {source for source, _id in new_events}:
        ids = [source_id for event_source, source_id in new_events if event_source == source]
        for some in batched(ids, EVENTS_PER_STATEMENT, strict=False):
            known = Event.objects.filter(source=source, source_id__in=some).values_list("source_id", flat=True)
            for source_id in known:
                del new_events[source, source_id]
    events = [one.event for one in new_events.values()]
    Event.objects.bulk_create(events, batch_size=EVENTS_PER_STATEMENT, ignore_conflicts=True)
    return list(new_events.values())


def _matched_events(
    matches: Sequence[tuple[InboundMessage, ReportedEvent, CopyMatch]],
) -> Iterator[tuple[Event, ReportedEvent, CopyMatch]]:
    """Yield the events of reports, known ones too. Forged, late and unproven reports become no event.

    Reports without a source_id only prove arrival: at most one event per delivery, none if arrival is known.
    """
    arrivals = [
        (reported, match)
        for _inbound, reported, match in matches
        if reported.kind == EventKind.DELIVERED and match.is_proven
    ]
    arrived = {(match.mailing_id, match.seq) for reported, match in arrivals if reported.source_id}
    if unnamed := [match for reported, match in arrivals if not reported.source_id]:
        mailings, seqs = {match.mailing_id for match in unnamed}, {match.seq for match in unnamed}
        known = Event.objects.filter(mailing_id__in=mailings, seq__in=seqs, kind=EventKind.DELIVERED)
        arrived |= set(known.values_list("mailing_id", "seq"))
    for inbound, reported, match in matches:
        is_needless = not reported.source_id and (match.seq is None or (match.mailing_id, match.seq) in arrived)
        if match.is_proven and not (match.is_forged or match.is_too_late or is_needless):
            arrived.update([] if reported.source_id else [(match.mailing_id, match.seq)])
            yield _build_event(inbound, reported, match), reported, match


def _build_event(inbound: InboundMessage, reported: ReportedEvent, match: CopyMatch) -> Event:
    at = min(reported.at, inbound.received_at)  # reports may be dated in the future
    return Event(
        source=inbound.source,
        source_id=reported.source_id or f"arrived {match.mailing_id}/{match.seq}",
        kind=reported.kind,
        verdict=reported.bounce_type or "",
        mailing_id=match.mailing_id,
        seq=match.seq,
        address_hash=match.address_hash,
        domain=match.domain if reported.bounce_type else "",
        words=mask_addresses(reported.diagnostic)[:500],
        at=at,
        created_at=timezone.now() if reported.source_id else at,  # an open or a click: only its day is stored
    )


def _set_result(
    inbound: InboundMessage, parsed: ParsedMessage | None, matches: list[CopyMatch], matcher: CopyMatcher, now: datetime
) -> None:
    inbound.applied_at = now
    if parsed is None:
        return
    inbound.state, inbound.what, inbound.note = InboundMessage.State.APPLIED, parsed.kind, parsed.note[:500]
    if parsed.kind in {MessageKind.REPLY, MessageKind.AUTO_REPLY}:  # perhaps to the address for unsubscribing
        _unsubscribe(inbound, parsed, now)
    if parsed.kind != MessageKind.REQUEST:  # a request is about many deliveries
        copies = ((match.mailing_id, match.seq) for match in matches if match.seq is not None)
        inbound.mailing_id, inbound.seq = next(copies, matcher.copy_of(parsed.delivery_reference) or (None, None))
    _explain_no_effect(inbound, parsed, matches)


def _explain_no_effect(inbound: InboundMessage, parsed: ParsedMessage, matches: list[CopyMatch]) -> None:
    is_about_reader = parsed.kind in {MessageKind.BOUNCE, MessageKind.COMPLAINT}
    if matches and all(match == FORGED_MATCH for match in matches):
        inbound.note = "forged: it carries a signature that is not ours"
    elif matches and all(match == LATE_MATCH for match in matches):
        inbound.note = f"about a copy that was sent more than {REPORTED_WITHIN.days} days ago"
    elif is_about_reader and all(match == NO_MATCH for match in matches):
        inbound.note = "about nobody to whom anything was sent lately"
    elif unproven := [match.reader.email for match in matches if match.reader and not match.is_proven]:
        inbound.note = ", ".join(dict.fromkeys(unproven))[:500]
        if is_about_reader:
            inbound.state = InboundMessage.State.UNPROVEN


def _unsubscribe(inbound: InboundMessage, parsed: ParsedMessage, now: datetime) -> None:
    reader = unsubscribing_reader(parsed.delivery_reference)
    if reader is None:
        return
    inbound.what = MessageKind.LEAVING
    if not reader.has_joined_since(inbound.received_at):
        reader.unsubscribe(now, ConsentDetails("mail"))
