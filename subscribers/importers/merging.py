"""Write the readers of a file: make those that are new, change those that are known, bring nobody back."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from itertools import batched
from operator import attrgetter

from django.db import connection, transaction
from django.db.models.base import ModelState
from django.utils.translation import gettext as _

from newsletter.mail.tokens import new_salt
from newsletter.publication.actors import NAME_LENGTH
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Why
from subscribers.importers.csv_file import MUST_NOT_BE_MAILED, Row, Unreadable
from subscribers.models import Note, Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent
from subscribers.models.notes import LENGTH_MAX as NOTE_LENGTH_MAX
from subscribers.models.suppressions import departure
from subscribers.models.tags import Tagging

SOURCE_LENGTH = 200  # characters of a line of the record
BATCH = 2000  # rows in one transaction
CHANGED = [
    "name", "state", "paused_until", "unsubscribed_at", "confirmed_at", "welcomed_at",
    "signup_round", "confirmation_due_at",
]  # fmt: skip
INSERTED = [(field.attname, str(field.column)) for field in Subscriber._meta.concrete_fields if not field.primary_key]
State = Subscriber.State
BLANK = Subscriber()


@dataclass
class Summary:
    """What became of the rows; `rows` is the sum of the others."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


type Rejected = Callable[[int, str], None]  # called with the line and the reason of each row that was not taken


def merge(rows: Iterable[Row | Unreadable], now: datetime, rejected: Rejected, *, consent: str = "") -> Summary:
    """Write rows in transactions of BATCH; a second run changes nothing.

    consent: how these readers agreed, for the record of each.
    """
    summary, salt = Summary(), Publication.objects.current().salt
    source = f"import on {now:%Y-%m-%d}{': ' if consent else ''}{consent}"[:SOURCE_LENGTH]
    for batch in batched(rows, BATCH, strict=False):
        with transaction.atomic():
            taken = _Batch(summary, now, rejected)
            taken.take(batch, salt)
            taken.write(source)
    return summary


def rehearse(rows: Iterable[Row | Unreadable], now: datetime, rejected: Rejected) -> Summary:
    """Say what `merge` would do, and write nothing, neither into the database nor into the file of departures.

    An address that stands in the rows twice, far apart, is counted twice.
    """
    summary, salt = Summary(), Publication.objects.current().salt
    for batch in batched(rows, BATCH, strict=False):
        _Batch(summary, now, rejected).take(batch, salt)
    return summary


class _Batch:
    """Some rows of a file beside what the database knows of their addresses."""

    def __init__(self, summary: Summary, now: datetime, rejected: Callable[[int, str], None]) -> None:
        self.summary, self.now, self.rejected = summary, now, rejected
        self.new: dict[str, Subscriber] = {}
        self.changed: dict[str, Subscriber] = {}
        self.barred: dict[str, Suppression] = {}
        self.retagged: dict[str, list[str]] = {}  # to whom the file gives other tags than they have
        self.notes: dict[str, list[str]] = {}
        self.joined: set[str] = set()  # by their hashes, as all of these
        self.left: set[str] = set()

    def take(self, rows: Iterable[Row | Unreadable], salt: str) -> None:
        hashed = [(address_hash(row.email, salt) if isinstance(row, Row) else "", row) for row in rows]
        hashes = {known_as for known_as, _one in hashed}
        self.known = {one.address_hash: one for one in Subscriber.objects.filter(address_hash__in=hashes)}
        has_notes = any(isinstance(row, Row) and row.note for _hash, row in hashed)
        self.noted = self._noted() if has_notes else defaultdict(set)
        names_of = Tagging.objects.names_of(one.pk for one in self.known.values())
        self.tags = {known_as: names_of[one.pk] for known_as, one in self.known.items()}
        barred = Suppression.objects.filter(address_hash__in=hashes).values_list("address_hash", "reason")
        self.reasons = dict(barred)
        for known_as, row in hashed:
            self.summary.rows += 1
            self._one(known_as, row)

    def _noted(self) -> defaultdict[str, set[str]]:
        found = defaultdict(set)
        notes = Note.objects.filter(subscriber__in=[one.pk for one in self.known.values()])
        for known_as, text in notes.values_list("subscriber__address_hash", "text").order_by():
            found[known_as].add(text)
        return found

    def _one(self, known_as: str, row: Row | Unreadable) -> None:
        if isinstance(row, Unreadable):
            self._reject(row.line, row.reason)
        elif row.state in MUST_NOT_BE_MAILED:
            self._bar(known_as, row)
        elif known_as in self.reasons:
            self._reject_barred(row.line, self.reasons[known_as])
        elif known_as in self.known:
            self._change(known_as, row)
        else:
            self.new[known_as] = self.known[known_as] = _made(known_as, row, self.now)
            self.summary.created += 1
            self._tag(known_as, row)
            self._record(known_as, State.PENDING)
            self._note(known_as, row)

    def _reject(self, line: int, reason: str) -> None:
        self.summary.rejected += 1
        self.rejected(line, reason)

    def _reject_barred(self, line: int, reason: str) -> None:
        self._reject(line, _("must not be mailed: %s") % Suppression.Reason(reason).label)

    def _bar(self, known_as: str, row: Row) -> None:
        """Remember an address that the other program knew must not be mailed."""
        email = "" if row.state == Suppression.Reason.ERASED else row.email
        self.barred[known_as] = Suppression(address_hash=known_as, email=email, reason=row.state, note="import")
        self.reasons.setdefault(known_as, row.state)
        self._reject_barred(row.line, row.state)

    def _change(self, known_as: str, row: Row) -> None:
        subscriber = self.known[known_as]
        before = State(subscriber.state)
        is_retagged = before != State.UNSUBSCRIBED and self._tag(known_as, row)
        is_changed = _apply(subscriber, row, self.now)
        is_noted = before != State.UNSUBSCRIBED and self._note(known_as, row)
        if not (is_changed or is_retagged or is_noted):
            self.summary.unchanged += 1
            return
        self.summary.updated += 1
        self._record(known_as, before)
        if is_changed and known_as not in self.new:
            self.changed[known_as] = subscriber

    def _tag(self, known_as: str, row: Row) -> bool:
        """Remember which tags the file gives a reader, if any; return whether these are others."""
        if not row.tags or list(row.tags) == self.tags.get(known_as, []):
            return False
        self.tags[known_as] = self.retagged[known_as] = list(row.tags)
        return True

    def _note(self, known_as: str, row: Row) -> bool:
        """Remember what the file tells of a reader in words, once; return whether that is new."""
        text = row.note[:NOTE_LENGTH_MAX]
        if not text or text in self.noted[known_as]:
            return False
        self.noted[known_as].add(text)
        self.notes.setdefault(known_as, []).append(text)
        return True

    def _record(self, known_as: str, before: str) -> None:
        """Remember whose record gets a line: whoever became a reader by this row, or ended by it."""
        after = self.known[known_as]
        if after.is_reader and before == State.PENDING:
            self.joined.add(known_as)
        elif after.state == State.UNSUBSCRIBED and before != State.UNSUBSCRIBED:
            self.left.add(known_as)

    def write(self, source: str) -> None:
        _insert(self.new.values())
        Subscriber.objects.bulk_update(self.changed.values(), CHANGED, batch_size=200)
        self._write_tags()
        self._write_notes(source)
        Suppression.objects.bulk_create(self.barred.values(), ignore_conflicts=True)
        barred = [departure(Why(one.reason), known_as) for known_as, one in self.barred.items()]
        departures.write([*barred, *(departure(Why.LEFT, known_as) for known_as in self.left)])
        Consent.objects.add_imported(self.joined, Consent.Kind.IMPORTED, source)
        Consent.objects.add_imported(self.left, Consent.Kind.WITHDREW, source)

    def _write_tags(self) -> None:
        """Write the tags of those who are still here, and keep them here until the transaction ends."""
        here = Subscriber.objects.filter(address_hash__in=self.retagged).order_by("pk").select_for_update(no_key=True)
        keys = dict(here.values_list("address_hash", "pk"))
        had_tags = [pk for known_as, pk in keys.items() if known_as not in self.new]
        Tagging.objects.filter(subscriber__in=had_tags).delete()
        Tagging.objects.give({pk: self.retagged[known_as] for known_as, pk in keys.items()})

    def _write_notes(self, source: str) -> None:
        keys = Subscriber.objects.filter(address_hash__in=self.notes).values_list("address_hash", "pk")
        Note.objects.bulk_create(
            Note(subscriber_id=pk, at=self.now, by=source[:NAME_LENGTH], text=text)
            for known_as, pk in keys
            for text in self.notes[known_as]
        )


def _insert(subscribers: Iterable[Subscriber]) -> None:
    """Write new rows as bare values: bulk_create takes three times as long to ask twenty fields about each.

    Whoever signs up on the site at this moment keeps their own row.
    """
    columns = ", ".join(connection.ops.quote_name(name) for _attribute, name in INSERTED)
    marks = ", ".join(["%s"] * len(INSERTED))
    # Names of our own columns; every value is a parameter.
    statement = f"INSERT INTO {Subscriber._meta.db_table} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608  # nosec B608
    values = attrgetter(*(attribute for attribute, _name in INSERTED))
    moment = cache(connection.ops.adapt_datetimefield_value)
    rows = [[moment(value) if isinstance(value, datetime) else value for value in values(one)] for one in subscribers]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _made(known_as: str, row: Row, now: datetime) -> Subscriber:
    subscriber = copy(BLANK)  # a third of the work of asking each field for its default
    subscriber._state = ModelState()
    subscriber.token_salt = new_salt()
    subscriber.email, subscriber.address_hash, subscriber.name = row.email, known_as, row.name
    subscriber.created_at = now
    if row.state == State.UNSUBSCRIBED:
        _leave(subscriber, row, now)
    elif row.state != State.PENDING:
        _join(subscriber, row, now)
    return subscriber


def _apply(subscriber: Subscriber, row: Row, now: datetime) -> bool:
    """Bring what a file says to a known reader, but for the tags; return whether that changed anything.

    Leaving wins over everything, and a reader's own pause over the file.
    """
    if subscriber.state == State.UNSUBSCRIBED:
        return False
    before = [getattr(subscriber, name) for name in CHANGED]
    subscriber.name = row.name or subscriber.name
    if row.state == State.UNSUBSCRIBED:
        _leave(subscriber, row, now)
    elif row.state == State.PAUSED or (row.state == State.ACTIVE and subscriber.state == State.PENDING):
        _join(subscriber, row, now)
    return before != [getattr(subscriber, name) for name in CHANGED]


def _join(subscriber: Subscriber, row: Row, now: datetime) -> None:
    """Become a reader on the word of the file; nobody is welcomed who has been reading elsewhere."""
    if not subscriber.is_reader:
        subscriber.confirmed_at = min(row.consent_at or now, now)
        subscriber.welcomed_at, subscriber.confirmation_due_at = now, None
        subscriber.signup_round += 1
    subscriber.state, subscriber.paused_until = row.state, row.paused_until


def _leave(subscriber: Subscriber, row: Row, now: datetime) -> None:
    subscriber.state, subscriber.paused_until = State.UNSUBSCRIBED, None
    subscriber.unsubscribed_at, subscriber.confirmation_due_at = min(row.left_at or now, now), None
    subscriber.signup_round += 1
