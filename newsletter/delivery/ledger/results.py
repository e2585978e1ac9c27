"""The results of a window: written into the rows that wait for them, and reported to the others as late answers.

A late answer takes one way: `claims` hands it in here, and what no row waits for goes on to `uncertain` as evidence.
Whoever writes rows of a batch holds the batch's own row first. Results are applied by row, never by range.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from newsletter.delivery.ledger import uncertain
from newsletter.delivery.ledger.uncertain import KNOWN_OF, Evidence
from newsletter.delivery.models import Batch, Delivery, refusals

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
        refusals.note(batch, failed, timezone.now())
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
    sql = f"""
        UPDATE {Delivery._meta.db_table} AS d
           SET state = given.state, reply = given.reply, provider_id = given.provider_id, attempts = %s,
               sent_at = CASE WHEN given.state IN ({_SENT}, {_UNCERTAIN}) THEN %s ELSE d.sent_at END
          FROM ({given}) AS given
         WHERE d.mailing_id = %s AND d.seq = given.row_seq AND {_near(batch)}
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
        return f"SELECT {row} FROM jsonb_array_elements(%s::jsonb) AS one", [json.dumps(results)]  # noqa: S608  # nosec B608
    rows = [*results, *[NOBODY] * (-len(results) % STEP if len(results) > STEP else 0)]
    columns = "column1 AS row_seq, column2 AS state, column3 AS reply, column4 AS provider_id"
    values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    return f"SELECT {columns} FROM (VALUES {values})", [value for row in rows for value in row]  # noqa: S608  # nosec B608


def _near(batch: Batch) -> str:
    """Return where the rows are. PostgreSQL would read the whole mailing, SQLite the batch for each row if it knew."""
    return f"d.seq >= {int(batch.lo)} AND d.seq < {int(batch.hi)}" if connection.vendor == "postgresql" else "TRUE"
