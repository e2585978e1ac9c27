"""The departures file: who left, was erased or came back, by address hash, outside the database.

A restored database has forgotten who left after its backup; `replay_departures` applies this file to it. Lines are
independent, so that two files can be concatenated in any order:

    2026-11-25T23:32:03.123456+00:00 left <hash> <salt> <hash of the new address, of a move alone>
    2026-11-25T23:32:03.123456+00:00 committed left <hash>

The first is written before the transaction commits, the second after. A database that crashed in between has lost a
change that it never had: that is no restore.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

COMMITTED = "committed"


class DepartureKind(StrEnum):
    """About a subscription, a suppression or both; each of the two ends on its own."""

    LEFT = "left"
    RETURNED = "returned"  # confirmed, or undid an unsubscribe
    MOVED = "moved"  # to another address, whose later departures count for this one
    ERASED = "erased"  # subscription and suppression
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    MANUAL = "manual"
    LIFTED = "lifted"  # a suppression ended, by the author or by a confirmation


@dataclass(frozen=True)
class Departure:
    """One line. who, heir: `address_hash` with `salt` of the address, and of the new one of a move."""

    at: datetime
    why: DepartureKind
    who: str
    salt: str
    heir: str = ""
    is_committed: bool = True  # False: the database went down before it had this

    @property
    def line(self) -> str:
        return " ".join([_iso(self.at), self.why, self.who, self.salt, self.heir]).rstrip()

    @property
    def mark(self) -> str:
        """The line that says that it was committed."""
        return " ".join([_iso(self.at), COMMITTED, self.why, self.who])


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def departures_path() -> Path:
    file: Path = settings.DATA_DIR / "departures"
    return file


def append_to_file(departures: Iterable[Departure]) -> None:
    """Append and fsync; call it before the change, in its transaction. A full disk is logged: everybody can leave."""
    written = list(departures)
    if not written:
        return
    try:
        append_durably(departures_path(), _lines(one.line for one in written))
    except OSError:
        log.exception("Departures cannot be kept for a restore.")
    else:
        transaction.on_commit(partial(_mark_committed, written))


def _mark_committed(departures: Iterable[Departure]) -> None:
    try:
        with departures_path().open("ab") as file:
            file.write(_lines(one.mark for one in departures))
    except OSError:
        log.exception("Departures cannot be marked as committed.")


def _lines(lines: Iterable[str]) -> bytes:
    """Newline first: a line torn by a power cut does not damage the next."""
    return "".join(f"\n{line}" for line in lines).encode()


def append_durably(file: Path, data: bytes) -> None:
    """Append to a private file and fsync; raise OSError unless all was written."""
    is_new = not file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, data) < len(data):
            raise OSError(f"{file} takes no more: the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        fsync_folder(file.parent)


def fsync_folder(folder: Path) -> None:
    """Make a new file's directory entry durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_departures() -> list[Departure]:
    """All departures by time, without lines that a power cut has torn."""
    if not departures_path().exists():
        return []
    lines = departures_path().read_text(encoding="ascii", errors="replace").splitlines()
    known = set(lines)
    found = (replace(one, is_committed=one.mark in known) for one in map(_parse, lines) if one)
    return sorted(found, key=lambda one: one.at)


def _parse(line: str) -> Departure | None:
    words = line.split(" ")
    try:
        moment, kind, who, salt, heir = [*words, ""][:5]
        departure = Departure(datetime.fromisoformat(moment), DepartureKind(kind), who, salt, heir)
    except ValueError:
        return None
    is_whole = len(departure.who) == 32 and (departure.why != DepartureKind.MOVED or len(departure.heir) == 32)
    return departure if is_whole and departure.at.tzinfo else None
