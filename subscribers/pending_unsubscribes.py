"""One-click unsubscribes that could not reach the database: kept in a file, and processed later."""

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
from subscribers.models.consents import ConsentDetails

log = logging.getLogger(__name__)

TIMEOUT_MS = 1500  # for the database, before a request is stored in the file
SIZE_MAX = 16 * 1024**2  # bytes, some 250,000 requests: signatures of tokens are not verified here
DATABASE_ERRORS = (OperationalError, InterfaceError)


def requests_path() -> Path:
    file: Path = settings.DATA_DIR / "wishes"
    return file


@contextmanager
def short_lock_timeout(milliseconds: int = TIMEOUT_MS) -> Iterator[None]:
    """Wait no longer than this for database locks; raises one of DATABASE_ERRORS."""
    _set_timeout(milliseconds)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # a closed connection
            _set_timeout(None)


def _set_timeout(milliseconds: int | None) -> None:
    if connection.vendor == "sqlite":
        usual = int(float(connection.settings_dict["OPTIONS"].get("timeout", 5)) * 1000)
        statements = [f"PRAGMA busy_timeout = {usual if milliseconds is None else milliseconds}"]
    else:
        value = "DEFAULT" if milliseconds is None else str(milliseconds)
        statements = [f"SET {name} = {value}" for name in ("lock_timeout", "statement_timeout")]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def store_unsubscribe(token: str, now: datetime) -> bool:
    """Store a request durably; return False for a malformed token or a full file."""
    if tokens.unverified_id(token) is None:
        return False
    try:
        with _locked() as file:
            if file.seek(0, 2) > SIZE_MAX:
                return False
            departures.append_durably(requests_path(), f"\n{now.astimezone(UTC).isoformat()} {token}".encode())
    except OSError:
        log.exception("An unsubscribe request cannot be stored; its sender is asked to retry.")
        return False
    return True


def process_pending() -> int:
    if not requests_path().exists() or not requests_path().stat().st_size:
        return 0
    with _locked() as file:
        data = file.read()
    unsubscribed_count = sum(_unsubscribe(line.split(" ")) for line in data.decode("ascii", "replace").splitlines())
    with _locked() as file:
        if len(file.read()) == len(data):  # else a line was added: process all again, which is idempotent
            file.truncate(0)
    return unsubscribed_count


def _unsubscribe(words: list[str]) -> bool:
    """Unsubscribe unless the reader has come back since, or a power cut has torn the line."""
    with suppress(ValueError):
        moment, token = words
        at, reader = datetime.fromisoformat(moment), Subscriber.objects.for_token(token, "unsubscribe")
        return (
            reader is not None
            and not reader.has_joined_since(at)
            and reader.unsubscribe(at, ConsentDetails(source="one click"))
        )
    return False


@contextmanager
def _locked() -> Iterator[IO[bytes]]:
    """Open the file with an exclusive lock, created if missing."""
    requests_path().parent.mkdir(parents=True, exist_ok=True)
    is_new = not requests_path().exists()
    with requests_path().open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            departures.fsync_folder(requests_path().parent)
        file.seek(0)
        yield file
