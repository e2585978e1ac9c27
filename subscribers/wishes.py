"""Wishes to leave that came while the database was locked or away: kept in a file, fulfilled when it is back.

A mail client that gets no answer to a one-click unsubscribe shows an error, and its user presses “spam”. So the
wish is kept as it is, `<moment> <token>`, and the token is looked at when the database can be asked.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from newsletter.mail import tokens
from subscribers import departures
from subscribers.models import Subscriber
from subscribers.models.consents import Circumstances

log = logging.getLogger(__name__)

PATIENCE_MS = 1500  # what a wish may wait for the database
SIZE_MAX = 16 * 1024**2  # octets, some 250,000 wishes: strangers can add to the file while no token can be checked
AWAY = (OperationalError, InterfaceError)


def path() -> Path:
    file: Path = settings.DATA_DIR / "wishes"
    return file


@contextmanager
def promptly() -> Iterator[None]:
    """Wait for locks of the database for PATIENCE_MS at most while inside; raises one of AWAY then."""
    _limit(PATIENCE_MS)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # a connection that is gone has no limit
            _limit(None)


def _limit(milliseconds: int | None) -> None:
    """Set how long a statement waits; None for what the settings say."""
    if connection.vendor == "sqlite":
        usual = int(float(connection.settings_dict["OPTIONS"].get("timeout", 5)) * 1000)
        statements = [f"PRAGMA busy_timeout = {usual if milliseconds is None else milliseconds}"]
    else:
        value = "DEFAULT" if milliseconds is None else str(milliseconds)
        statements = [f"SET {name} = {value}" for name in ("lock_timeout", "statement_timeout")]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def keep(token: str, now: datetime) -> bool:
    """Keep a wish to leave, on the disk when this returns; False for what can be no token, or when there is no room."""
    if tokens.number_of(token) is None:
        return False
    try:
        with _locked() as file:
            if file.seek(0, 2) > SIZE_MAX:
                return False
            departures.append(path(), f"\n{now.astimezone(UTC).isoformat()} {token}".encode())
    except OSError:
        log.exception("A wish to leave cannot be kept; its sender is asked to come again.")
        return False
    return True


def fulfil() -> int:
    """Let everybody leave whose wish was kept; return how many did. What fails is tried again the next time."""
    if not path().exists() or not path().stat().st_size:
        return 0
    with _locked() as file:
        octets = file.read()
    left = sum(_leave(line.split(" ")) for line in octets.decode("ascii", "replace").splitlines())
    with _locked() as file:
        if len(file.read()) == len(octets):  # otherwise one was added, and all are gone through again
            file.truncate(0)
    return left


def _leave(words: list[str]) -> bool:
    """Unsubscribe the reader of a wish, unless they have come back since, or a power cut has torn the line."""
    with suppress(ValueError):
        moment, token = words
        at, reader = datetime.fromisoformat(moment), Subscriber.objects.opened_by(token, "unsubscribe")
        return (
            reader is not None and not reader.has_come_since(at) and reader.unsubscribe(at, Circumstances("one click"))
        )
    return False


@contextmanager
def _locked() -> Iterator[IO[bytes]]:
    """Open the file for this process alone, made if it is missing."""
    path().parent.mkdir(parents=True, exist_ok=True)
    is_new = not path().exists()
    with path().open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            departures.keep_name(path().parent)
        file.seek(0)
        yield file
