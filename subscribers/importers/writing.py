"""Write what was decided about some rows: a statement a table, however many rows. Call it in a transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from newsletter.publication.changes import NAME_LENGTH
from subscribers import departures
from subscribers.departures import Why
from subscribers.importers import new_rows
from subscribers.importers.deciding import CHANGED, UNSUBSCRIBED, Outcome, Reader
from subscribers.importers.knowing import any_of
from subscribers.models import Note, Subscriber, Suppression
from subscribers.models.consents import Consent
from subscribers.models.suppressions import departure
from subscribers.models.tags import Tagging


def write(outcome: Outcome, source: str, now: datetime) -> None:
    """Write all of it. source: what the record says of where these readers come from."""
    new_rows.insert(list(outcome.new.values()), source, now)
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
