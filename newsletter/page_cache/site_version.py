"""The site's version: a number that the database increases with each change of what readers see."""

import math
import time
from typing import NamedTuple

from django.db import connection, models


class SiteVersion(models.Model):
    """How often anything that readers see has changed: one row, counted by triggers."""

    number = models.BigIntegerField(default=0)

    class Meta:
        app_label = "publication"

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def current(cls) -> int:
        """Raw SQL: every page needs it, and the ORM would double the cost of a cached page."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT number FROM {cls._meta.db_table} WHERE id = 1")  # noqa: S608  # nosec B608  # our own table
            row = cursor.fetchone()
        return row[0] if row else 0


class _Snapshot(NamedTuple):
    at: float  # time.monotonic() before the query
    number: int


_snapshot = _Snapshot(-math.inf, 0)


def site_version(*, not_before: float | None = None) -> int:
    """The version as of `not_before` (time.monotonic()) or later; the current one without it.

    Requests that queue for a thread together share one query, and nobody gets a page older than the request. Under load
    the query was a third of the cost of a cached page.
    """
    global _snapshot  # noqa: PLW0603 - one pair, put in place at once, whichever thread does it
    known = _snapshot
    if not_before is None or known.at < not_before:
        at = time.monotonic()
        known = _snapshot = _Snapshot(at, SiteVersion.current())
    return known.number
