"""Suppress the addresses of a list that another program kept: known here or not. Nobody is brought back by it."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import batched, islice
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.addresses import AddressError, normalise, one_line
from subscribers.departures import Why
from subscribers.importers.columns import plain
from subscribers.importers.csv_file import FileError, delimiter_of, encoding_of, heading_of
from subscribers.importers.rows import CELL_LENGTH_MAX, Unreadable
from subscribers.importers.states import STATE_OF, is_yes
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.suppressions import departure

ADDRESS: Final = (
    *("email", "emailaddress", "address", "mail", "recipient", "recipientaddress", "destination", "subscriberemail"),
    *("電子郵件", "電子郵件地址", "電子信箱", "信箱"),
)
WHY: Final = (
    *("suppressionreason", "type", "bouncetype", "classification", "status", "state", "reason", "code", "error"),
    *("狀態", "原因", "類型"),
)
SINCE: Final = (
    *("createdat", "created", "lastupdatetime", "lastupdatedtime", "date", "timestamp", "cleantime", "unsubtime"),
    *("complainedat", "bouncedat", "suppressedat", "time", "日期", "時間"),
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
}
PASSED_OVER: Final = frozenset(
    {"soft", "softbounce", "softbounced", "transient", "temporary", "deferred", "undetermined"}
)
REASON_OF: Final = {word: reason for reason, words in REASONS.items() for word in words}
MAILED: Final = frozenset({"active", "pending", "paused"})
FINAL_CODE = re.compile(r"(?:^|\D)5(?:\d\d|\.\d{1,3}\.\d{1,3})(?:\D|$)")
LATER_CODE = re.compile(r"^\s*4(?:\d\d|\.\d{1,3}\.\d{1,3})(?:\D|$)")
POLICY = "5.7."  # the receiver refuses the sender: RFC 3463 section 3.8
NOTE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Listed:
    """An address that must not be mailed. reason: "" where the list does not say. words: the list's own."""

    line: int
    email: str
    reason: str = ""
    since: datetime | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Mailed:
    """A row of an address that may be mailed."""

    line: int


type Read = Listed | Mailed | Unreadable


@dataclass(frozen=True)
class Places:
    """Where the columns of a list are; of one without a heading, any that stands beside the address may say more."""

    email: int
    why: tuple[int, ...] = ()
    since: tuple[int, ...] = ()
    is_mailed: tuple[int, ...] = ()
    has_heading: bool = True

    @classmethod
    def of(cls, first: Sequence[str]) -> "Places":
        """Return where they are by the first line; raise FileError if nothing in it is an address."""
        names = [plain(name) for name in first]
        where = [names.index(name) for name in ADDRESS if name in names]
        if where:
            return cls(where[0], _where(names, WHY), _where(names, SINCE), _where(names, IS_MAILED))
        for place, cell in enumerate(first):
            if "@" in cell:
                beside = tuple(number for number in range(len(first)) if number != place)
                return cls(place, why=beside, since=beside, has_heading=False)
        given = ", ".join(cell.strip()[:40] for cell in first[:6]) or _("nothing")
        raise FileError(_("The first line must name a column “email”; it has %s") % given)


def _where(names: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...]:
    return tuple(names.index(name) for name in wanted if name in names)


class SuppressionList:
    """A file that is being read, row by row, in flat memory."""

    def __init__(self, path: Path) -> None:
        """Look at the first line; raise FileError for what is no list of addresses."""
        self.encoding = encoding_of(path)
        self.path = path
        first = _first_line(path, self.encoding)
        self.delimiter = delimiter_of(first)
        self.heading = heading_of(first, self.delimiter)
        self.places = Places.of(self.heading)

    @property
    def names(self) -> list[str]:
        """Return the names of its columns; of a list that has none, made-up ones."""
        if self.places.has_heading:
            return [name.strip() for name in self.heading]
        return ["email" if place == self.places.email else f"column {place + 1}" for place in range(len(self.heading))]

    def rows(self, skipped: int = 0) -> Iterator[tuple[Read, list[str], int]]:
        """Yield each row with its cells and the bytes that were read by then, but for the first ones."""
        with self.path.open("rb") as octets:
            text = io.TextIOWrapper(octets, self.encoding, newline="")
            reader = csv.reader(text, delimiter=self.delimiter)
            if self.places.has_heading:
                next(reader, None)
            try:
                rows = ((reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
                for line, cells in islice(rows, skipped, None):
                    yield self._read(line, cells), cells, octets.tell()
            except (csv.Error, UnicodeDecodeError) as error:
                words = _("Line %(start)d is not CSV: %(error)s")
                raise FileError(words % {"start": reader.line_num + 1, "error": error}) from error

    def _read(self, line: int, cells: list[str]) -> Read:
        places = self.places
        if any(_says_yes(_cell(cells, place)) for place in places.is_mailed):
            return Mailed(line)
        why = [text for place in places.why if (text := _cell(cells, place)) and not _moment(text)]
        reason = _reason(why)
        if reason is None:
            return Mailed(line)
        try:
            email = normalise(_cell(cells, places.email))
        except AddressError as error:
            return Unreadable(line, str(error))
        since = next(filter(None, (_moment(_cell(cells, place)) for place in places.since)), None)
        return Listed(line, email, reason, since, one_line(", ".join(dict.fromkeys(why)))[:NOTE_LENGTH])


def _first_line(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        try:
            return file.readline()
        except UnicodeDecodeError as error:
            raise FileError(_("Line %(start)d is not CSV: %(error)s") % {"start": 1, "error": error}) from error


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip()[:CELL_LENGTH_MAX] if place < len(cells) else ""


def _reason(said: Sequence[str]) -> str | None:
    """Return why an address must not be mailed, "" if nothing says so; None if it may be mailed."""
    known = list(filter(None, map(_word, said)))
    for reason in (COMPLAINED, BOUNCED, MANUAL):
        if reason in known:
            return reason
    if MAILED & {*known}:
        return None
    return BOUNCED if any(FINAL_CODE.search(text) and POLICY not in text for text in said) else ""


def _word(text: str) -> str:
    """Return what a cell says: a reason, or a state of MAILED; "" if it is none of the words that are known."""
    key = plain(text)
    if key in PASSED_OVER or LATER_CODE.match(text):
        return "pending"
    state = STATE_OF.get(" ".join(re.split(r"[\s_-]+", text.casefold())).strip(), "")
    return REASON_OF.get(key) or {"unsubscribed": MANUAL, "erased": MANUAL}.get(state, state)


def _says_yes(text: str) -> bool:
    try:
        return bool(text) and bool(is_yes(text))
    except ValueError:
        return False


def _moment(text: str) -> datetime | None:
    """Return a time as such lists write it: ISO 8601, seconds since 1970, or that of a mail; None for anything else."""
    if text.isdecimal() and len(text) in {10, 13}:
        return datetime.fromtimestamp(int(text[:10]), UTC)
    found = None
    with suppress(ValueError):
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
    if found is None and re.match(r"[A-Z][a-z]{2}, \d", text):
        with suppress(ValueError, IndexError):
            found = parsedate_to_datetime(text)
    if found is None or found.year < 1990:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


BATCH = 2_000  # rows in one transaction
REASON_LENGTH = 500
READING = [Subscriber.State.ACTIVE, Subscriber.State.PAUSED]

type Rejected = Callable[[int, str], None]


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
        elif isinstance(row, Mailed):
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
    since = f" ({row.since:%Y-%m-%d})" if row.since else ""
    words = f": {row.words}" if row.words else ""
    note = f"import on {now:%Y-%m-%d}{since}{words}"[:REASON_LENGTH]
    return Suppression(address_hash=who, email=row.email, reason=row.reason or reason, note=note)
