"""Write the readers of a file: make those that are new, change those that are known, bring nobody back.

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
from subscribers.departures import Why
from subscribers.importers.rows import MUST_NOT_BE_MAILED, Row, Unreadable
from subscribers.models import Note, Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent
from subscribers.models.notes import LENGTH_MAX as NOTE_LENGTH_MAX
from subscribers.models.suppressions import departure
from subscribers.models.tags import Tagging

COUNTED: Final = ("rows", "created", "updated", "unchanged", "rejected")  # `rows` is the sum of the others
SOURCE_LENGTH = 200  # characters of a line of the record
# Fields of a reader that a row of a file can change.
CHANGED = (
    "name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at",
    "signup_round", "confirmation_due_at",
)  # fmt: skip
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


def merge(
    rows: Collection[Row | Unreadable], now: datetime, rejected: Rejected, *, consent: str = "", dry_run: bool = False
) -> Counter[str]:
    """Write rows in one transaction, and return how many of them are what of COUNTED; a second run changes nothing.

    consent: how these readers agreed, for the record of each.
    """
    source = f"import on {now:%Y-%m-%d}{': ' if consent else ''}{consent}"[:SOURCE_LENGTH]
    counts = Counter(rows=len(rows))
    with transaction.atomic():
        outcome = _decided(rows, counts, now, rejected)
        if not dry_run:
            write(outcome, source, now)
    return counts


def _decided(rows: Collection[Row | Unreadable], counts: Counter[str], now: datetime, rejected: Rejected) -> "Outcome":
    """Return what is to be written of some rows beside the existing ones."""
    salt = Publication.objects.current().salt
    hashed = [(address_hash(row.email, salt) if isinstance(row, Row) else "", row) for row in rows]
    has_notes = any(isinstance(row, Row) and row.note for row in rows)
    existing = existing_rows({known_as for known_as, _row in hashed if known_as}, has_notes=has_notes)
    decision = Decision(existing, counts, now, rejected)
    for known_as, row in hashed:
        decision.take(known_as, row)
    return decision.outcome


# --- Rules ---


@dataclass
class ExistingRows:
    """Readers, and reasons why an address must not be mailed, by the hashes of addresses."""

    readers: dict[str, Subscriber] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class Outcome:
    """What is to be written, by the hashes of addresses.

    retagged: to whom the file gives other tags than they have. joined: who becomes a reader by a later row than
    their first. left: who leaves.
    """

    new: dict[str, Subscriber] = field(default_factory=dict)
    changed: dict[str, Subscriber] = field(default_factory=dict)
    barred: dict[str, Row] = field(default_factory=dict)
    retagged: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


class Decision:
    """Takes rows one after the other: the second row about an address finds the outcome of the first one."""

    def __init__(self, existing: ExistingRows, counts: Counter[str], now: datetime, rejected: Rejected) -> None:
        self.existing, self.counts, self.now, self.rejected = existing, counts, now, rejected
        self.outcome = Outcome()

    def take(self, known_as: str, row: Row | Unreadable) -> None:
        """Decide about one row. known_as: the hash of its address, "" for one that cannot be read."""
        if isinstance(row, Unreadable):
            self._reject(row.line, row.reason)
        elif row.state in MUST_NOT_BE_MAILED:
            self._bar(known_as, row)
        elif known_as in self.existing.reasons:
            self._reject_barred(row.line, self.existing.reasons[known_as])
        elif known_as in self.existing.readers:
            self._change(known_as, row)
        else:
            self._make(known_as, row)

    def _make(self, known_as: str, row: Row) -> None:
        made = self.outcome.new[known_as] = self.existing.readers[known_as] = _made(known_as, row, self.now)
        self.counts["created"] += 1
        if made.state == UNSUBSCRIBED:
            self.outcome.left.add(known_as)
        if row.tags:
            self._tag(known_as, row)
        if row.note:
            self._note(known_as, row)

    def _reject(self, line: int, reason: str) -> None:
        self.counts["rejected"] += 1
        self.rejected(line, reason)

    def _reject_barred(self, line: int, reason: str) -> None:
        self._reject(line, _("must not be mailed: %s") % Suppression.Reason(reason).label)

    def _bar(self, known_as: str, row: Row) -> None:
        """Remember an address that the other program knew must not be mailed."""
        self.outcome.barred[known_as] = row
        self.existing.reasons.setdefault(known_as, row.state)
        self._reject_barred(row.line, row.state)

    def _change(self, known_as: str, row: Row) -> None:
        reader = self.existing.readers[known_as]
        before = reader.state
        is_retagged = before != UNSUBSCRIBED and self._tag(known_as, row)
        is_changed = _apply(reader, row, self.now)
        is_noted = before != UNSUBSCRIBED and self._note(known_as, row)
        if not (is_changed or is_retagged or is_noted):
            self.counts["unchanged"] += 1
            return
        self.counts["updated"] += 1
        self._record(known_as, before)
        if is_changed and known_as not in self.outcome.new:
            self.outcome.changed[known_as] = reader

    def _tag(self, known_as: str, row: Row) -> bool:
        """Remember which tags the file gives a reader, if any; return whether these are others."""
        tags = list(row.tags)
        if not tags or tags == self.existing.tags.get(known_as):
            return False
        self.existing.tags[known_as] = self.outcome.retagged[known_as] = tags
        return True

    def _note(self, known_as: str, row: Row) -> bool:
        """Remember what the file tells of a reader in words, once; return whether that is new."""
        text = row.note[:NOTE_LENGTH_MAX]
        noted = self.existing.notes.setdefault(known_as, set())
        if not text or text in noted:
            return False
        noted.add(text)
        self.outcome.notes.setdefault(known_as, []).append(text)
        return True

    def _record(self, known_as: str, before: str) -> None:
        """Remember whose record gets a line: whoever became a reader by this row, or ended by it."""
        after = self.existing.readers[known_as]
        if after.is_reader and before == PENDING:
            self.outcome.joined.add(known_as)
        elif after.state == UNSUBSCRIBED and before != UNSUBSCRIBED:
            self.outcome.left.add(known_as)


def _made(known_as: str, row: Row, now: datetime) -> Subscriber:
    reader = Subscriber(address_hash=known_as, email=row.email, name=row.name, created_at=now)
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state != PENDING:
        _join(reader, row, now)
    return reader


def _apply(reader: Subscriber, row: Row, now: datetime) -> bool:
    """Bring what a file says to a known reader, but for the tags; return whether that changed anything.

    Leaving wins over everything, a reader's own pause over a file that knows of none, and of two pauses the longer one.
    """
    if reader.state == UNSUBSCRIBED:
        return False
    before = _changeable(reader)
    reader.name = row.name or reader.name
    if row.state == UNSUBSCRIBED:
        _leave(reader, row, now)
    elif row.state == PAUSED or (row.state == ACTIVE and reader.state == PENDING):
        _join(reader, row, now)
    return before != _changeable(reader)


def _join(reader: Subscriber, row: Row, now: datetime) -> None:
    """Become a reader on the word of the file; nobody is welcomed who has been reading elsewhere."""
    if not reader.is_reader:
        reader.confirmed_at = min(row.consent_at or now, now)
        reader.welcomed_at, reader.confirmation_due_at = now, None
        reader.signup_round += 1
    if reader.state == row.state == PAUSED and reader.paused_until and row.paused_until:
        reader.paused_until = max(reader.paused_until, row.paused_until)
    else:
        reader.state, reader.paused_until = row.state, row.paused_until


def _leave(reader: Subscriber, row: Row, now: datetime) -> None:
    reader.state, reader.paused_until = UNSUBSCRIBED, None
    reader.unsubscribed_at, reader.confirmation_due_at = min(row.left_at or now, now), None
    reader.signup_round += 1


def _changeable(reader: Subscriber) -> list[Any]:
    return [getattr(reader, name) for name in CHANGED]


# --- The database ---


def existing_rows(hashes: Collection[str], *, has_notes: bool) -> ExistingRows:
    """Return the existing rows of these addresses. has_notes: whether the file has any, so that ours are needed."""
    readers = Subscriber.objects.filter(address_hash__in=hashes).order_by()
    found = ExistingRows(readers={one.address_hash: one for one in readers})
    barred = Suppression.objects.filter(address_hash__in=hashes).order_by()
    found.reasons = dict(barred.values_list("address_hash", "reason"))
    if found.readers:
        _add_words(found, has_notes=has_notes)
    return found


def _add_words(found: ExistingRows, *, has_notes: bool) -> None:
    """Add the tags and notes of the readers who are known."""
    hash_of = {one.pk: known_as for known_as, one in found.readers.items() if one.pk}
    found.tags = {hash_of[pk]: names for pk, names in Tagging.objects.names_of(hash_of).items()}
    notes = Note.objects.filter(subscriber__in=hash_of).order_by() if has_notes else Note.objects.none()
    for pk, text in notes.values_list("subscriber_id", "text"):
        found.notes.setdefault(hash_of[pk], set()).add(text)


def write(outcome: Outcome, source: str, now: datetime) -> None:
    """Write all of it, in the caller's transaction. source: what the record says of where these readers come from."""
    made = _insert(list(outcome.new.values()))
    _update(outcome.changed.values())
    _write_tags(outcome)
    _write_notes(outcome, source, now)
    barred = [
        Suppression(address_hash=known_as, email=_kept_email(row.state, row.email), reason=row.state, note="import")
        for known_as, row in outcome.barred.items()
    ]
    Suppression.objects.bulk_create(barred, ignore_conflicts=True)
    gone = [departure(Why(one.reason), one.address_hash) for one in barred]
    departures.write([*gone, *(departure(Why.LEFT, known_as) for known_as in outcome.left)])
    Subscriber.objects.let_go([one.pk for one in outcome.changed.values() if one.pk and one.state == UNSUBSCRIBED])
    written = made | outcome.changed.keys()
    joined = outcome.joined | {one.address_hash for one in outcome.new.values() if one.confirmed_at}
    Consent.objects.add_imported(joined & written, Consent.Kind.IMPORTED, source)
    Consent.objects.add_imported(outcome.left & written, Consent.Kind.WITHDREW, source)


def _insert(readers: list[Subscriber]) -> set[str]:
    """Write new readers, and return whom: whoever signs up at this moment keeps their own row."""
    Subscriber.objects.bulk_create(readers, ignore_conflicts=True)
    salts = {one.address_hash: one.token_salt for one in readers}
    there = Subscriber.objects.filter(address_hash__in=salts).order_by().values_list("address_hash", "token_salt")
    return {known_as for known_as, salt in there if salts[known_as] == salt}


def _kept_email(reason: str, email: str) -> str:
    return "" if reason == Suppression.Reason.ERASED else email


def _update(readers: Iterable[Subscriber]) -> None:
    """Write known readers; whoever left at this moment stays away."""
    for reader in readers:
        here = Subscriber.objects.filter(pk=reader.pk).exclude(state=UNSUBSCRIBED)
        here.update(**{name: getattr(reader, name) for name in CHANGED})


def _write_tags(outcome: Outcome) -> None:
    """Write the tags of those who are still here, and keep them here until the transaction ends."""
    if not outcome.retagged:
        return
    here = Subscriber.objects.filter(address_hash__in=outcome.retagged).order_by("pk").select_for_update(no_key=True)
    keys = dict(here.values_list("address_hash", "pk"))
    had_tags = [pk for known_as, pk in keys.items() if known_as not in outcome.new]
    Tagging.objects.filter(subscriber__in=had_tags).delete()
    Tagging.objects.give({pk: outcome.retagged[known_as] for known_as, pk in keys.items()})


def _write_notes(outcome: Outcome, source: str, now: datetime) -> None:
    if not outcome.notes:
        return
    keys = Subscriber.objects.filter(address_hash__in=outcome.notes).order_by().values_list("address_hash", "pk")
    Note.objects.bulk_create(
        Note(subscriber_id=pk, at=now, by=source[:NAME_LENGTH], text=text)
        for known_as, pk in keys
        for text in outcome.notes[known_as]
    )
