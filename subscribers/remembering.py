"""What a restored database has forgotten: departures after its backup are done again, from the file that kept them.

On a database that was not restored, nothing is left to do. A reader who came back later than they left stays.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from itertools import batched

from django.db import transaction

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Departure, Why
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.consents import Circumstances

log = logging.getLogger(__name__)

STEP = 500  # addresses in one transaction
REPLAYED = Circumstances("remembered after a restore")


def replay() -> int:
    """Do every departure again that the database does not know; return how many those were. Twice changes nothing."""
    salt = Publication.objects.current().salt
    last = _last(_by_our_salt(departures.read(), salt))
    ended = [departure for who in last if (departure := _end_of(who, last))]
    forgotten = sum(_done_again(batch) for batch in batched(ended, STEP, strict=False))
    if forgotten:
        log.warning("%d departures that this database had forgotten were done again: it comes from a backup", forgotten)
    return forgotten


def _by_our_salt(found: list[Departure], salt: str) -> list[Departure]:
    """Return departures as hashes of this installation; those of another salt are known by reading all addresses."""
    foreign = {departure.salt for departure in found} - {salt}
    if not foreign:
        return found
    ours = dict(_translations(foreign, salt))
    known = [one for one in found if one.salt == salt or (one.salt, one.who) in ours]
    return [one if one.salt == salt else _translated(one, ours, salt) for one in known]


def _translations(foreign: Collection[str], salt: str) -> Iterator[tuple[tuple[str, str], str]]:
    for email, known_as in Subscriber.objects.order_by().values_list("email", "address_hash").iterator():
        for other in foreign:
            yield (other, address_hash(email, other)), known_as


def _translated(departure: Departure, ours: dict[tuple[str, str], str], salt: str) -> Departure:
    heir = ours.get((departure.salt, departure.heir), "")
    return Departure(departure.at, departure.why, ours[departure.salt, departure.who], salt, heir)


def _last(found: Iterable[Departure]) -> dict[str, Departure]:
    return {departure.who: departure for departure in found}


def _end_of(who: str, last: dict[str, Departure]) -> Departure | None:
    """Return how the letters to an address ended, there or where its reader moved to; None if they did not."""
    seen: set[str] = set()
    at = last.get(who)
    while at and at.why == Why.MOVED and at.who not in seen:
        seen.add(at.who)
        at = last.get(at.heir)
    if at is None or at.why in {Why.BACK, Why.MOVED}:
        return None
    return Departure(at.at, at.why, who, at.salt)


@transaction.atomic
def _done_again(batch: Collection[Departure]) -> int:
    hashes = [departure.who for departure in batch]
    readers = {one.address_hash: one for one in Subscriber.objects.filter(address_hash__in=hashes)}
    barred = set(Suppression.objects.filter(address_hash__in=hashes).values_list("address_hash", flat=True))
    return sum(_do_again(one, readers.get(one.who), is_barred=one.who in barred) for one in batch)


def _do_again(departure: Departure, reader: Subscriber | None, *, is_barred: bool) -> bool:
    """End one subscription again; return whether there was anything to do."""
    if reader and reader.has_come_since(departure.at):
        return False
    if departure.why == Why.LEFT:
        return reader is not None and reader.unsubscribe(departure.at, REPLAYED)
    if departure.why == Why.ERASED and reader:
        reader.erase()
        return True
    if is_barred:
        return False
    email = reader.email if reader else ""
    Suppression.objects.create(address_hash=departure.who, email=email, reason=departure.why)
    return True
