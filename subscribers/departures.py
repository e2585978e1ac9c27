"""The departures file: who left, was erased or came back, by address hash, outside the database.

A restored database has forgotten who left after its backup; `replay_departures` applies this file to it. Lines are
independent, so that two files can be concatenated in any order:

    2026-11-25T23:32:03.123456+00:00 left <hash> <salt> <hash of the new address, of a move alone>
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from django.conf import settings

log = logging.getLogger(__name__)


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

    @property
    def line(self) -> str:
        moment = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return " ".join([moment, self.why, self.who, self.salt, self.heir]).rstrip()


def departures_path() -> Path:
    file: Path = settings.DATA_DIR / "departures"
    return file


def write_departures(departures: Iterable[Departure]) -> None:
    """Append and fsync. A full disk is logged, so that everybody can still leave."""
    # Newline first: a line torn by a power cut does not damage the next.
    data = "".join(f"\n{departure.line}" for departure in departures).encode()
    if not data:
        return
    try:
        append_durably(departures_path(), data)
    except OSError:
        log.exception("Departures cannot be kept for a restore.")


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
    """All lines by time, without those that a power cut has torn."""
    if not departures_path().exists():
        return []
    found = [
        _parsed(line.split(" "))
        for line in departures_path().read_text(encoding="ascii", errors="replace").splitlines()
    ]
    return sorted((one for one in found if one), key=lambda one: one.at)


def _parsed(words: list[str]) -> Departure | None:
    try:
        departure = Departure(
            datetime.fromisoformat(words[0]), DepartureKind(words[1]), words[2], words[3], *words[4:5]
        )
    except (ValueError, IndexError):
        return None
    is_whole = len(departure.who) == 32 and (departure.why != DepartureKind.MOVED or len(departure.heir) == 32)
    return departure if is_whole and departure.at.tzinfo else None
