"""The rate limit over all workers together (SEND_RATE): one row of the database says when the next message may leave.

The generic cell rate algorithm with a burst of one (ITU-T I.371): whoever wants to send reserves his place
on a time line and waits for it. Celery's own `rate_limit` counts for each worker and drifts.
"""

import time
from collections.abc import Callable

from django.db import connection, transaction

from newsletter.delivery.models import Pace

SLICE_SECONDS = 0.1  # messages of this long are reserved at once
NAP_SECONDS = 0.5  # how long a waiting lane may be deaf


class Pacer:
    """Reserves places for the messages of a lane.

    rate: messages a second, all workers together; None for no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self.rate = rate

    def window(self, wished: int) -> int:
        """Return how many rows to intend at once, so that a wait is short and holds few rows."""
        return wished if self.rate is None else max(1, min(wished, int(self.rate * SLICE_SECONDS)))

    def wait(self, messages: int, is_over: Callable[[], bool]) -> None:
        """Reserve places for `messages` and return when they may leave, or as soon as `is_over`."""
        if self.rate is None:
            return
        begins = reserve(time.time(), messages / self.rate)
        while (left := begins - time.time()) > 0 and not is_over():
            time.sleep(min(left, NAP_SECONDS))  # waiting is what a rate limit is


def reserve(now: float, seconds: float) -> float:
    """Take the next free `seconds` of the time line; return when they begin (Unix time)."""
    table = Pace._meta.db_table
    later = "MAX" if connection.vendor == "sqlite" else "GREATEST"
    # Only our own table's name is put into the statements.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, free_at, taken_at, measured, slowed_from, slowed_to, slowed_at, counted)"  # noqa: S608
            " VALUES ('all', 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (key) DO NOTHING"
        )
        cursor.execute(
            f"UPDATE {table} SET free_at = {later}(free_at, %s) + %s WHERE key = 'all' RETURNING free_at",  # noqa: S608
            [now, seconds],
        )
        (free_at,) = cursor.fetchone()
    begins: float = free_at - seconds
    return begins
