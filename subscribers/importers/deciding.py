"""What becomes of the rows of a file, beside what the database knows of their addresses."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.lookups import Lookup
from django.utils.translation import gettext as _

from subscribers.importers.rows import Row, Unreadable
from subscribers.importers.states import MUST_NOT_BE_MAILED
from subscribers.models import Note, Subscriber, Suppression
from subscribers.models.notes import LENGTH_MAX as NOTE_LENGTH_MAX
from subscribers.models.tags import Tagging

PENDING, ACTIVE, PAUSED, UNSUBSCRIBED = (
    state.value
    for state in (
        Subscriber.State.PENDING,
        Subscriber.State.ACTIVE,
        Subscriber.State.PAUSED,
        Subscriber.State.UNSUBSCRIBED,
    )
)

type Rejected = Callable[[int, str], None]  # called with the line and the reason of each row that was not taken


@dataclass
class Summary:
    """What became of the rows; `rows` is the sum of the others."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, other: "Summary") -> None:
        for name, number in other.counts().items():
            setattr(self, name, getattr(self, name) + number)

    def counts(self) -> dict[str, int]:
        return asdict(self)


@dataclass(slots=True)
class Reader:
    """A reader's row, as far as an import reads or changes it. pk: None while it is not written."""

    address_hash: str
    email: str
    name: str = ""
    state: str = PENDING
    paused_until: datetime | None = None
    unsubscribed_at: datetime | None = None
    confirmed_at: datetime | None = None
    welcomed_at: datetime | None = None
    signup_round: int = 1
    confirmation_due_at: datetime | None = None
    pk: int | None = None

    @property
    def is_reader(self) -> bool:
        return self.state in {ACTIVE, PAUSED}

    def changeable(self) -> list[Any]:
        """Return what a row of a file can change of a reader."""
        return [getattr(self, name) for name in CHANGED]


CHANGED = (
    "name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at",
    "signup_round", "confirmation_due_at",
)  # fmt: skip


@dataclass
class Known:
    """What is known of the addresses of some rows, by their hashes. reasons: why some must not be mailed."""

    readers: dict[str, Reader] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Outcome:
    """What is to be written, by the hashes of addresses.

    retagged: to whom the file gives other tags than they have. joined: who becomes a reader by a later row than
    their first. left: who leaves.
    """

    new: dict[str, Reader] = field(default_factory=dict)
    changed: dict[str, Reader] = field(default_factory=dict)
    barred: dict[str, Row] = field(default_factory=dict)
    retagged: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


class Decision:
    """Takes rows one after the other: the second row about an address finds what the first one has made of it."""

    def __init__(self, known: Known, summary: Summary, now: datetime, rejected: Rejected) -> None:
        self.known, self.summary, self.now, self.rejected = known, summary, now, rejected
        self.outcome = Outcome()

    def take(self, known_as: str, row: Row | Unreadable) -> None:
        """Decide about one row. known_as: the hash of its address, "" for one that cannot be read."""
        self.summary.rows += 1
        if isinstance(row, Unreadable):
            self._reject(row.line, row.reason)
        elif row.state in MUST_NOT_BE_MAILED:
            self._bar(known_as, row)
        elif known_as in self.known.reasons:
            self._reject_barred(row.line, self.known.reasons[known_as])
        elif known_as in self.known.readers:
            self._change(known_as, row)
        else:
            self._make(known_as, row)

    def _make(self, known_as: str, row: Row) -> None:
        made = self.outcome.new[known_as] = self.known.readers[known_as] = _made(known_as, row, self.now)
        self.summary.created += 1
        if made.state == UNSUBSCRIBED:
            self.outcome.left.add(known_as)
        if row.tags:
            self._tag(known_as, row)
        if row.note:
            self._note(known_as, row)

    def _reject(self, line: int, reason: str) -> None:
        self.summary.rejected += 1
        self.rejected(line, reason)

    def _reject_barred(self, line: int, reason: str) -> None:
        self._reject(line, _("must not be mailed: %s") % Suppression.Reason(reason).label)

    def _bar(self, known_as: str, row: Row) -> None:
        """Remember an address that the other program knew must not be mailed."""
        self.outcome.barred[known_as] = row
        self.known.reasons.setdefault(known_as, row.state)
        self._reject_barred(row.line, row.state)

    def _change(self, known_as: str, row: Row) -> None:
        reader = self.known.readers[known_as]
        before = reader.state
        is_retagged = before != UNSUBSCRIBED and self._tag(known_as, row)
        is_changed = _apply(reader, row, self.now)
        is_noted = before != UNSUBSCRIBED and self._note(known_as, row)
        if not (is_changed or is_retagged or is_noted):
            self.summary.unchanged += 1
            return
        self.summary.updated += 1
        self._record(known_as, before)
        if is_changed and known_as not in self.outcome.new:
            self.outcome.changed[known_as] = reader

    def _tag(self, known_as: str, row: Row) -> bool:
        """Remember which tags the file gives a reader, if any; return whether these are others."""
        tags = list(row.tags)
        if not tags or tags == self.known.tags.get(known_as):
            return False
        self.known.tags[known_as] = self.outcome.retagged[known_as] = tags
        return True

    def _note(self, known_as: str, row: Row) -> bool:
        """Remember what the file tells of a reader in words, once; return whether that is new."""
        text = row.note[:NOTE_LENGTH_MAX]
        noted = self.known.notes.setdefault(known_as, set())
        if not text or text in noted:
            return False
        noted.add(text)
        self.outcome.notes.setdefault(known_as, []).append(text)
        return True

    def _record(self, known_as: str, before: str) -> None:
        """Remember whose record gets a line: whoever became a reader by this row, or ended by it."""
        after = self.known.readers[known_as]
        if after.is_reader and before == PENDING:
            self.outcome.joined.add(known_as)
        elif after.state == UNSUBSCRIBED and before != UNSUBSCRIBED:
            self.outcome.left.add(known_as)


def _made(known_as: str, row: Row, now: datetime) -> Reader:
    reader = Reader(known_as, row.email, row.name)
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state != PENDING:
        _join(reader, row, now)
    return reader


def _apply(reader: Reader, row: Row, now: datetime) -> bool:
    """Bring what a file says to a known reader, but for the tags; return whether that changed anything.

    Leaving wins over everything, a reader's own pause over a file that knows of none, and of two pauses the longer one.
    """
    if reader.state == UNSUBSCRIBED:
        return False
    before = reader.changeable()
    reader.name = row.name or reader.name
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state == PAUSED or (row.state == ACTIVE and reader.state == PENDING):
        _join(reader, row, now)
    return before != reader.changeable()


def _join(reader: Reader, row: Row, now: datetime) -> None:
    """Become a reader on the word of the file; nobody is welcomed who has been reading elsewhere."""
    if not reader.is_reader:
        reader.confirmed_at = min(row.consent_at or now, now)
        reader.welcomed_at, reader.confirmation_due_at = now, None
        reader.signup_round += 1
    if reader.state == row.state == PAUSED and reader.paused_until and row.paused_until:
        reader.paused_until = max(reader.paused_until, row.paused_until)
    else:
        reader.state, reader.paused_until = row.state, row.paused_until


def _leave(reader: Reader, row: Row, now: datetime) -> None:
    reader.state, reader.paused_until = UNSUBSCRIBED, None
    reader.unsubscribed_at, reader.confirmation_due_at = min(row.left_at or now, now), None
    reader.signup_round += 1


FIELDS = (
    "address_hash", "email", "name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at",
    "signup_round", "confirmation_due_at", "pk",
)  # fmt: skip


class AnyOf(Lookup):
    """What `__in` finds, by one parameter: a list of thousands costs Django more than the database.

    PostgreSQL is not told how many there are: for thousands it would rather read the whole table.
    """

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{left} = ANY(ARRAY(SELECT unnest(%s::text[])))", (*parameters, self.rhs)
        return f"{left} IN (SELECT value FROM json_each(%s))", (*parameters, json.dumps(self.rhs))  # noqa: S608  # nosec B608  # our own column


def any_of(hashes: Collection[str]) -> AnyOf:
    """Return the condition that the hash of an address is one of these."""
    return AnyOf(F("address_hash"), list(hashes))


def known(hashes: Collection[str], *, has_notes: bool) -> Known:
    """Return what is known of these addresses. has_notes: whether the rows have any, so that ours are needed."""
    rows = Subscriber.objects.filter(any_of(hashes)).order_by().values_list(*FIELDS)
    found = Known(readers={row[0]: Reader(*row) for row in rows})
    barred = Suppression.objects.filter(any_of(hashes)).order_by()
    found.reasons = dict(barred.values_list("address_hash", "reason"))
    if found.readers:
        _add_words(found, has_notes=has_notes)
    return found


def _add_words(found: Known, *, has_notes: bool) -> None:
    """Add the tags and notes of the readers who are known."""
    hash_of = {one.pk: known_as for known_as, one in found.readers.items() if one.pk}
    found.tags = {hash_of[pk]: names for pk, names in Tagging.objects.names_of(hash_of).items()}
    notes = Note.objects.filter(subscriber__in=hash_of).order_by() if has_notes else Note.objects.none()
    for pk, text in notes.values_list("subscriber_id", "text"):
        found.notes.setdefault(hash_of[pk], set()).add(text)
