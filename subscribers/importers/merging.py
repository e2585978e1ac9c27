"""Upserts the readers of a file, each batch in one transaction. A reader who has left never comes back by it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter.publication.changes import NAME_LENGTH
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import DepartureKind
from subscribers.importers.rows import MUST_NOT_BE_MAILED, InvalidRow, ReaderRow, RejectCallback, Rows
from subscribers.models import Note, Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent
from subscribers.models.notes import LENGTH_MAX as NOTE_LENGTH_MAX
from subscribers.models.suppressions import make_departure
from subscribers.models.tags import Tagging

COUNTED: Final = ("rows", "created", "updated", "unchanged", "rejected")  # `rows` is the sum of the others
SOURCE_LENGTH = 200  # characters of `Consent.source`
# Fields of a reader that a row of a file can change.
CHANGED: Final = (
    *("name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at", "signup_round"),
    "confirmation_due_at",
)
PENDING, ACTIVE, PAUSED, UNSUBSCRIBED = Subscriber.State.values


def merge(
    rows: Rows,
    now: datetime,
    on_reject: RejectCallback,
    *,
    consent: str = "",
    dry_run: bool = False,
) -> Counter[str]:
    """Write rows in one transaction; return counts by COUNTED. Idempotent. consent: stored as proof with each."""
    source = f"import on {now:%Y-%m-%d}{': ' if consent else ''}{consent}"[:SOURCE_LENGTH]
    salt = Publication.objects.current().salt
    hashed = [(address_hash(row.email, salt) if isinstance(row, ReaderRow) else "", row) for row in rows]
    has_notes = any(isinstance(row, ReaderRow) and row.note for row in rows)
    with transaction.atomic():
        existing = existing_rows({digest for digest, _row in hashed if digest}, has_notes=has_notes)
        merged = Merge(existing, now, on_reject)
        for digest, row in hashed:
            merged.take(digest, row)
        if not dry_run:
            merged.write(source)
    return merged.counts + Counter(rows=len(rows))


@dataclass
class ExistingRows:
    """Readers, and reasons why an address must not be mailed, by the hashes of addresses."""

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
        hash_of = {one.pk: digest for digest, one in readers.items()}
        found.tags = {hash_of[pk]: names for pk, names in Tagging.objects.names_of(hash_of).items()}
        notes = Note.objects.filter(subscriber__in=hash_of).order_by() if has_notes else Note.objects.none()
        for pk, text in notes.values_list("subscriber_id", "text"):
            found.notes.setdefault(hash_of[pk], set()).add(text)
    return found


class Merge:
    """Decides row by row: a second row about an address sees the result of the first.

    The attributes hold what is to be written, keyed by address hash. retagged: new tags of those whose tags differ from
    the file's. joined: pending ones, from the database or an earlier row, who become readers. left: who leave.
    """

    def __init__(self, existing: ExistingRows, now: datetime, on_reject: RejectCallback) -> None:
        self.existing, self.now, self.on_reject = existing, now, on_reject
        self.counts = Counter[str]()
        self.new: dict[str, Subscriber] = {}
        self.changed: dict[str, Subscriber] = {}
        self.barred: dict[str, ReaderRow] = {}
        self.retagged: dict[str, list[str]] = {}
        self.notes: dict[str, list[str]] = {}
        self.joined: set[str] = set()
        self.left: set[str] = set()

    def take(self, digest: str, row: ReaderRow | InvalidRow) -> None:
        """digest: the hash of its address; "" for one that cannot be read."""
        if isinstance(row, InvalidRow):
            self._reject(row.line, row.reason)
        elif row.state in MUST_NOT_BE_MAILED:
            self.barred[digest] = row
            self.existing.reasons.setdefault(digest, row.state)
            self._reject(row.line, _("must not be mailed: %s") % Suppression.Reason(row.state).label)
        elif reason := self.existing.reasons.get(digest):
            self._reject(row.line, _("must not be mailed: %s") % Suppression.Reason(reason).label)
        elif digest in self.existing.readers:
            self._change(digest, row)
        else:
            self._make(digest, row)

    def _reject(self, line: int, reason: str) -> None:
        self.counts["rejected"] += 1
        self.on_reject(line, reason)

    def _make(self, digest: str, row: ReaderRow) -> None:
        made = Subscriber(address_hash=digest, email=row.email, name=row.name, created_at=self.now)
        self.new[digest] = self.existing.readers[digest] = made
        self.counts["created"] += 1
        if row.state == UNSUBSCRIBED:
            _leave(made, row, self.now)
            self.left.add(digest)
        elif row.state != PENDING:
            _join(made, row, self.now)
        if row.tags:
            self._tag(digest, row)
        if row.note:
            self._note(digest, row)

    def _change(self, digest: str, row: ReaderRow) -> None:
        reader = self.existing.readers[digest]
        before = reader.state
        is_here = before != UNSUBSCRIBED  # no file changes a reader who has left
        is_retagged = is_here and self._tag(digest, row)
        is_noted = is_here and self._note(digest, row)
        is_changed = is_here and _apply(reader, row, self.now)
        self.counts["updated" if is_changed or is_retagged or is_noted else "unchanged"] += 1
        if is_changed and digest not in self.new:
            self.changed[digest] = reader
        if reader.is_reader and before == PENDING:
            self.joined.add(digest)
        elif reader.state == UNSUBSCRIBED != before:
            self.left.add(digest)

    def _tag(self, digest: str, row: ReaderRow) -> bool:
        """Record the tags that the file gives a reader, if any; return whether they differ from the present ones."""
        tags = list(row.tags)
        if not tags or tags == self.existing.tags.get(digest):
            return False
        self.existing.tags[digest] = self.retagged[digest] = tags
        return True

    def _note(self, digest: str, row: ReaderRow) -> bool:
        """Keep the note of a row once; return whether it is new."""
        text = row.note[:NOTE_LENGTH_MAX]
        noted = self.existing.notes.setdefault(digest, set())
        if not text or text in noted:
            return False
        noted.add(text)
        self.notes.setdefault(digest, []).append(text)
        return True

    def write(self, source: str) -> None:
        """Write all of it, in the caller's transaction. source: where these readers come from, for the record."""
        made = _insert(list(self.new.values()))
        for reader in self.changed.values():
            here = Subscriber.objects.filter(pk=reader.pk).exclude(state=UNSUBSCRIBED)  # who left meanwhile stays so
            here.update(**{name: getattr(reader, name) for name in CHANGED})
        self._write_tags()
        self._write_notes(source)
        self._write_suppressions()
        Subscriber.objects.clear_after_leaving([one.pk for one in self.changed.values() if one.state == UNSUBSCRIBED])
        written = made | self.changed.keys()
        joined = self.joined | {one.address_hash for one in self.new.values() if one.confirmed_at}
        record_imported(joined & written, Consent.Kind.IMPORTED, source, "confirmed_at")
        record_imported(self.left & written, Consent.Kind.WITHDREW, source, "unsubscribed_at")

    def _write_tags(self) -> None:
        """Write the tags of subscribers whose rows still exist, and lock these rows until the transaction ends."""
        if self.retagged:
            here = Subscriber.objects.filter(address_hash__in=self.retagged).order_by("pk")
            keys = dict(here.select_for_update(no_key=True).values_list("address_hash", "pk"))
            had_tags = [pk for digest, pk in keys.items() if digest not in self.new]
            Tagging.objects.filter(subscriber__in=had_tags).delete()
            Tagging.objects.give({pk: self.retagged[digest] for digest, pk in keys.items()})

    def _write_notes(self, source: str) -> None:
        if self.notes:
            keys = Subscriber.objects.filter(address_hash__in=self.notes).order_by().values_list("address_hash", "pk")
            Note.objects.bulk_create(
                Note(subscriber_id=pk, at=self.now, by=source[:NAME_LENGTH], text=text)
                for digest, pk in keys
                for text in self.notes[digest]
            )

    def _write_suppressions(self) -> None:
        barred = []
        for digest, row in self.barred.items():
            email = "" if row.state == Suppression.Reason.ERASED else row.email
            barred.append(Suppression(address_hash=digest, email=email, reason=row.state, note="import"))
        Suppression.objects.bulk_create(barred, ignore_conflicts=True)
        gone = [make_departure(DepartureKind(one.reason), one.address_hash) for one in barred]
        departures.append_to_file([*gone, *(make_departure(DepartureKind.LEFT, digest) for digest in self.left)])


def _apply(reader: Subscriber, row: ReaderRow, now: datetime) -> bool:
    """Apply name and state; return whether anything changed. Unsubscribing wins; then a pause, until the later date."""
    values = attrgetter(*CHANGED)
    before = values(reader)
    reader.name = row.name or reader.name
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state == PAUSED or (row.state == ACTIVE and reader.state == PENDING):
        _join(reader, row, now)
    return bool(before != values(reader))


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


def _insert(readers: list[Subscriber]) -> set[str]:
    """Write new readers; return the hashes of those written. A signup at the same moment keeps its own row."""
    Subscriber.objects.bulk_create(readers, ignore_conflicts=True)
    salts = {one.address_hash: one.token_salt for one in readers}
    rows = Subscriber.objects.filter(address_hash__in=salts).order_by().values_list("address_hash", "token_salt")
    return {digest for digest, salt in rows if salts[digest] == salt}


def record_imported(hashes: Collection[str], kind: Consent.Kind, source: str, moment: str) -> None:
    """Append a consent line per reader, with the time that the import has stored in the row."""
    readers = Subscriber.objects.filter(address_hash__in=hashes, **{f"{moment}__isnull": False}).order_by()
    Consent.objects.bulk_create(
        Consent(subscriber_id=pk, kind=kind, at=at, source=source, address_hash=digest)
        for pk, at, digest in readers.values_list("pk", moment, "address_hash")
    )
