"""Requests to unsubscribe that could not reach the database: kept in a file, and processed later.

The file begins with reserved space, filled with newlines: on a full disk a request is written over them.
"""

import fcntl
import logging
import os
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
RESERVED = 64 * 1024  # bytes, some 1,000 requests
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


def reserve_space() -> None:
    """Reserve space for requests while the disk has some."""
    with suppress(OSError), _locked() as file:
        size = file.seek(0, os.SEEK_END)
        file.write(b"\n" * (RESERVED - size))


def store_unsubscribe(token: str, now: datetime, *, by: str = "") -> bool:
    """Store a request durably; return False for a malformed token or a full file.

    by: "page" if it was not one click.
    """
    if tokens.unverified_id(token) is None:
        return False
    line = f"\n{now.astimezone(UTC).isoformat()} {token} {by}".rstrip(" ").encode()
    try:
        with _locked() as file:
            size = file.seek(0, os.SEEK_END)
            if size > SIZE_MAX:
                return False
            _write_durably(file, line, size if size > RESERVED else _end_of_lines(file))
    except OSError:
        log.exception("An unsubscribe request cannot be stored; its sender is asked to retry.")
        return False
    return True


def _write_durably(file: IO[bytes], line: bytes, at: int) -> None:
    if os.pwrite(file.fileno(), line, at) < len(line):
        raise OSError(f"{requests_path()} takes no more: the disk is full")
    os.fsync(file.fileno())


def _end_of_lines(file: IO[bytes]) -> int:
    file.seek(0)
    return len(file.read().rstrip(b"\n"))


def process_pending() -> int:
    """Process stored requests; return how many unsubscribed a reader. Without requests it reads two bytes."""
    if not _has_pending():
        return 0
    with _locked() as file:
        data = file.read()
    unsubscribed_count = sum(_unsubscribe(line.split(" ")) for line in data.decode("ascii", "replace").splitlines())
    with _locked() as file:
        if file.read() == data:  # else a line was added: process all again, which is idempotent
            reserved = min(len(data), RESERVED)
            os.pwrite(file.fileno(), b"\n" * reserved, 0)
            file.truncate(reserved)
    return unsubscribed_count


def _has_pending() -> bool:
    try:
        with requests_path().open("rb") as file:
            return bool(file.read(2).strip()) or file.seek(0, os.SEEK_END) > RESERVED
    except FileNotFoundError:
        return False


def _unsubscribe(words: list[str]) -> bool:
    """Unsubscribe unless the reader has come back since, or a power cut has torn the line."""
    with suppress(ValueError):
        moment, token, *by = words
        at, reader = datetime.fromisoformat(moment), Subscriber.objects.for_token(token, "unsubscribe")
        return (
            reader is not None
            and not reader.has_joined_since(at)
            and reader.unsubscribe(at, ConsentDetails(source=by[0] if by else "one click"))
        )
    return False


@contextmanager
def _locked() -> Iterator[IO[bytes]]:
    """Open the file, unbuffered, with an exclusive lock; created if missing."""
    requests_path().parent.mkdir(parents=True, exist_ok=True)
    is_new = not requests_path().exists()
    with os.fdopen(os.open(requests_path(), os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_new:
            departures.fsync_folder(requests_path().parent)
        yield file
