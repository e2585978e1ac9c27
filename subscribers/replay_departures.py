"""Replays departures that a restored database has forgotten, from the departures file.

Changes nothing on a database that was not restored. A reader who came back after leaving stays.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import batched

from django.db import transaction

from subscribers import departures
from subscribers.departures import Departure, DepartureKind
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import ConsentDetails

log = logging.getLogger(__name__)

BATCH_SIZE = 500  # departures in one transaction
SUBSCRIPTION_KINDS = {DepartureKind.LEFT, DepartureKind.RETURNED, DepartureKind.MOVED, DepartureKind.ERASED}
SUPPRESSING_KINDS = {DepartureKind.BOUNCED, DepartureKind.COMPLAINED, DepartureKind.MANUAL, DepartureKind.ERASED}
SUPPRESSION_KINDS = {*SUPPRESSING_KINDS, DepartureKind.LIFTED}
REPLAY_DETAILS = ConsentDetails("remembered after a restore")


def replay() -> int:
    """Apply all departures that the database does not know; return how many of them it once had. Idempotent.

    One that was never committed was lost with a crash of the database, not by a restore. Hashes of another
    installation's salt match nobody.
    """
    ends = _ends(departures.read_departures())
    forgotten = sum(_apply_batch(batch) for batch in batched(ends, BATCH_SIZE, strict=False))
    if forgotten:
        log.warning("%d departures that this database had forgotten were done again: it comes from a backup", forgotten)
    return forgotten


def _ends(found: Collection[Departure]) -> Iterator[Departure]:
    """Yield the final departure and the final suppression of each address; the two are independent."""
    moves = {one.who: one for one in found if one.why in SUBSCRIPTION_KINDS}
    suppressions = _last_suppressions(found)
    for who in moves | suppressions:
        heirs = _heirs(who, moves)
        end = moves.get(heirs[-1])
        barred = (suppressions[heir] for heir in heirs if heir in suppressions)
        suppression = next((one for one in barred if one.why in SUPPRESSING_KINDS), None)
        if end and end.why in {DepartureKind.LEFT, DepartureKind.ERASED}:
            yield replace(end, who=who, heir="")
        if suppression and not (end and end.why == DepartureKind.ERASED):
            yield replace(suppression, who=who)


def _last_suppressions(found: Iterable[Departure]) -> dict[str, Departure]:
    """The last suppression or lifting of each address. The first reason stays, but a return ends an erasure."""
    last: dict[str, Departure] = {}
    for one in found:
        standing = known.why if (known := last.get(one.who)) and known.why in SUPPRESSING_KINDS else None
        is_further = standing is not None and one.why in SUPPRESSING_KINDS - {DepartureKind.ERASED}
        is_end = one.why == DepartureKind.RETURNED and standing == DepartureKind.ERASED
        if is_end or (one.why in SUPPRESSION_KINDS and not is_further):
            last[one.who] = one
    return last


def _heirs(who: str, moves: Mapping[str, Departure]) -> list[str]:
    """An address and those that its reader moved to, in order."""
    heirs = [who]
    while (at := moves.get(heirs[-1])) and at.why == DepartureKind.MOVED and at.heir not in heirs:
        heirs.append(at.heir)
    return heirs


@transaction.atomic
def _apply_batch(batch: Collection[Departure]) -> int:
    hashes = [departure.who for departure in batch]
    readers = {one.address_hash: one for one in Subscriber.objects.filter(address_hash__in=hashes)}
    suppressed = set(Suppression.objects.filter(address_hash__in=hashes).values_list("address_hash", flat=True))
    applied = [one for one in batch if _apply(one, readers.get(one.who), is_suppressed=one.who in suppressed)]
    return sum(one.is_committed for one in applied)


def _apply(departure: Departure, reader: Subscriber | None, *, is_suppressed: bool) -> bool:
    """Return whether the departure changed anything."""
    if reader and reader.has_joined_since(departure.at):
        return False
    if departure.why == DepartureKind.LEFT:
        return reader is not None and reader.unsubscribe(departure.at, REPLAY_DETAILS)
    if departure.why == DepartureKind.ERASED and reader:
        reader.erase()
        return True
    if is_suppressed:
        return False
    email = reader.email if reader else ""
    Suppression.objects.create(address_hash=departure.who, email=email, reason=departure.why)
    return True
