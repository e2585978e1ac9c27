"""The file of departures: who left, was erased or came back, by hash, outside the database. No database.

A restored database has forgotten who left after its backup; this file has not (remembering.py). Each line stands for
itself, so that two files may be put together in any order:

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


class Why(StrEnum):
    """What a line says: of a subscription, of a suppression, or of both. Each of the two ends for itself."""

    LEFT = "left"
    RETURNED = "returned"  # confirmed, or took a leaving back
    MOVED = "moved"  # to another address: what happens to that one ends this one too
    ERASED = "erased"  # both end
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    MANUAL = "manual"
    LIFTED = "lifted"  # the suppression, by the author or by a confirmation


@dataclass(frozen=True)
class Departure:
    """One line. who: `address_hash` of an address with `salt`; heir: the same of the address it moved to."""

    at: datetime
    why: Why
    who: str
    salt: str
    heir: str = ""

    @property
    def line(self) -> str:
        moment = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return " ".join([moment, self.why, self.who, self.salt, self.heir]).rstrip()


def path() -> Path:
    file: Path = settings.DATA_DIR / "departures"
    return file


def write(departures: Iterable[Departure]) -> None:
    """Append lines, and wait for the disk. A full disk is logged and stops nobody from leaving."""
    # The end of a line comes first: one that a power cut has torn spoils no other.
    octets = "".join(f"\n{departure.line}" for departure in departures).encode()
    if not octets:
        return
    try:
        append(path(), octets)
    except OSError:
        log.exception("Departures cannot be kept for a restore.")


def append(file: Path, octets: bytes) -> None:
    """Add octets to the end of a file of its owner alone, durably; raise OSError if not all of them are there."""
    is_new = not file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, octets) < len(octets):
            raise OSError(f"{file} takes no more: the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        keep_name(file.parent)


def keep_name(folder: Path) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read() -> list[Departure]:
    """Return all lines, earliest first; one that a power cut has torn is left out."""
    if not path().exists():
        return []
    found = [_parsed(line.split(" ")) for line in path().read_text(encoding="ascii", errors="replace").splitlines()]
    return sorted((one for one in found if one), key=lambda one: one.at)


def _parsed(words: list[str]) -> Departure | None:
    try:
        departure = Departure(datetime.fromisoformat(words[0]), Why(words[1]), words[2], words[3], *words[4:5])
    except (ValueError, IndexError):
        return None
    is_whole = len(departure.who) == 32 and (departure.why != Why.MOVED or len(departure.heir) == 32)
    return departure if is_whole and departure.at.tzinfo else None
