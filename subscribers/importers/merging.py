"""Upserts the readers of a file. A reader who has left never comes back by it.

Rows are compared with the existing ones of their addresses, and then written in one transaction.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter.publication.changes import NAME_LENGTH
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import DepartureKind
from subscribers.importers.rows import MUST_NOT_BE_MAILED, InvalidRow, ReaderRow
from subscribers.models import Note, Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent
from subscribers.models.notes import LENGTH_MAX as NOTE_LENGTH_MAX
from subscribers.models.suppressions import make_departure
from subscribers.models.tags import Tagging

COUNT_NAMES: Final = ("rows", "created", "updated", "unchanged", "rejected")  # `rows` is the sum of the others
SOURCE_LENGTH = 200  # characters of a line of the record
# Fields of a reader that a row of a file can change.
CHANGEABLE_FIELDS: Final = (
    *("name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at", "signup_round"),
    "confirmation_due_at",
)
PENDING, ACTIVE, PAUSED, UNSUBSCRIBED = Subscriber.State.values

type Rejected = Callable[[int, str], None]  # called with the line and the reason of each row that was not taken


def merge(
    rows: Collection[ReaderRow | InvalidRow],
    now: datetime,
    rejected: Rejected,
    *,
    consent: str = "",
    dry_run: bool = False,
) -> Counter[str]:
    """Write rows in one transaction; return counts by COUNT_NAMES. Idempotent.

    consent: how these readers agreed; stored with each.
    """
    source = f"import on {now:%Y-%m-%d}{': ' if consent else ''}{consent}"[:SOURCE_LENGTH]
    salt = Publication.objects.current().salt
    hashed = [(address_hash(row.email, salt) if isinstance(row, ReaderRow) else "", row) for row in rows]
    has_notes = any(isinstance(row, ReaderRow) and row.note for row in rows)
    with transaction.atomic():
        existing = existing_rows({known_as for known_as, _row in hashed if known_as}, has_notes=has_notes)
        merged = Merge(existing, now, rejected)
        for known_as, row in hashed:
            merged.take(known_as, row)
        if not dry_run:
            merged.write(source)
    return merged.counts + Counter(rows=len(rows))


@dataclass
class ExistingRows:
    readers: dict[str, Subscriber] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, set[str]] = field(default_factory=dict)


def existing_rows(hashes: Collection[str], *, has_notes: bool) -> ExistingRows:
    """The existing rows of these addresses. has_notes: whether the file has any, so that ours are needed."""
    readers = {one.address_hash: one for one in Subscriber.objects.filter(address_hash__in=hashes).order_by()}
    barred = Suppression.objects.filter(address_hash__in=hashes).order_by()
    found = ExistingRows(readers, dict(barred.values_list("address_hash", "reason")))
    if readers:
        hash_of = {one.pk: known_as for known_as, one in readers.items()}
        found.tags = {hash_of[pk]: names for pk, names in Tagging.objects.names_of(hash_of).items()}
        notes = Note.objects.filter(subscriber__in=hash_of).order_by() if has_notes else Note.objects.none()
        for pk, text in notes.values_list("subscriber_id", "text"):
            found.notes.setdefault(hash_of[pk], set()).add(text)
    return found


class Merge:
    """Decides row by row: a second row about an address sees the result of the first.

    What is to be written stands by the hashes of addresses. retagged: to whom the file gives other tags than they
    have. joined: who becomes a reader by a later row than their first. left: who leaves.
    """

    def __init__(self, existing: ExistingRows, now: datetime, rejected: Rejected) -> None:
        self.existing, self.now, self.rejected = existing, now, rejected
        self.counts = Counter[str]()
        self.new: dict[str, Subscriber] = {}
        self.changed: dict[str, Subscriber] = {}
        self.barred: dict[str, ReaderRow] = {}
        self.retagged: dict[str, list[str]] = {}
        self.notes: dict[str, list[str]] = {}
        self.joined: set[str] = set()
        self.left: set[str] = set()

    def take(self, known_as: str, row: ReaderRow | InvalidRow) -> None:
        """Decide about one row. known_as: the hash of its address, "" for one that cannot be read."""
        if isinstance(row, InvalidRow):
            self._reject(row.line, row.reason)
        elif row.state in MUST_NOT_BE_MAILED:
            self.barred[known_as] = row
            self.existing.reasons.setdefault(known_as, row.state)
            self._reject_barred(row.line, row.state)
        elif known_as in self.existing.reasons:
            self._reject_barred(row.line, self.existing.reasons[known_as])
        elif known_as in self.existing.readers:
            self._change(known_as, row)
        else:
            self._make(known_as, row)

    def _reject(self, line: int, reason: str) -> None:
        self.counts["rejected"] += 1
        self.rejected(line, reason)

    def _reject_barred(self, line: int, reason: str) -> None:
        self._reject(line, _("must not be mailed: %s") % Suppression.Reason(reason).label)

    def _make(self, known_as: str, row: ReaderRow) -> None:
        made = Subscriber(address_hash=known_as, email=row.email, name=row.name, created_at=self.now)
        self.new[known_as] = self.existing.readers[known_as] = made
        self.counts["created"] += 1
        if row.state == UNSUBSCRIBED:
            _leave(made, row, self.now)
            self.left.add(known_as)
        elif row.state != PENDING:
            _join(made, row, self.now)
        if row.tags:
            self._tag(known_as, row)
        if row.note:
            self._note(known_as, row)

    def _change(self, known_as: str, row: ReaderRow) -> None:
        reader = self.existing.readers[known_as]
        before = reader.state
        is_here = before != UNSUBSCRIBED  # no file changes a reader who has left
        is_retagged = is_here and self._tag(known_as, row)
        is_noted = is_here and self._note(known_as, row)
        is_changed = is_here and _apply(reader, row, self.now)
        self.counts["updated" if is_changed or is_retagged or is_noted else "unchanged"] += 1
        if is_changed and known_as not in self.new:
            self.changed[known_as] = reader
        if reader.is_reader and before == PENDING:
            self.joined.add(known_as)
        elif reader.state == UNSUBSCRIBED != before:
            self.left.add(known_as)

    def _tag(self, known_as: str, row: ReaderRow) -> bool:
        """Note which tags the file gives a reader, if any; return whether these are others."""
        tags = list(row.tags)
        if not tags or tags == self.existing.tags.get(known_as):
            return False
        self.existing.tags[known_as] = self.retagged[known_as] = tags
        return True

    def _note(self, known_as: str, row: ReaderRow) -> bool:
        """Keep the note of a row once; return whether it is new."""
        text = row.note[:NOTE_LENGTH_MAX]
        noted = self.existing.notes.setdefault(known_as, set())
        if not text or text in noted:
            return False
        noted.add(text)
        self.notes.setdefault(known_as, []).append(text)
        return True

    def write(self, source: str) -> None:
        """Write all of it, in the caller's transaction. source: where these readers come from, for the record."""
        made = _insert(list(self.new.values()))
        _update(self.changed.values())
        self._write_tags()
        self._write_notes(source)
        self._write_suppressions()
        Subscriber.objects.delete_pending([one.pk for one in self.changed.values() if one.state == UNSUBSCRIBED])
        written = made | self.changed.keys()
        joined = self.joined | {one.address_hash for one in self.new.values() if one.confirmed_at}
        Consent.objects.add_imported(joined & written, Consent.Kind.IMPORTED, source)
        Consent.objects.add_imported(self.left & written, Consent.Kind.WITHDREW, source)

    def _write_tags(self) -> None:
        """Write the tags of those who are still here, and keep them here until the transaction ends."""
        if self.retagged:
            here = Subscriber.objects.filter(address_hash__in=self.retagged).order_by("pk")
            keys = dict(here.select_for_update(no_key=True).values_list("address_hash", "pk"))
            had_tags = [pk for known_as, pk in keys.items() if known_as not in self.new]
            Tagging.objects.filter(subscriber__in=had_tags).delete()
            Tagging.objects.give({pk: self.retagged[known_as] for known_as, pk in keys.items()})

    def _write_notes(self, source: str) -> None:
        if self.notes:
            keys = Subscriber.objects.filter(address_hash__in=self.notes).order_by().values_list("address_hash", "pk")
            Note.objects.bulk_create(
                Note(subscriber_id=pk, at=self.now, by=source[:NAME_LENGTH], text=text)
                for known_as, pk in keys
                for text in self.notes[known_as]
            )

    def _write_suppressions(self) -> None:
        barred = [
            Suppression(
                address_hash=known_as,
                email="" if row.state == Suppression.Reason.ERASED else row.email,
                reason=row.state,
                note="import",
            )
            for known_as, row in self.barred.items()
        ]
        Suppression.objects.bulk_create(barred, ignore_conflicts=True)
        gone = [make_departure(DepartureKind(one.reason), one.address_hash) for one in barred]
        departures.write_departures([*gone, *(make_departure(DepartureKind.LEFT, known_as) for known_as in self.left)])


def _apply(reader: Subscriber, row: ReaderRow, now: datetime) -> bool:
    """Apply a row, but for its tags, to a reader who has not left; return whether anything changed.

    Leaving wins over everything, a reader's own pause over a file that knows of none, and of two pauses the longer one.
    """
    before = _changeable(reader)
    reader.name = row.name or reader.name
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state == PAUSED or (row.state == ACTIVE and reader.state == PENDING):
        _join(reader, row, now)
    return before != _changeable(reader)


def _join(reader: Subscriber, row: ReaderRow, now: datetime) -> None:
    """Confirm without a welcome mail: they have been reading elsewhere."""
    if not reader.is_reader:
        reader.confirmed_at = min(row.consent_at or now, now)
        reader.welcomed_at, reader.confirmation_due_at = now, None
        reader.signup_round += 1
    if reader.state == row.state == PAUSED and reader.paused_until and row.paused_until:
        reader.paused_until = max(reader.paused_until, row.paused_until)
    else:
        reader.state, reader.paused_until = row.state, row.paused_until


def _leave(reader: Subscriber, row: ReaderRow, now: datetime) -> None:
    reader.state, reader.paused_until = UNSUBSCRIBED, None
    reader.unsubscribed_at, reader.confirmation_due_at = min(row.left_at or now, now), None
    reader.signup_round += 1


def _changeable(reader: Subscriber) -> list[Any]:
    return [getattr(reader, name) for name in CHANGEABLE_FIELDS]


def _insert(readers: list[Subscriber]) -> set[str]:
    """Write new readers; return the hashes of those written. A signup at the same moment keeps its own row."""
    Subscriber.objects.bulk_create(readers, ignore_conflicts=True)
    salts = {one.address_hash: one.token_salt for one in readers}
    rows = Subscriber.objects.filter(address_hash__in=salts).order_by().values_list("address_hash", "token_salt")
    return {known_as for known_as, salt in rows if salts[known_as] == salt}


def _update(readers: Iterable[Subscriber]) -> None:
    """Write known readers, but for those who left meanwhile."""
    for reader in readers:
        here = Subscriber.objects.filter(pk=reader.pk).exclude(state=UNSUBSCRIBED)
        here.update(**{name: getattr(reader, name) for name in CHANGEABLE_FIELDS})
