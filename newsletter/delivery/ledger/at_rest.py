"""Whether anything is under way that the dispatcher looks after: one statement for all its steps.

It is asked every two seconds for as long as a newsletter exists, and nearly always nothing is. Step by step that
were eleven statements, for which Django takes 300 times as long as for this one, and the database as good as nothing.
"""

from datetime import datetime

from django.db import connection

from newsletter.delivery.models import Batch, Mailing, Refusal

# Every five minutes all steps run even if the answer is no: a step that it has missed waits for that long at most.
ANYWAY_MINUTES = 5
ANYWAY_SECONDS = 20  # longer than the rhythm of the dispatcher at rest

_STATE = Mailing.State
_ROWS = (Batch.State.DONE.value, Refusal.State.WAITING.value)
_UNDER_WAY = (_STATE.SENDING.value, _STATE.PAUSED.value, _STATE.SCHEDULED.value)
_CLOSED = (_STATE.SENT.value, _STATE.CANCELLED.value)

# A step that is added to the dispatcher (delivery/tasks.py) needs a line here for what it looks after.
_QUESTION = f"""
    SELECT EXISTS (SELECT 1 FROM {Batch._meta.db_table} WHERE state <> %s)
        OR EXISTS (SELECT 1 FROM {Refusal._meta.db_table} WHERE state = %s)
        OR EXISTS (SELECT 1
                     FROM {Mailing._meta.db_table} AS mailing
                    WHERE mailing.state IN (%s, %s)
                       OR (mailing.state = %s AND mailing.send_at <= %s)
                       OR (mailing.state IN (%s, %s) AND mailing.planned_at IS NOT NULL
                           AND mailing.counted_at IS NULL))
"""  # noqa: S608  # nosec B608  # names of our own; all values are parameters


def is_at_rest(now: datetime) -> bool:
    """Return whether no mailing is begun, due or uncounted, no batch is left, and no refusal waits to be judged."""
    due = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_QUESTION, (*_ROWS, *_UNDER_WAY, due, *_CLOSED))
        return not cursor.fetchone()[0]


def is_looked_at_anyway(now: datetime) -> bool:
    return now.minute % ANYWAY_MINUTES == 0 and now.second < ANYWAY_SECONDS
