"""From what arrived to what follows from it, slice by slice: each is one transaction, so nothing is done by halves."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import batched
from time import monotonic

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Max
from django.db.models.functions import Length
from django.utils import timezone

from newsletter.delivery.events import replying, rules, sns, webhooks
from newsletter.delivery.events.facts import Fact, Kind, NotYet, Reading, Unreadable, What
from newsletter.delivery.events.finding import FORGED, NOBODY, REPORTED_WITHIN, TOO_LATE, Finder, Found, leaver
from newsletter.delivery.events.reading import mail, requests
from newsletter.delivery.events.rules import News
from newsletter.delivery.models import Arrival, Event
from subscribers.addresses import without_addresses
from subscribers.models.consents import Circumstances

log = logging.getLogger(__name__)

SLICE, SLICE_OCTETS = 500, 512 * 1024  # arrivals of one transaction: mails are large, requests many
AT_ONCE = 1_000  # events of one statement
MARKED = ("state", "what", "note", "applied_at", "mailing_id", "seq")
AWAY = (InterfaceError, OperationalError)  # the database: everything waits


READERS: dict[str, Callable[[Arrival], Reading]] = {  # by source
    **dict.fromkeys(webhooks.VIEWS, requests.read),
    webhooks.AMAZON: sns.read,
    Arrival.MAIL: mail.read,
}

type Read = tuple[Arrival, Reading | None]  # None of one that is not understood, whose note says why


def apply_some(now: datetime, seconds: float) -> int:
    """Apply what waits, for about so many seconds; return how many arrivals that were.

    Each is looked at once: what another worker is applying, or what cannot be read yet, is left where it is. What
    comes meanwhile waits for the next time, so that many are one transaction.
    """
    until, last = monotonic() + seconds, 0
    done = Arrival.objects.give_up(now)
    newest = Arrival.objects.waiting().aggregate(pk=Max("pk"))["pk"] or 0
    while last < newest and (keys := _next(last, newest)):
        last = keys[-1]
        done += _apply(Arrival.objects.begin(keys, now), now)
        if monotonic() >= until:
            break
    return done


def _next(last: int, newest: int) -> list[int]:
    """Return the arrivals between that fit into one transaction: a request may hold thousands of events.

    One whose reading has ended a worker is read alone, so that it takes no other with it.
    """
    waiting = Arrival.objects.waiting().filter(pk__gt=last, pk__lte=newest)
    sizes = waiting.annotate(size=Length("body")).values_list("pk", "size", "begun")
    keys, octets = list[int](), 0
    for key, size, begun in sizes[:SLICE]:
        if keys and (begun or octets + size > SLICE_OCTETS):
            break
        keys, octets = [*keys, key], octets + size
        if begun:
            break
    return keys


def _apply(some: Sequence[Arrival], now: datetime) -> int:
    """Apply a slice that was begun; what cannot be read yet, or applied while the database is away, waits again."""
    read = list(_read_all(some))  # before the transaction: it takes longest
    try:
        done = _apply_read(read, now)
    except AWAY:
        with suppress(*AWAY):
            Arrival.objects.give_back([one.pk for one in some])
        raise
    Arrival.objects.give_back(list({one.pk for one in some} - {one.pk for one, _reading in read}))
    return done


def _apply_read(read: Sequence[Read], now: datetime) -> int:
    """Apply what was read; where that raises, each of it alone, so that one that is odd holds up no other."""
    try:
        return _record(read, now)
    except AWAY:
        raise
    except Exception:
        log.exception("A slice of what arrived could not be applied; each is tried alone.")
    return sum(_apply_alone(one, now) for one in read)


def _apply_alone(one: Read, now: datetime) -> int:
    try:
        return _record([one], now)
    except AWAY:
        raise
    except Exception as error:
        log.exception("Arrival %s cannot be applied.", one[0].pk)
        _set_aside(one[0], f"{type(error).__name__}: {error}")
        return _record([(one[0], None)], now)


def _read_all(some: Iterable[Arrival]) -> Iterator[Read]:
    for one in some:
        with suppress(NotYet):
            yield one, _read(one)


def _read(arrival: Arrival) -> Reading | None:
    """Return what a reader makes of an arrival; whatever strangers send, the others are read. Raises NotYet."""
    try:
        reading = READERS.get(arrival.source, _nobody)(arrival)
        proven = tuple(replace(fact, is_vouched=True) for fact in reading.facts)
        return replace(reading, facts=proven) if arrival.is_believed else reading
    except Unreadable as error:
        _set_aside(arrival, str(error))
    except NotYet:
        raise
    except Exception as error:
        log.exception("Arrival %s cannot be read.", arrival.pk)
        _set_aside(arrival, f"{type(error).__name__}: {error}")
    return None


def _nobody(arrival: Arrival) -> Reading:
    raise Unreadable(f"nobody reads what comes from {arrival.source}")


def _set_aside(arrival: Arrival, why: str) -> None:
    arrival.state, arrival.what = Arrival.State.UNREADABLE, What.UNKNOWN
    arrival.note = without_addresses(why)[:500]


def _record(read: Sequence[Read], now: datetime) -> int:
    """Write the events of some arrivals, do what follows from them, and mark the arrivals: all or nothing."""
    with transaction.atomic():
        still = _lock([arrival.pk for arrival, _reading in read])
        mine = [(arrival, reading) for arrival, reading in read if still.get(arrival.pk) == arrival.begun_at]
        finder = Finder()
        found = [(arrival, fact, finder.find(fact)) for arrival, reading in mine if reading for fact in reading.facts]
        rules.apply(_new_events(found))
        about: dict[int, list[Found]] = {arrival.pk: [] for arrival, _reading in mine}
        for arrival, _fact, one in found:
            about[arrival.pk].append(one)
        for arrival, reading in mine:
            _mark(arrival, reading, about[arrival.pk], finder, now)
        _save([arrival for arrival, _reading in mine])
        emptied = [arrival.pk for arrival, reading in mine if reading and reading.is_emptied]
        if emptied:
            Arrival.objects.filter(pk__in=emptied).update(body=b"")
        for arrival, reading in mine:
            if reading and reading.letter and arrival.what == What.REPLY:
                replying.take_in(arrival, reading.letter)
    return len(mine)


def _save(arrivals: Sequence[Arrival]) -> None:
    """Write what was marked: of those that are alike by one statement, for requests of a provider all are."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for one in arrivals:
        alike.setdefault(tuple(getattr(one, name) for name in MARKED), []).append(one.pk)
    for values, keys in alike.items():
        Arrival.objects.filter(pk__in=keys).update(**dict(zip(MARKED, values, strict=True)))


def _lock(keys: list[int]) -> dict[int, datetime | None]:
    """Return which of these arrivals still wait, each with when it was begun, and keep others from applying them."""
    rows = Arrival.objects.waiting().filter(pk__in=keys)
    rows = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    return dict(rows.values_list("pk", "begun_at"))


def _new_events(found: Sequence[tuple[Arrival, Fact, Found]]) -> list[News]:
    """Write the events that are not known yet, and return them; what is forged or proves nothing becomes none."""
    news = {(event.source, event.source_id): News(event, about, fact.words) for event, fact, about in _events(found)}
    for source in {source for source, _id in news}:
        ids = [source_id for of, source_id in news if of == source]
        for some in batched(ids, AT_ONCE, strict=False):
            known = Event.objects.filter(source=source, source_id__in=some).values_list("source_id", flat=True)
            for source_id in known:
                del news[source, source_id]
    Event.objects.bulk_create([one.event for one in news.values()], batch_size=AT_ONCE, ignore_conflicts=True)
    return list(news.values())


def _events(found: Sequence[tuple[Arrival, Fact, Found]]) -> Iterator[tuple[Event, Fact, Found]]:
    """Yield the events of facts, also those that are known; what is forged, late or proves nothing becomes none.

    Of what only proves that its copy arrived there is one for each copy, and none where that is known already.
    """
    about_copies = [(fact, one) for _arrival, fact, one in found if fact.kind == Kind.DELIVERED and one.is_proven]
    arrived = {(one.mailing_id, one.seq) for fact, one in about_copies if fact.source_id}
    if any(not fact.source_id for fact, _about in about_copies):
        arrived |= _known_to_have_arrived([about for fact, about in about_copies if not fact.source_id])
    for arrival, fact, about in found:
        is_needless = not fact.source_id and (about.seq is None or (about.mailing_id, about.seq) in arrived)
        if about.is_proven and not (about.is_forged or about.is_too_late or is_needless):
            arrived.update([] if fact.source_id else [(about.mailing_id, about.seq)])
            yield _event(arrival, fact, about), fact, about


def _known_to_have_arrived(copies: Sequence[Found]) -> set[tuple[int | None, int | None]]:
    mailings, seqs = {one.mailing_id for one in copies}, {one.seq for one in copies}
    rows = Event.objects.filter(mailing_id__in=mailings, seq__in=seqs, kind=Kind.DELIVERED)
    return set(rows.values_list("mailing_id", "seq"))


def _event(arrival: Arrival, fact: Fact, about: Found) -> Event:
    came_back = fact.verdict is not None
    at = min(fact.at, arrival.received_at)  # no report is from the future
    return Event(
        source=arrival.source,
        source_id=fact.source_id or f"arrived {about.mailing_id}/{about.seq}",
        kind=fact.kind,
        verdict=fact.verdict or "",
        mailing_id=about.mailing_id,
        seq=about.seq,
        address_hash=about.address_hash,
        domain=about.domain if came_back else "",
        words=without_addresses(fact.words)[:500],
        at=at,
        created_at=timezone.now() if fact.source_id else at,  # which would tell the hour
    )


def _mark(arrival: Arrival, reading: Reading | None, about: list[Found], finder: Finder, now: datetime) -> None:
    arrival.applied_at = now
    if reading is None:
        return
    arrival.state, arrival.what, arrival.note = Arrival.State.APPLIED, reading.what, reading.note[:500]
    if reading.what in MAY_BE_A_LEAVING:
        _take_leave(arrival, reading, now)
    if reading.what != What.REQUEST:  # which is about many copies
        copies = ((one.mailing_id, one.seq) for one in about if one.seq is not None)
        arrival.mailing_id, arrival.seq = next(copies, finder.copy_of(reading.names) or (None, None))
    _say_why_nothing_follows(arrival, reading, about)


def _say_why_nothing_follows(arrival: Arrival, reading: Reading, about: list[Found]) -> None:
    if about and all(one == FORGED for one in about):
        arrival.note = "forged: it carries a signature that is not ours"
    elif about and all(one == TOO_LATE for one in about):
        arrival.note = f"about a copy that was sent more than {REPORTED_WITHIN.days} days ago"
    elif reading.what in NAME_SOMEBODY and all(one == NOBODY for one in about):
        arrival.note = "about nobody to whom anything was sent lately"
    elif unproven := [one.reader.email for one in about if one.reader and not one.is_proven]:
        arrival.note = ", ".join(dict.fromkeys(unproven))[:500]
        if reading.what in NAME_SOMEBODY:
            arrival.state = Arrival.State.UNPROVEN


NAME_SOMEBODY = frozenset({What.BOUNCE, What.COMPLAINT})
MAY_BE_A_LEAVING = frozenset({What.REPLY, What.AUTO_REPLY})  # nobody answers that address but who wants to leave


def _take_leave(arrival: Arrival, reading: Reading, now: datetime) -> None:
    reader = leaver(reading.names)
    if reader is None:
        return
    arrival.what = What.LEAVING
    if not reader.has_come_since(arrival.received_at):
        reader.unsubscribe(now, Circumstances("mail"))
