"""Write what was decided about some rows: a statement a table, however many rows. Call it in a transaction."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from newsletter.mail.tokens import SALT_LENGTH
from newsletter.publication.changes import NAME_LENGTH
from subscribers import departures
from subscribers.departures import Why
from subscribers.importers.deciding import CHANGED, UNSUBSCRIBED, Outcome, Reader, any_of
from subscribers.models import Note, Subscriber, Suppression
from subscribers.models.consents import Consent
from subscribers.models.suppressions import departure
from subscribers.models.tags import Tagging

# What differs between new readers, and its type in PostgreSQL; all other columns have one value for all of them.
TYPES: Final = {
    "address_hash": "text",
    "email": "text",
    "name": "text",
    "state": "text",
    "paused_until": "timestamptz",
    "unsubscribed_at": "timestamptz",
    "confirmed_at": "timestamptz",
    "welcomed_at": "timestamptz",
    "signup_round": "int4",
    "token_salt": "text",
}
OWN: Final = attrgetter(*[name for name in TYPES if name != "token_salt"])
SALT_OCTETS: Final = SALT_LENGTH * 3 // 4
READERS: Final = Subscriber._meta.db_table
# Names of our own columns here and below; every value is a parameter.
RECORD: Final = f"""
    INSERT INTO {Consent._meta.db_table} (subscriber_id, kind, at, source, address_hash)
    SELECT id, %s, confirmed_at, %s, address_hash FROM made WHERE confirmed_at IS NOT NULL UNION ALL
    SELECT id, %s, unsubscribed_at, %s, address_hash FROM made WHERE unsubscribed_at IS NOT NULL
"""  # noqa: S608  # nosec B608


def insert(readers: Sequence[Reader], source: str, now: datetime) -> None:
    """Write readers and, of each, when they came and when they left. Call it in a transaction."""
    if not readers:
        return
    write = _copy if connection.vendor == "postgresql" else _one_by_one
    write(readers, source, _same_for_all(now))


def _copy(readers: Sequence[Reader], source: str, same: dict[str, Any]) -> None:
    """Hand the rows over by COPY, which knows no conflicts, and from there into the tables by one statement."""
    types = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    values = [*same.values(), *_of_record(source)]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.import_rows")  # of a batch before in the same transaction
        cursor.execute(f"CREATE TEMPORARY TABLE import_rows ({types}) ON COMMIT DROP")
        with cursor.copy("COPY import_rows FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(list(TYPES.values()))
            for row in _rows(readers):
                copy.write_row(row)
        try:
            with transaction.atomic():
                cursor.execute(_from_there(same, ""), values)
        except IntegrityError:  # somebody signs up at this moment; to look for them in each batch costs a tenth more
            cursor.execute(_from_there(same, "ON CONFLICT DO NOTHING"), values)


def _from_there(same: dict[str, Any], on_conflict: str) -> str:
    given, rest = ", ".join(TYPES), ", ".join(same)
    made = f"""
        INSERT INTO {READERS} ({given}, {rest})
        SELECT {given}, {_marks(same)} FROM import_rows {on_conflict}
        RETURNING id, address_hash, confirmed_at, unsubscribed_at
    """  # noqa: S608  # nosec B608
    return f"WITH made AS ({made}) {RECORD}"


def _one_by_one(readers: Sequence[Reader], source: str, same: dict[str, Any]) -> None:
    """Insert rows by one prepared statement. Nobody else writes meanwhile: what is new has the last keys."""
    moment = cache(connection.ops.adapt_datetimefield_value)
    rest = [moment(value) if isinstance(value, datetime) else value for value in same.values()]
    rows = [[moment(cell) if isinstance(cell, datetime) else cell for cell in row] + rest for row in _rows(readers)]
    columns = [*TYPES, *same]
    into = f"INSERT INTO {READERS} ({', '.join(columns)}) VALUES ({_marks(columns)})"  # noqa: S608  # nosec B608
    made = f"SELECT id, address_hash, confirmed_at, unsubscribed_at FROM {READERS} WHERE id > %s"  # noqa: S608  # nosec B608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {READERS}")  # noqa: S608  # nosec B608
        (last,) = cursor.fetchone()
        cursor.executemany(into, rows)
        cursor.execute(f"WITH made AS ({made}) {RECORD}", [last, *_of_record(source)])


def _marks(columns: Collection[str]) -> str:
    return ", ".join(["%s"] * len(columns))


def _of_record(source: str) -> list[str]:
    return [Consent.Kind.IMPORTED.value, source, Consent.Kind.WITHDREW.value, source]


def _rows(readers: Sequence[Reader]) -> Iterator[tuple[Any, ...]]:
    """Yield what differs between readers, each with a random value of their own for their links."""
    salts = urlsafe_b64encode(os.urandom(SALT_OCTETS * len(readers))).decode()
    for number, reader in enumerate(readers):
        yield (*OWN(reader), salts[number * SALT_LENGTH : (number + 1) * SALT_LENGTH])


def _same_for_all(now: datetime) -> dict[str, Any]:
    """Return what the other columns of all new readers have: their defaults."""
    fields = [
        field for field in Subscriber._meta.concrete_fields if field.attname not in TYPES and not field.primary_key
    ]
    return {str(field.column): field.get_default() for field in fields} | {"created_at": now}


def write(outcome: Outcome, source: str, now: datetime) -> None:
    """Write all of it. source: what the record says of where these readers come from."""
    insert(list(outcome.new.values()), source, now)
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
    Consent.objects.add_imported(outcome.joined - outcome.new.keys(), Consent.Kind.IMPORTED, source)
    Consent.objects.add_imported(outcome.left - outcome.new.keys(), Consent.Kind.WITHDREW, source)


def _kept_email(reason: str, email: str) -> str:
    return "" if reason == Suppression.Reason.ERASED else email


def _update(readers: Iterable[Reader]) -> None:
    """Write known readers; whoever left at this moment stays away."""
    rows = [_stored([*reader.changeable(), reader.pk, UNSUBSCRIBED]) for reader in readers]
    places = ", ".join(f"{name} = %s" for name in CHANGED)
    # Names of our own columns; every value is a parameter.
    statement = f"UPDATE {Subscriber._meta.db_table} SET {places} WHERE id = %s AND state <> %s"  # noqa: S608  # nosec B608
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _stored(values: Sequence[Any]) -> list[Any]:
    moment = connection.ops.adapt_datetimefield_value
    return [moment(value) if isinstance(value, datetime) else value for value in values]


def _write_tags(outcome: Outcome) -> None:
    """Write the tags of those who are still here, and keep them here until the transaction ends."""
    if not outcome.retagged:
        return
    here = Subscriber.objects.filter(any_of(outcome.retagged)).order_by("pk").select_for_update(no_key=True)
    keys = dict(here.values_list("address_hash", "pk"))
    had_tags = [pk for known_as, pk in keys.items() if known_as not in outcome.new]
    Tagging.objects.filter(subscriber__in=had_tags).delete()
    Tagging.objects.give({pk: outcome.retagged[known_as] for known_as, pk in keys.items()})


def _write_notes(outcome: Outcome, source: str, now: datetime) -> None:
    if not outcome.notes:
        return
    keys = Subscriber.objects.filter(any_of(outcome.notes)).order_by().values_list("address_hash", "pk")
    Note.objects.bulk_create(
        Note(subscriber_id=pk, at=now, by=source[:NAME_LENGTH], text=text)
        for known_as, pk in keys
        for text in outcome.notes[known_as]
    )
