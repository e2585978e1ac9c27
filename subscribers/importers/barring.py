"""Suppress the addresses of a list that another program kept: known here or not. Nobody is brought back by it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import BinaryIO, Final

from django.db import transaction

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.addresses import AddressError, normalise, one_line
from subscribers.departures import Why
from subscribers.importers.columns import plain
from subscribers.importers.csv_file import Lines, encoding_of
from subscribers.importers.rows import CELL_LENGTH_MAX, STATE_OF, Unreadable, is_yes
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.suppressions import departure

ADDRESS: Final = (
    *("email", "emailaddress", "address", "mail", "recipient", "recipientaddress", "destination", "subscriberemail"),
    *("電子郵件", "電子郵件地址", "電子信箱", "信箱"),
)
WHY: Final = (  # columns that say why; and since when, which is kept with the words
    *("suppressionreason", "type", "bouncetype", "classification", "status", "state", "reason", "code", "error"),
    *("狀態", "原因", "類型"),
    *("createdat", "created", "lastupdatetime", "lastupdatedtime", "date", "timestamp", "cleantime", "unsubtime"),
)
IS_MAILED: Final = ("subscribedtoemails", "subscribed")  # Ghost says of all members whether
BOUNCED, COMPLAINED, MANUAL = "bounced", "complained", "manual"
REASONS: Final = {
    BOUNCED: (
        *("bounce", "bounces", "hard", "hardbounce", "permanent", "general", "noemail", "onaccountsuppressionlist"),
        *("badmailbox", "baddomain", "invalidemail", "invalidaddress", "mailboxunavailable"),
    ),
    COMPLAINED: ("spamcomplaint", "spamreport", "spamnotification", "complaints", "feedback", "fbl"),
    MANUAL: ("manualsuppression", "unsubscribe", "unsubscribes", "groupunsubscribe", "block", "blocks", "dropped"),
    "pending": ("soft", "softbounce", "softbounced", "transient", "temporary", "deferred", "undetermined"),
}
REASON_OF: Final = {word: reason for reason, words in REASONS.items() for word in words}
MAILED: Final = frozenset({"active", "pending", "paused"})
NOTE_LENGTH = 300
BATCH = 1000  # rows in one transaction
REASON_LENGTH = 500
READING = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]

type Rejected = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of an address. reason: why it must not be mailed, "" where the list does not say; None if it may be mailed.

    words: the list's own.
    """

    line: int
    email: str
    reason: str | None = ""
    words: str = ""


type Read = Listed | Unreadable


@contextmanager
def opened(path: Path) -> Iterator["SuppressionList"]:
    """Open a list; raise FileError for what is no list of addresses."""
    encoding = encoding_of(path)
    with path.open("rb") as file:
        table = SuppressionList(file, encoding)
        yield table


class SuppressionList(Lines[Read]):
    """A list of addresses. Of one without a heading, any column that stands beside the address may say more."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__(file, encoding)
        names = [plain(name) for name in self.heading]
        self.email = next((names.index(name) for name in ADDRESS if name in names), -1)
        self.why = [names.index(name) for name in WHY if name in names]
        self.is_mailed = [names.index(name) for name in IS_MAILED if name in names]
        if self.email < 0:
            self.email = next((place for place, cell in enumerate(self.heading) if "@" in cell), 0)
            self._do_without_heading(self.email)
            self.why = [place for place in range(self._width) if place != self.email]

    def read(self, line: int, cells: list[str]) -> Read:
        why = [text for place in self.why if (text := _cell(cells, place))]
        reason = None if any(_says_yes(_cell(cells, place)) for place in self.is_mailed) else _reason(why)
        try:
            email = normalise(_cell(cells, self.email))
        except AddressError as error:
            return Unreadable(line, str(error))
        return Listed(line, email, reason, one_line(", ".join(dict.fromkeys(why)))[:NOTE_LENGTH])


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip()[:CELL_LENGTH_MAX] if place < len(cells) else ""


def _reason(said: Sequence[str]) -> str | None:
    """Return why an address must not be mailed, "" if nothing says so; None if it may be mailed."""
    known = {_word(text) for text in said}
    found = next((reason for reason in (COMPLAINED, BOUNCED, MANUAL) if reason in known), "")
    return found or (None if MAILED & known else "")


def _word(text: str) -> str:
    """Return what a cell says: a reason, or a state of MAILED; "" if it is none of the words that are known."""
    state = STATE_OF.get(" ".join(re.split(r"[\s_-]+", text.casefold())).strip(), "")
    return REASON_OF.get(plain(text)) or {"unsubscribed": MANUAL, "erased": MANUAL}.get(state, state)


def _says_yes(text: str) -> bool:
    try:
        return bool(is_yes(text))
    except ValueError:
        return False


@dataclass
class Summary:
    """What became of the rows: `rows` is the sum of the next four. readers: of `suppressed`, who was a reader here."""

    rows: int = 0
    suppressed: int = 0
    known: int = 0
    mailed: int = 0
    rejected: int = 0
    readers: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


def bar(rows: Iterable[Read], now: datetime, rejected: Rejected, *, reason: str = Suppression.Reason.MANUAL) -> Summary:
    """Suppress what is listed, in transactions of BATCH rows; an earlier reason stands, a second run changes nothing.

    reason: where the list gives none.
    """
    summary = Summary()
    for some in batched(rows, BATCH, strict=False):
        with transaction.atomic():
            new = _new(some, summary, now, rejected, reason)
            departures.write(departure(Why(one.reason), one.address_hash, at=now) for one in new)
            Suppression.objects.bulk_create(new, ignore_conflicts=True)
    return summary


def rehearse(
    rows: Iterable[Read], now: datetime, rejected: Rejected, *, reason: str = Suppression.Reason.MANUAL
) -> Summary:
    """Say what `bar` would do, and write nothing. An address that stands far apart twice is counted twice."""
    summary = Summary()
    for some in batched(rows, BATCH, strict=False):
        _new(some, summary, now, rejected, reason)
    return summary


def _new(rows: Iterable[Read], summary: Summary, now: datetime, rejected: Rejected, reason: str) -> list[Suppression]:
    """Count some rows, and return the suppressions that are to be made of them."""
    salt = Publication.objects.current().salt
    found = dict[str, Listed]()
    for row in rows:
        summary.rows += 1
        if isinstance(row, Unreadable):
            summary.rejected += 1
            rejected(row.line, row.reason)
        elif row.reason is None:
            summary.mailed += 1
        else:
            known_as = address_hash(row.email, salt)
            summary.known += known_as in found
            found.setdefault(known_as, row)
    barred = set(Suppression.objects.filter(address_hash__in=found).values_list("address_hash", flat=True))
    new = [_suppression(who, one, now, reason) for who, one in found.items() if who not in barred]
    summary.known += len(barred)
    summary.suppressed += len(new)
    hashes = [one.address_hash for one in new]
    summary.readers += Subscriber.objects.filter(address_hash__in=hashes, state__in=READING).count()
    return new


def _suppression(who: str, row: Listed, now: datetime, reason: str) -> Suppression:
    words = f": {row.words}" if row.words else ""
    note = f"import on {now:%Y-%m-%d}{words}"[:REASON_LENGTH]
    return Suppression(address_hash=who, email=row.email, reason=row.reason or reason, note=note)
