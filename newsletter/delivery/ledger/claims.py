"""What is written into the ledger while a mailing is being sent: each function one transaction.

Results are applied by row, never by range: into the rows that wait for them, and what no row waits for goes on to
`uncertain` as evidence. A holder whose token is no longer the batch's changes nothing but the rows it knows the answer
for. Whoever writes rows of a batch holds the batch's own row first.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import starmap
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import KNOWN_OF, Evidence, Known
from newsletter.delivery.models import Batch, BatchQuerySet, Delivery, Mailing, deliveries
from newsletter.delivery.models.deliveries import COUNTER_OF
from subscribers.models import Subscriber, is_mailable

WAITING = [Delivery.State.QUEUED, Delivery.State.DEFERRED]
_WAITING = ", ".join(str(int(state)) for state in WAITING)
_QUEUED, _SENT, _UNCERTAIN = map(int, (Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.UNCERTAIN))
STEP = 50  # rows: SQLite keeps its statements, of which each number of rows needs one


class Result(NamedTuple):
    """What became of one row."""

    seq: int
    state: Delivery.State
    reply: str = ""
    provider_id: str = ""


NOBODY = Result(-1, Delivery.State.SENT)  # no row has this number


def write_results(batch: Batch, results: Sequence[Result]) -> None:
    """Write the results of some rows and count them; doing it twice counts once.

    A row that recovery has called uncertain meanwhile hears its late answer as evidence; one that the author wants
    sent again since then is settled by a yes alone.
    """
    if results:
        with transaction.atomic():
            batch.count(write_uncounted(batch, results))


def write_uncounted(batch: Batch, results: Sequence[Result]) -> Counter[Delivery.State]:
    """Lock the batch and write the results of some rows; return what is added to its counters.

    A row that waits may be in another's hands when the token is no longer ours: it is that one's to answer for.
    """
    state, token = lock(batch) or ("", None)
    if not results:
        return Counter()
    if state == Batch.State.DONE and batch.is_in_last_pass:
        results = [_final(result) for result in results]
    settled = write(batch, results) if token == batch.token else set()
    if len(settled) == len(results):
        return _counted(batch, results)
    late = [one for one in results if one.seq not in settled and one.state in KNOWN_OF]
    uncertain.settle_late(batch, {one.seq: _evidence(batch, one) for one in late})
    return _counted(batch, [result for result in results if result.seq in settled])


def _counted(batch: Batch, results: Sequence[Result]) -> Counter[Delivery.State]:
    """Count results that were written, and note what may be about their readers."""
    added = Counter(result.state for result in results)
    if added[Delivery.State.FAILED]:
        failed = {result.seq: result.reply for result in results if result.state == Delivery.State.FAILED}
        deliveries.note_refusals(batch, failed, timezone.now())
    return added


def _evidence(batch: Batch, result: Result) -> Evidence:
    """Return what an answer says of a row that no longer waits for it."""
    return Evidence(
        KNOWN_OF[result.state], timezone.now(), result.reply, provider_id=result.provider_id, attempt=batch.pass_no
    )


def _final(result: Result) -> Result:
    return result._replace(state=Delivery.State.FAILED) if result.state == Delivery.State.DEFERRED else result


def lock(batch: Batch) -> tuple[str, int] | None:
    """Keep everybody else from the batch until the transaction ends; return its state and token, None if it is gone.

    PostgreSQL checks a condition that joins another table only against the rows as they were before it
    waited: without this lock an intent could move the cursor of a batch that was taken over meanwhile.
    """
    # Our own table's name and a constant are put into the statement; the id is a parameter.
    waits = "FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as db:
        db.execute(f"SELECT state, token FROM {Batch._meta.db_table} WHERE id = %s {waits}", [batch.pk])  # noqa: S608  # nosec B608 - our own
        found: tuple[str, int] | None = db.fetchone()
    return found


# --- One statement, in the form that each database reads fastest ---


def write(batch: Batch, results: Sequence[Result]) -> set[int]:
    """Update the rows that wait; return which.

    A row that was deferred in this very pass has had its answer. If it is to be sent again, only the news that it had
    been accepted before still counts.
    """
    given, values = _as_rows(results)
    # PostgreSQL would read the whole mailing, SQLite the batch for each row if it knew.
    near = f"d.seq >= {int(batch.lo)} AND d.seq < {int(batch.hi)}" if connection.vendor == "postgresql" else "TRUE"
    sql = f"""
        UPDATE {Delivery._meta.db_table} AS d
           SET state = given.state, reply = given.reply, provider_id = given.provider_id, attempts = %s,
               sent_at = CASE WHEN given.state IN ({_SENT}, {_UNCERTAIN}) THEN %s ELSE d.sent_at END
          FROM ({given}) AS given
         WHERE d.mailing_id = %s AND d.seq = given.row_seq AND {near}
           AND d.state IN ({_WAITING}) AND (d.attempts < %s OR d.state = {_QUEUED} AND given.state = {_SENT})
    """  # noqa: S608  # nosec B608  # names and numbers of our own; every value is a parameter
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    params = [batch.pass_no, now, *values, batch.mailing_id, batch.pass_no]
    if connection.vendor == "sqlite" and _updates(sql, params, len(results)):
        return {result.seq for result in results}
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING seq", params)
        return {seq for (seq,) in cursor.fetchall()}


def _updates(sql: str, params: Sequence[Any], rows: int) -> bool:
    """Execute a statement; return whether it updated so many rows, else take it back.

    For SQLite, to which each row that it returns is a step of its own, between which this thread waits for its turn.
    Its client counts the rows of a statement that begins with UPDATE, and of no other. It is given the statement past
    Django's cursor, which looks for the places of parameters by a regular expression: 2 % of a lane's CPU.
    """
    with transaction.atomic(), connection.cursor() as cursor, connection.wrap_database_errors:
        updated: int = cursor.connection.execute(sql.replace("%s", "?"), params).rowcount
        transaction.set_rollback(updated != rows)
    return updated == rows


def _as_rows(results: Sequence[Result]) -> tuple[str, list[Any]]:
    """Return SQL for results as rows, and its parameters.

    PostgreSQL reads one JSON text faster than many values; SQLite would read the table anew for each row of one.
    """
    # Only names of our own and places for parameters are put into the statements.
    if connection.vendor == "postgresql":
        row = (
            "(one ->> 0)::int AS row_seq, (one ->> 1)::smallint AS state, one ->> 2 AS reply, one ->> 3 AS provider_id"
        )
        # Columns and places of our own; every value is a parameter.
        return f"SELECT {row} FROM jsonb_array_elements(%s::jsonb) AS one", [json.dumps(results)]  # noqa: S608  # nosec B608
    rows = [*results, *[NOBODY] * (-len(results) % STEP if len(results) > STEP else 0)]
    columns = "column1 AS row_seq, column2 AS state, column3 AS reply, column4 AS provider_id"
    values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    # Columns and places of our own; every value is a parameter.
    return f"SELECT {columns} FROM (VALUES {values})", [value for row in rows for value in row]  # noqa: S608  # nosec B608


LEASE = timedelta(seconds=30)  # renewed with every window; while it lasts, others take its owner for alive
LEASE_END = Now() + LEASE  # by the database's clock, which all machines share


class LaneEnds(Exception):
    """The batch is another's now, the mailing was stopped, or the provider is away."""


class Row(NamedTuple):
    """One row that may be handed over, as little of it as a message needs."""

    seq: int
    subscriber_id: int | None
    email: str
    name: str
    is_mailable: bool
    token_salt: str = ""
    address_hash: str = ""

    @property
    def reader(self) -> Subscriber:
        """Return the reader, for the e-mail classes; without what no message needs."""
        own = {"token_salt": self.token_salt, "address_hash": self.address_hash}
        return Subscriber(pk=self.subscriber_id, email=self.email, name=self.name, **own)


# Of rows that lead to a reader by `subscriber__`: the fields of a Row after the first two.
OF_READER = ("subscriber__email", "subscriber__name")
OF_LINKS = ("subscriber__token_salt", "subscriber__address_hash")


def claim(mailing: Mailing, worker: str, now: datetime) -> Batch | None:
    """Take the first ready batch of `mailing` for `worker`, with a token of its own; None if there is none."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        ready = Batch.objects.ready(now).filter(mailing=mailing).order_by("no")
        batch = ready.select_for_update(skip_locked=skip).first()
        if batch is None:
            return None
        batch.token += 1
        batch.worker, batch.state = worker, Batch.State.LEASED
        Batch.objects.filter(pk=batch.pk).update(
            token=batch.token, worker=worker, state=batch.state, lease_until=LEASE_END
        )
    batch.mailing = mailing
    return batch


def held(batch: Batch) -> BatchQuerySet:
    return Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)


def intend(batch: Batch, results: Sequence[Result], window: int, now: datetime) -> list[Row]:
    """Record `results` and move the cursor over the next `window` rows that wait, in one transaction.

    Returns the rows that may be handed over once this is committed; fewer at the end of the batch.
    Raises LaneEnds, with the results recorded, when the batch is not ours, or its mailing stopped, has a new text or
    another mailer.
    """
    with transaction.atomic():
        added = write_uncounted(batch, results)
        rows = _next(batch, window, now)
        cursor = rows[-1].seq + 1 if len(rows) == window else batch.hi
        in_flight = batch.in_flight - len(results) + len(rows)
        is_ours = _advance(batch, added, cursor, in_flight)
        if not is_ours:
            batch.count(added)
            held(batch).update(in_flight=batch.in_flight - len(results))
    if not is_ours:
        raise LaneEnds("the batch was taken over, or the mailing stopped")
    batch.cursor, batch.in_flight = cursor, in_flight
    return rows


def _advance(batch: Batch, added: Counter[Delivery.State], cursor: int, in_flight: int) -> bool:
    """Move the cursor, count, and renew the lease, if the batch is ours and its mailing goes on as it was."""
    lease_end, seconds = _lease_sql(connection.vendor)
    sql = f"""
        UPDATE {Batch._meta.db_table}
           SET cursor = %s, in_flight = %s, lease_until = {lease_end},
               sent = sent + %s, failed = failed + %s, uncertain = uncertain + %s, skipped = skipped + %s
         WHERE id = %s AND token = %s AND state = %s
           AND EXISTS (SELECT 1 FROM {Mailing._meta.db_table} WHERE id = %s AND state = %s
                          AND content_hash = %s AND mailer = %s)
    """  # noqa: S608  # nosec B608  # names of our own tables; every value is a parameter
    holder = (batch.pk, batch.token, Batch.State.LEASED.value)
    mailing = (batch.mailing_id, Mailing.State.SENDING.value, batch.mailing.content_hash, batch.mailing.mailer)
    with connection.cursor() as db:
        db.execute(sql, [cursor, in_flight, *seconds, *(added[state] for state in COUNTER_OF), *holder, *mailing])
        return bool(db.rowcount)


@cache
def _lease_sql(_vendor: str) -> tuple[str, tuple[Any, ...]]:
    query = Batch.objects.all().query
    sql, seconds = query.get_compiler(connection=connection).compile(LEASE_END.resolve_expression(query))
    return sql, tuple(seconds)


def _next(batch: Batch, window: int, now: datetime) -> list[Row]:
    known: dict[Any, Any] = {
        _MAILING: batch.mailing_id,
        _CURSOR: batch.cursor,
        _HI: batch.hi,
        _PASS: batch.pass_no,
        connection.ops.adapt_datetimefield_value(_NOW): connection.ops.adapt_datetimefield_value(now),
    }
    sql, holders = _waiting_sql(connection.vendor, window)
    with connection.cursor() as db:
        db.execute(sql, [known.get(holder, holder) for holder in holders])
        found = db.fetchall()
    return list(starmap(Row, sorted(json.loads(found[0][0])) if connection.vendor == "sqlite" else found))


# Values that hold a place in a statement until its own are known; no row has them.
_MAILING, _CURSOR, _HI, _PASS = -101, -102, -103, -104
_NOW = datetime(1, 2, 3, tzinfo=UTC)


@cache
def _waiting_sql(vendor: str, window: int) -> tuple[str, tuple[Any, ...]]:
    """Return the statement for the next rows that wait, and what holds the places of its values.

    Who is mailable stays defined in one place, and is written by Django once for each size of window. Written anew for
    every window, this statement and `_advance` cost a lane 4.3 instead of 1.4 ms of CPU for 200 rows on SQLite, of the
    40 ms that such a window lasts: 7 %.
    """
    mailable = ExpressionWrapper(is_mailable(_NOW, "subscriber__"), BooleanField())
    rows = (
        Delivery.objects.filter(mailing_id=_MAILING, seq__gte=_CURSOR, seq__lt=_HI)
        .filter(state__in=WAITING, attempts__lt=_PASS)
        .annotate(mailable=mailable)
        .order_by("seq")
        .values_list("seq", "subscriber_id", *OF_READER, "mailable", *OF_LINKS)
    )
    sql, holders = rows[:window].query.sql_with_params()
    if vendor == "sqlite":  # as one value, for each row is a step, between which this thread waits for its turn
        columns = ", ".join(["seq", "subscriber_id", *OF_READER, "mailable", *OF_LINKS])
        sql = f"SELECT json_group_array(json_array({columns})) FROM ({sql})"  # noqa: S608  # nosec B608  # its own names
    return sql, tuple(holders)


def renew(batch: Batch) -> None:
    """Keep the lease of a batch whose window waits for its turn; raise LaneEnds when the batch is another's."""
    if not held(batch).update(lease_until=LEASE_END):
        raise LaneEnds("the batch was taken over")


def is_lost(batch: Batch) -> bool:
    """Return whether the batch was given up, and so is another's."""
    return not held(batch).exists()


def take_back(batch: Batch, rows: Sequence[int]) -> None:
    """Queue rows again that became uncertain when the batch was given up, and that its holder never handed over.

    Only for a batch that `is_lost`, whose recovery did not read the holder's record: where it did, the rows may have
    been another lane's since, and uncertain by that lane.
    """
    if rows:
        with transaction.atomic():
            now = Batch.objects.select_for_update().get(pk=batch.pk)
            uncertain.take_back(now, rows, Evidence(Known.NEVER_LEFT, timezone.now(), attempt=batch.pass_no))


def release(batch: Batch, results: Sequence[Result], *, cursor: int | None) -> None:
    """Record `results` and give a batch back.

    cursor: the first row of the open windows that was certainly not handed over; None if there is none.
    """
    values: dict[str, object] = {"state": Batch.State.OPEN, "worker": "", "lease_until": None, "in_flight": 0}
    if cursor is not None:
        values["cursor"] = cursor
    with transaction.atomic():
        write_results(batch, results)
        held(batch).update(**values)


def close(batch: Batch, results: Sequence[Result], now: datetime) -> None:
    """Record `results` and end a pass: done, or open again later for the rows that were deferred or wait again.

    After the last pass the deferred rows have failed, with the provider's last words as the reason.
    """
    values: dict[str, object] = {"worker": "", "lease_until": None, "in_flight": 0, "state": Batch.State.DONE}
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    with transaction.atomic():
        lock(batch)
        write_results(batch, results)
        if batch.is_in_last_pass and held(batch).exists():
            _give_up(batch, rows.filter(state=Delivery.State.DEFERRED), now)
        if rows.filter(state__in=WAITING).exists():
            values |= {"state": Batch.State.OPEN, "cursor": batch.lo, "pass_no": batch.pass_no + 1}
            values |= {"not_before": now + batch.distance}
        held(batch).update(**values)


def _give_up(batch: Batch, deferred: QuerySet[Delivery], now: datetime) -> None:
    deliveries.note_refusals(batch, dict(deferred.values_list("seq", "reply")), now)
    failed = deferred.update(state=Delivery.State.FAILED)
    batch.count(Counter({Delivery.State.FAILED: failed}))
