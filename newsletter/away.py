"""What the log says while a server is away: one line when that begins, one when it is over, and none in between.

Each page and each task that fails for the same reason would write a traceback otherwise: 18,500 lines in the 45 seconds
that a PostgreSQL took to start again. What is left out is counted. Known to one process alone.
"""

import copy
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.backends.signals import connection_created

from newsletter.buckets import PicturesAway

AGAIN_SECONDS = 600.0  # after which an outage that lasts is told once more
DATABASE, QUEUE, PICTURES = "the database", "Redis", "the bucket of the pictures"
# How psycopg and libpq say that there is no server; an OperationalError may also be a lock or a full disk.
NO_SERVER = re.compile(
    r"connection (?:failed|is bad|is closed|to server|timeout|was closed|not open)|closed the connection|"
    r"terminating connection|couldn't get a connection|consuming input failed|is starting up|is shutting down|"
    r"the connection is lost|server closed",
    re.IGNORECASE,
)
NO_QUEUE = re.compile(r"Cannot connect to|Connection to broker lost")
CONSUMER = "celery.worker.consumer"
CONNECTED = f"{CONSUMER}.connection"  # writes one line, when it is
LENGTH = 200  # characters of what an error says

log = logging.getLogger(__name__)


@dataclass
class Outage:
    since: float
    told: float
    left_out: int = 0


class AwayFilter(logging.Filter):
    """Lets the first record about an outage through, without its traceback, and counts the others."""

    def filter(self, record: logging.LogRecord) -> bool | logging.LogRecord:
        if record.name == CONNECTED:
            answers(QUEUE)
            return False
        server, why = _server_of(record)
        if not server:
            return not _is_consequence(record)
        return _first(record, server, why)


_outages: dict[str, Outage] = {}
_lock = Lock()


def _first(record: logging.LogRecord, server: str, why: str) -> bool | logging.LogRecord:
    """Return the one record that tells of an outage, or False for those after it."""
    now = time.monotonic()
    with _lock:
        outage = _outages.get(server)
        if outage and now - outage.told < AGAIN_SECONDS:
            outage.left_out += 1
            return False
        _outages[server] = Outage(outage.since if outage else now, now, outage.left_out if outage else 0)
    told = copy.copy(record)
    told.msg = "%s is away: %s. What fails because of it is not told until it answers."
    told.args = (server, " ".join(why.split())[:LENGTH].rstrip("."))
    told.exc_info = told.exc_text = told.stack_info = None
    return told


def answers(server: str) -> None:
    """Tell that a server is back, if this process has told that it was away."""
    with _lock:
        outage = _outages.pop(server, None)
    if outage:
        seconds = time.monotonic() - outage.since
        log.warning("%s answers again, after %.0f s; %d lines were left out", server, seconds, outage.left_out)


def forget() -> None:
    """Forget every outage, before a test."""
    _outages.clear()


def _server_of(record: logging.LogRecord) -> tuple[str, str]:
    """Return which server a record says to be away, and why; "" if none."""
    for error in _causes(record.exc_info[1] if record.exc_info else None):
        if isinstance(error, (OperationalError, InterfaceError)) and NO_SERVER.search(str(error)):
            return DATABASE, str(error)
        if isinstance(error, PicturesAway):
            return PICTURES, str(error)
        if type(error).__module__.startswith("redis.") and type(error).__name__ in {"ConnectionError", "TimeoutError"}:
            return QUEUE, str(error)
    said = record.getMessage() if record.name.startswith(CONSUMER) and record.levelno >= logging.WARNING else ""
    return (QUEUE, said.removeprefix("consumer: ")) if NO_QUEUE.search(said) else ("", "")


def _is_consequence(record: logging.LogRecord) -> bool:
    """Return whether a record without an exception only says again that a page could not be answered meanwhile."""
    is_unavailable = getattr(record, "status_code", 0) == HTTPStatus.SERVICE_UNAVAILABLE
    outage = _outages.get(DATABASE) or _outages.get(PICTURES)
    if is_unavailable and outage:
        outage.left_out += 1
    return bool(is_unavailable and outage)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _depth in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _database_answers(**_: Any) -> None:
    answers(DATABASE)


connection_created.connect(_database_answers, dispatch_uid="newsletter.away")
