"""One state of the database for as long as an export reads it, while others write."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

ALIAS = "snapshot"


@contextmanager
def snapshot() -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection of our own in a transaction that only reads; querysets use it by ALIAS.

    On SQLite it takes no lock that a writer waits for; the log of writes grows until it ends.
    """
    own = connection.copy(alias=ALIAS)
    own.settings_dict["CONN_HEALTH_CHECKS"] = False
    connections[ALIAS] = own
    try:
        with own.cursor() as cursor:
            _begin(own, cursor)
            cursor.execute("SELECT COUNT(*) FROM django_migrations")  # it begins with the first look
        yield own
    finally:
        own.close()
        del connections[ALIAS]


def _begin(own: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
    if own.vendor == "postgresql":
        own.set_autocommit(False)
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    else:
        cursor.execute("BEGIN DEFERRED")
