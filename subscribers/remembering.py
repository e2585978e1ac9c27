"""What a restored database has forgotten: departures after its backup are done again, from the file that kept them.

On a database that was not restored, nothing is left to do. A reader who came back later than they left stays."""

import fcntl
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from newsletter.mail import tokens
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Departure, Why
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.consents import Circumstances

log = logging.getLogger(__name__)

STEP = 500  # departures in one transaction
OF_SUBSCRIPTIONS = {Why.LEFT, Why.RETURNED, Why.MOVED, Why.ERASED}
BARRED = {Why.BOUNCED, Why.COMPLAINED, Why.MANUAL, Why.ERASED}
OF_SUPPRESSIONS = {*BARRED, Why.LIFTED}
REPLAYED = Circumstances("remembered after a restore")


def replay() -> int:
    """Do every departure again that the database does not know; return how many those were. Twice changes nothing."""
    salt = Publication.objects.current().salt
    ends = _ends(_by_our_salt(departures.read(), salt))
    forgotten = sum(_done_again(batch) for batch in batched(ends, STEP, strict=False))
    if forgotten:
        log.warning("%d departures that this database had forgotten were done again: it comes from a backup", forgotten)
    return forgotten


def _by_our_salt(found: list[Departure], salt: str) -> list[Departure]:
    """Return departures as hashes of this installation; those of another salt are known by reading all addresses."""
    foreign = {departure.salt for departure in found} - {salt}
    if not foreign:
        return found
    ours = dict(_translations(foreign))
    known = [one for one in found if one.salt == salt or (one.salt, one.who) in ours]
    return [one if one.salt == salt else _translated(one, ours, salt) for one in known]


def _translations(foreign: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    for email, known_as in Subscriber.objects.order_by().values_list("email", "address_hash").iterator():
        for other in foreign:
            yield (other, address_hash(email, other)), known_as


def _translated(departure: Departure, ours: dict[tuple[str, str], str], salt: str) -> Departure:
    heir = ours.get((departure.salt, departure.heir), "")
    return Departure(departure.at, departure.why, ours[departure.salt, departure.who], salt, heir)


def _ends(found: Collection[Departure]) -> Iterator[Departure]:
    """Yield how a subscription ended, and why an address is suppressed, for each address where that was the last word.

    Neither takes back the other: whoever has left and was suppressed has still left when the suppression is lifted.
    """
    moves = {one.who: one for one in found if one.why in OF_SUBSCRIPTIONS}
    bars = _last_bars(found)
    for who in moves | bars:
        heirs = _heirs(who, moves)
        end = moves.get(heirs[-1])
        bar = next((bars[heir] for heir in heirs if heir in bars and bars[heir].why in BARRED), None)
        if end and end.why in {Why.LEFT, Why.ERASED}:
            yield replace(end, who=who, heir="")
        if bar and not (end and end.why == Why.ERASED):
            yield replace(bar, who=who)


def _last_bars(found: Iterable[Departure]) -> dict[str, Departure]:
    """Return the last word on the suppression of each address.

    Of several reasons the first stands, but for an erasure; that one ends whenever somebody returns.
    """
    last: dict[str, Departure] = {}
    for one in found:
        standing = known.why if (known := last.get(one.who)) and known.why in BARRED else None
        is_further = standing is not None and one.why in BARRED - {Why.ERASED}
        is_end = one.why == Why.RETURNED and standing == Why.ERASED
        if is_end or (one.why in OF_SUPPRESSIONS and not is_further):
            last[one.who] = one
    return last


def _heirs(who: str, moves: Mapping[str, Departure]) -> list[str]:
    """Return an address and those that its reader moved to, in this order."""
    heirs = [who]
    while (at := moves.get(heirs[-1])) and at.why == Why.MOVED and at.heir not in heirs:
        heirs.append(at.heir)
    return heirs


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


PATIENCE_MS = 1500  # what a wish may wait for the database
SIZE_MAX = 16 * 1024**2  # octets, some 250,000 wishes: strangers can add to the file while no token can be checked
AWAY = (OperationalError, InterfaceError)


def path() -> Path:
    file: Path = settings.DATA_DIR / "wishes"
    return file


@contextmanager
def promptly() -> Iterator[None]:
    """Wait for locks of the database for PATIENCE_MS at most while inside; raises one of AWAY then."""
    _limit(PATIENCE_MS)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # a connection that is gone has no limit
            _limit(None)


def _limit(milliseconds: int | None) -> None:
    """Set how long a statement waits; None for what the settings say."""
    if connection.vendor == "sqlite":
        usual = int(float(connection.settings_dict["OPTIONS"].get("timeout", 5)) * 1000)
        statements = [f"PRAGMA busy_timeout = {usual if milliseconds is None else milliseconds}"]
    else:
        value = "DEFAULT" if milliseconds is None else str(milliseconds)
        statements = [f"SET {name} = {value}" for name in ("lock_timeout", "statement_timeout")]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def keep(token: str, now: datetime) -> bool:
    """Keep a wish to leave, on the disk when this returns; False for what can be no token, or when there is no room."""
    if tokens.number_of(token) is None:
        return False
    try:
        with _locked() as file:
            if file.seek(0, 2) > SIZE_MAX:
                return False
            departures.append(path(), f"\n{now.astimezone(UTC).isoformat()} {token}".encode())
    except OSError:
        log.exception("A wish to leave cannot be kept; its sender is asked to come again.")
        return False
    return True


def fulfil() -> int:
    """Let everybody leave whose wish was kept; return how many did. What fails is tried again the next time."""
    if not path().exists() or not path().stat().st_size:
        return 0
    with _locked() as file:
        octets = file.read()
    left = sum(_leave(line.split(" ")) for line in octets.decode("ascii", "replace").splitlines())
    with _locked() as file:
        if len(file.read()) == len(octets):  # otherwise one was added, and all are gone through again
            file.truncate(0)
    return left


def _leave(words: list[str]) -> bool:
    """Unsubscribe the reader of a wish, unless they have come back since, or a power cut has torn the line."""
    with suppress(ValueError):
        moment, token = words
        at, reader = datetime.fromisoformat(moment), Subscriber.objects.opened_by(token, "unsubscribe")
        return (
            reader is not None and not reader.has_come_since(at) and reader.unsubscribe(at, Circumstances("one click"))
        )
    return False


@contextmanager
def _locked() -> Iterator[IO[bytes]]:
    """Open the file for this process alone, made if it is missing."""
    path().parent.mkdir(parents=True, exist_ok=True)
    is_new = not path().exists()
    with path().open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            departures.keep_name(path().parent)
        file.seek(0)
        yield file
