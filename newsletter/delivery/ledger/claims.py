"""Ledger writes of a lane: claims, intents and results. Each function is one transaction.

Results are applied by row, never by range, and only to rows that wait; other results go to `uncertain` as late reports.
A holder with an outdated token changes nothing but rows whose result it knows. Lock order: the batch before its rows.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import starmap
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper
from django.db.models.functions import Now
from django.utils import timezone

from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import RESOLUTION_OF_STATE, DeliveryReport, Resolution
from newsletter.delivery.models import Batch, BatchQuerySet, Delivery, Mailing, deliveries
from newsletter.delivery.models.deliveries import COUNTER_OF_STATE
from subscribers.models import Subscriber, is_mailable

FAILED = Delivery.State.FAILED
WAITING_STATES = [Delivery.State.QUEUED, Delivery.State.DEFERRED]
_WAITING_SQL = ", ".join(str(int(state)) for state in WAITING_STATES)
_QUEUED, _SENT, _UNCERTAIN = map(int, (Delivery.State.QUEUED, Delivery.State.SENT, Delivery.State.UNCERTAIN))
ROWS_STEP = 50  # SQLite caches prepared statements, one for each number of rows


class DeliveryResult(NamedTuple):
    seq: int
    state: Delivery.State
    reply: str = ""
    provider_id: str = ""


PADDING_ROW = DeliveryResult(-1, Delivery.State.SENT)  # no row has this number


def write_results(batch: Batch, results: Sequence[DeliveryResult]) -> None:
    """Store results and count them. Idempotent.

    A row that recovery has made uncertain meanwhile is settled by the late result; a row that the author wants sent
    again since then only if the result is SENT.
    """
    if results:
        with transaction.atomic():
            batch.add_counts(write_uncounted(batch, results))


def write_uncounted(batch: Batch, results: Sequence[DeliveryResult]) -> Counter[Delivery.State]:
    """Lock the batch and store results; return what to add to its counters.

    With an outdated token waiting rows are not touched: they belong to the new holder.
    """
    state, token = lock_batch(batch) or ("", None)
    if not results:
        return Counter()
    if state == Batch.State.DONE and batch.is_in_last_pass:
        results = [one._replace(state=FAILED) if one.state == Delivery.State.DEFERRED else one for one in results]
    settled = update_waiting(batch, results) if token == batch.token else set()
    if len(settled) == len(results):
        return _count_results(batch, results)
    now = timezone.now()
    late = {
        one.seq: DeliveryReport(RESOLUTION_OF_STATE[one.state], now, one.reply, one.provider_id, batch.pass_no)
        for one in results
        if one.seq not in settled and one.state in RESOLUTION_OF_STATE
    }
    uncertain.settle_late(batch, late)
    return _count_results(batch, [result for result in results if result.seq in settled])


def _count_results(batch: Batch, results: Sequence[DeliveryResult]) -> Counter[Delivery.State]:
    """Count stored results, and record refusals that may be due to the reader's address."""
    added = Counter(result.state for result in results)
    if added[FAILED]:
        failed = {result.seq: result.reply for result in results if result.state == FAILED}
        deliveries.record_refusals(batch, failed, timezone.now())
    return added


def lock_batch(batch: Batch) -> tuple[str, int] | None:
    """Lock the batch's row until the transaction ends; return its state and token, None if it does not exist.

    After a lock wait PostgreSQL does not evaluate conditions on a joined table again: without this lock an intent
    could move the cursor of a batch that was taken over meanwhile.
    """
    # The table name and a constant are interpolated; the id is a parameter.
    waits = "FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as db:
        db.execute(f"SELECT state, token FROM {Batch._meta.db_table} WHERE id = %s {waits}", [batch.pk])  # noqa: S608  # nosec B608 - our own
        found: tuple[str, int] | None = db.fetchone()
    return found


def update_waiting(batch: Batch, results: Sequence[DeliveryResult]) -> set[int]:
    """Update the rows that wait; return their seqs.

    A row deferred in this pass already has its result. A row that is to be sent again only accepts that it was sent.
    """
    given, values = _results_sql(results)
    # Without it PostgreSQL would read the whole mailing; with it SQLite would read the batch once per row.
    near = f"d.seq >= {int(batch.lo)} AND d.seq < {int(batch.hi)}" if connection.vendor == "postgresql" else "TRUE"
    sql = f"""
        UPDATE {Delivery._meta.db_table} AS d
           SET state = given.state, reply = given.reply, provider_id = given.provider_id, attempts = %s,
               sent_at = CASE WHEN given.state IN ({_SENT}, {_UNCERTAIN}) THEN %s ELSE d.sent_at END
          FROM ({given}) AS given
         WHERE d.mailing_id = %s AND d.seq = given.row_seq AND {near}
           AND d.state IN ({_WAITING_SQL}) AND (d.attempts < %s OR d.state = {_QUEUED} AND given.state = {_SENT})
    """  # noqa: S608  # nosec B608  # our own names and numbers; every value is a parameter
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    params = [batch.pass_no, now, *values, batch.mailing_id, batch.pass_no]
    if connection.vendor == "sqlite" and _update_exactly(sql, params, len(results)):
        return {result.seq for result in results}
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING seq", params)
        return {seq for (seq,) in cursor.fetchall()}


def _update_exactly(sql: str, params: Sequence[Any], rows: int) -> bool:
    """Execute a statement; return whether it updated exactly `rows` rows, otherwise roll it back.

    For SQLite, where every row of RETURNING is a step of its own, with a wait for the GIL in between. Its client has a
    row count only for statements that begin with UPDATE. The statement bypasses Django's cursor, whose regular
    expression for placeholders takes 2 % of a lane's CPU.
    """
    with transaction.atomic(), connection.cursor() as cursor, connection.wrap_database_errors:
        updated: int = cursor.connection.execute(sql.replace("%s", "?"), params).rowcount
        transaction.set_rollback(updated != rows)
    return updated == rows


def _results_sql(results: Sequence[DeliveryResult]) -> tuple[str, list[Any]]:
    """SQL that selects the results as rows, and its parameters.

    PostgreSQL is faster with one JSON parameter than with many values; SQLite would scan the table for each JSON row.
    Only our own columns are interpolated; every value is a parameter.
    """
    if connection.vendor == "postgresql":
        columns = "(r ->> 0)::int AS row_seq, (r ->> 1)::smallint AS state, r ->> 2 AS reply, r ->> 3 AS provider_id"
        sql = f"SELECT {columns} FROM jsonb_array_elements(%s::jsonb) AS r"  # noqa: S608  # nosec B608 - our own columns
        return sql, [json.dumps(results)]
    rows = [*results, *[PADDING_ROW] * (-len(results) % ROWS_STEP if len(results) > ROWS_STEP else 0)]
    columns = "column1 AS row_seq, column2 AS state, column3 AS reply, column4 AS provider_id"
    values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    return f"SELECT {columns} FROM (VALUES {values})", [value for row in rows for value in row]  # noqa: S608  # nosec B608


LEASE_DURATION = timedelta(seconds=30)  # renewed with every window; until it ends, its owner counts as alive
RENEWED_LEASE_END = Now() + LEASE_DURATION  # by the database's clock


class LaneEnded(Exception):
    """The batch was taken over, the mailing was stopped, or the provider is unavailable."""


class DeliveryRow(NamedTuple):
    """A delivery to hand over, with what a message needs of its reader."""

    seq: int
    subscriber_id: int | None
    email: str
    name: str
    is_mailable: bool
    token_salt: str = ""
    address_hash: str = ""

    @property
    def reader(self) -> Subscriber:
        """The reader, unsaved and partial, for the e-mail classes."""
        own = {"token_salt": self.token_salt, "address_hash": self.address_hash}
        return Subscriber(pk=self.subscriber_id, email=self.email, name=self.name, **own)


# The fields of a DeliveryRow after the first two, as lookups of Delivery.
READER_FIELDS = ("subscriber__email", "subscriber__name")
TOKEN_FIELDS = ("subscriber__token_salt", "subscriber__address_hash")


def claim_batch(mailing: Mailing, worker: str, now: datetime) -> Batch | None:
    """Lease the first ready batch of `mailing` to `worker`, with a new token; None if there is none."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        ready = Batch.objects.ready(now).filter(mailing=mailing).order_by("no")
        batch = ready.select_for_update(skip_locked=skip).first()
        if batch is None:
            return None
        batch.token += 1
        batch.worker, batch.state = worker, Batch.State.LEASED
        Batch.objects.filter(pk=batch.pk).update(
            token=batch.token, worker=worker, state=batch.state, lease_until=RENEWED_LEASE_END
        )
    batch.mailing = mailing
    return batch


def held_batches(batch: Batch) -> BatchQuerySet:
    return Batch.objects.filter(pk=batch.pk, token=batch.token, state=Batch.State.LEASED)


def commit_intent(batch: Batch, results: Sequence[DeliveryResult], window: int, now: datetime) -> list[DeliveryRow]:
    """Store `results` and move the cursor over the next `window` waiting rows, in one transaction.

    Returns the rows, which may be handed over after the commit; fewer at the end of the batch.
    Raises LaneEnded, with the results stored, if the batch is not ours or the mailing was stopped, has a new text or
    another mailer.
    """
    with transaction.atomic():
        added = write_uncounted(batch, results)
        rows = _next_rows(batch, window, now)
        cursor = rows[-1].seq + 1 if len(rows) == window else batch.hi
        in_flight = batch.in_flight - len(results) + len(rows)
        is_ours = _advance_cursor(batch, added, cursor, in_flight)
        if not is_ours:
            batch.add_counts(added)
            held_batches(batch).update(in_flight=batch.in_flight - len(results))
    if not is_ours:
        raise LaneEnded("the batch was taken over, or the mailing stopped")
    batch.cursor, batch.in_flight = cursor, in_flight
    return rows


def _advance_cursor(batch: Batch, added: Counter[Delivery.State], cursor: int, in_flight: int) -> bool:
    """Move the cursor, count, and renew the lease, if the batch is ours and its mailing is unchanged."""
    lease_end, seconds = _lease_sql(connection.vendor)
    sql = f"""
        UPDATE {Batch._meta.db_table}
           SET cursor = %s, in_flight = %s, lease_until = {lease_end},
               sent = sent + %s, failed = failed + %s, uncertain = uncertain + %s, skipped = skipped + %s
         WHERE id = %s AND token = %s AND state = %s
           AND EXISTS (SELECT 1 FROM {Mailing._meta.db_table} WHERE id = %s AND state = %s
                          AND content_hash = %s AND mailer = %s)
    """  # noqa: S608  # nosec B608  # our own table names; every value is a parameter
    holder = (batch.pk, batch.token, Batch.State.LEASED.value)
    mailing = (batch.mailing_id, Mailing.State.SENDING.value, batch.mailing.content_hash, batch.mailing.mailer)
    with connection.cursor() as db:
        db.execute(sql, [cursor, in_flight, *seconds, *(added[state] for state in COUNTER_OF_STATE), *holder, *mailing])
        return bool(db.rowcount)


@cache
def _lease_sql(_vendor: str) -> tuple[str, tuple[Any, ...]]:
    query = Batch.objects.all().query
    sql, seconds = query.get_compiler(connection=connection).compile(RENEWED_LEASE_END.resolve_expression(query))
    return sql, tuple(seconds)


def _next_rows(batch: Batch, window: int, now: datetime) -> list[DeliveryRow]:
    values: dict[Any, Any] = {
        _MAILING: batch.mailing_id,
        _CURSOR: batch.cursor,
        _HI: batch.hi,
        _PASS: batch.pass_no,
        connection.ops.adapt_datetimefield_value(_NOW): connection.ops.adapt_datetimefield_value(now),
    }
    sql, holders = _waiting_sql(connection.vendor, window)
    with connection.cursor() as db:
        db.execute(sql, [values.get(holder, holder) for holder in holders])
        found = db.fetchall()
    return list(starmap(DeliveryRow, sorted(json.loads(found[0][0])) if connection.vendor == "sqlite" else found))


# Placeholder values in a cached statement, replaced before it is executed; no row has them.
_MAILING, _CURSOR, _HI, _PASS = -101, -102, -103, -104
_NOW = datetime(1, 2, 3, tzinfo=UTC)


@cache
def _waiting_sql(vendor: str, window: int) -> tuple[str, tuple[Any, ...]]:
    """The SQL for the next waiting rows, with placeholder values.

    `is_mailable` stays defined in one place, and Django compiles it once for each window size. Compiled for every
    window, this statement and `_advance_cursor` would cost 4.3 instead of 1.4 ms of CPU for 200 rows on SQLite, of the
    40 ms that such a window lasts.
    """
    mailable = ExpressionWrapper(is_mailable(_NOW, "subscriber__"), BooleanField())
    rows = (
        Delivery.objects.filter(mailing_id=_MAILING, seq__gte=_CURSOR, seq__lt=_HI)
        .filter(state__in=WAITING_STATES, attempts__lt=_PASS)
        .annotate(mailable=mailable)
        .order_by("seq")
        .values_list("seq", "subscriber_id", *READER_FIELDS, "mailable", *TOKEN_FIELDS)
    )
    sql, holders = rows[:window].query.sql_with_params()
    if vendor == "sqlite":  # as one value: each row would be a step with a wait for the GIL
        columns = ", ".join(["seq", "subscriber_id", *READER_FIELDS, "mailable", *TOKEN_FIELDS])
        sql = f"SELECT json_group_array(json_array({columns})) FROM ({sql})"  # noqa: S608  # nosec B608  # our own names
    return sql, tuple(holders)


def renew_lease(batch: Batch) -> None:
    """Renew the lease while a window waits for its rate limit; raise LaneEnded if the batch was taken over."""
    if not held_batches(batch).update(lease_until=RENEWED_LEASE_END):
        raise LaneEnded("the batch was taken over")


def has_lost_batch(batch: Batch) -> bool:
    return not held_batches(batch).exists()


def requeue_never_left(batch: Batch, rows: Sequence[int]) -> None:
    """Queue rows again that recovery made uncertain though their holder never handed them over.

    Only for a batch that `has_lost_batch` and whose recovery did not read the holder's record: otherwise the rows may
    have become uncertain in another lane since.
    """
    if rows:
        with transaction.atomic():
            locked = Batch.objects.select_for_update().get(pk=batch.pk)
            report = DeliveryReport(Resolution.NEVER_LEFT, timezone.now(), attempt=batch.pass_no)
            uncertain.requeue_never_left(locked, rows, report)


def release_batch(batch: Batch, results: Sequence[DeliveryResult], *, cursor: int | None) -> None:
    """Store `results` and give the batch back.

    cursor: the first row of the open windows that was certainly not handed over; None if there is none.
    """
    values: dict[str, object] = {"state": Batch.State.OPEN, "worker": "", "lease_until": None, "in_flight": 0}
    if cursor is not None:
        values["cursor"] = cursor
    with transaction.atomic():
        write_results(batch, results)
        held_batches(batch).update(**values)


def close_pass(batch: Batch, results: Sequence[DeliveryResult], now: datetime) -> None:
    """Store `results` and end a pass: the batch is done, or opens again later for rows that still wait.

    After the last pass, deferred rows fail, with the last reply as the reason.
    """
    values: dict[str, object] = {"worker": "", "lease_until": None, "in_flight": 0, "state": Batch.State.DONE}
    rows = Delivery.objects.filter(mailing_id=batch.mailing_id, seq__gte=batch.lo, seq__lt=batch.hi)
    with transaction.atomic():
        lock_batch(batch)
        write_results(batch, results)
        if batch.is_in_last_pass and held_batches(batch).exists():
            deferred = rows.filter(state=Delivery.State.DEFERRED)
            deliveries.record_refusals(batch, dict(deferred.values_list("seq", "reply")), now)
            batch.add_counts(Counter({FAILED: deferred.update(state=FAILED)}))
        if rows.filter(state__in=WAITING_STATES).exists():
            values |= {"state": Batch.State.OPEN, "cursor": batch.lo, "pass_no": batch.pass_no + 1}
            values |= {"not_before": now + batch.retry_delay}
        held_batches(batch).update(**values)
