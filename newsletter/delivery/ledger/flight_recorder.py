"""The flight recorder: one byte per row of a batch, in a file that survives the process. No database.

The last thing a lane does before it sends the final dot is to store one byte. A page of a mapped file belongs to
the kernel as soon as it is written, so it survives `kill -9`. It may not survive a power cut, so a record is valid
only within the same boot of the same machine.

`revoke` stops a lane that is alive but stalled, by another byte of the same page.
"""

import base64
import errno
import mmap
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
HEADER_BYTES = 128  # boot, batch, token, first row, last row + 1; the last byte is REVOKED
REVOKED_AT = HEADER_BYTES - 1
ROWS_MAX = 4096  # one byte each; a batch has 4,000 at most
# A store is visible to other processors within nanoseconds, at the latest after a context switch.
VISIBLE_SECONDS = 0.05


class RowMark(IntEnum):
    WAITING = 0
    HANDED_OVER = 1
    SENT = 2
    FAILED = 3
    DEFERRED = 4
    UNCERTAIN = 5


def boot_id() -> str:
    """The kernel's id of this boot; "" if the system has none, so that no record is valid."""
    return BOOT_ID_FILE.read_text().strip() if BOOT_ID_FILE.exists() else ""


@dataclass(frozen=True)
class FlightRecord:
    """The content of a recorder's file: a holding (batch and token) and the marks of its rows."""

    batch_id: int
    token: int
    lo: int
    marks: bytes

    @property
    def hi(self) -> int:
        return self.lo + len(self.marks)

    def rows(self) -> Iterator[tuple[int, RowMark]]:
        return ((self.lo + at, RowMark(mark)) for at, mark in enumerate(self.marks) if mark)

    def packed(self) -> list[int | str]:
        """For JSON: batch, token, first row, marks."""
        return [self.batch_id, self.token, self.lo, base64.b64encode(zlib.compress(self.marks)).decode()]

    @classmethod
    def unpacked(cls, packed: Sequence[int | str]) -> "FlightRecord":
        """The inverse of `packed`. Raises ValueError or zlib.error."""
        batch_id, token, lo, marks = packed
        return cls(int(batch_id), int(token), int(lo), zlib.decompress(base64.b64decode(str(marks))))

    def mark(self, seq: int) -> RowMark:
        return RowMark(self.marks[seq - self.lo]) if 0 <= seq - self.lo < len(self.marks) else RowMark.WAITING

    def is_of(self, batch_id: int, token: int) -> bool:
        return (self.batch_id, self.token) == (batch_id, token)


class FlightRecorder:
    """A lane's recorder. Only the holder of the lane's slot may open it.

    Always creates a new file that replaces the former one: a lane that was revoked because its lock file was deleted
    may live on, and its flag and marks must not be reset.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.is_begun = path, False
        _append_history(path, _record_of_any_boot(path))
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            self._create(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self.lo = 0

    def _create(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # Written, not only truncated to size: on a full disk a store into a hole would raise SIGBUS.
            if os.pwrite(descriptor, bytes(HEADER_BYTES + ROWS_MAX), 0) < HEADER_BYTES + ROWS_MAX:  # a partial write
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            self.memory = mmap.mmap(descriptor, HEADER_BYTES + ROWS_MAX)
        finally:
            os.close(descriptor)

    def begin(self, batch_id: int, token: int, *, lo: int, hi: int) -> None:
        """Record another batch from here on. Call it before the first intent of a claim is committed."""
        if hi - lo > ROWS_MAX:
            raise ValueError(f"a batch of {hi - lo} rows is larger than the recorder's {ROWS_MAX}")
        if self.is_begun:
            _append_history(self.path, _parse_record(self.memory[:]))
        self.is_begun = True
        self.memory[:HEADER_BYTES] = bytes(HEADER_BYTES)  # invalid while it changes
        self.memory[HEADER_BYTES:] = bytes(ROWS_MAX)
        self.lo = lo
        header = f"{boot_id()} {batch_id} {token} {lo} {hi} .".encode()
        self.memory[: len(header)] = header

    def hand_over(self, seq: int) -> bool:
        """Mark a row as handed over; return False, with the mark removed, if the record was revoked.

        After False the message must not be sent. This lane stores its mark and then loads the flag; `revoke` stores
        the flag, waits, and then loads the marks. As in Dekker's algorithm at least one of the two sees the other's
        store, wherever either is interrupted: a message that is sent is never waiting in the record that `revoke`
        reads. The wait replaces a memory barrier, which Python does not offer: a processor could load the flag before
        its own store is visible.
        """
        self.mark(seq, RowMark.HANDED_OVER)
        if self.memory[REVOKED_AT]:
            self.mark(seq, RowMark.WAITING)
            return False
        return True

    def mark(self, seq: int, mark: RowMark) -> None:
        self.memory[HEADER_BYTES + seq - self.lo] = mark

    def never_left(self, rows: Iterable[int]) -> list[int]:
        """Those rows that were certainly not handed over; none once recovery has revoked the record."""
        return [] if self.memory[REVOKED_AT] else [seq for seq in rows if not self.memory[HEADER_BYTES + seq - self.lo]]

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def read_record(path: Path) -> FlightRecord | None:
    """The record of this boot; None if there is no valid one."""
    return _parse_record(path.read_bytes(), boot_id()) if path.exists() and boot_id() else None


def _record_of_any_boot(path: Path) -> FlightRecord | None:
    """The record of any boot: after a power cut some marks may be missing."""
    return _parse_record(path.read_bytes()) if path.exists() else None


def _parse_record(octets: bytes, of_boot: str = "") -> FlightRecord | None:
    fields = octets[:REVOKED_AT].rstrip(b"\0").decode("ascii", "replace").split(" ")
    if len(fields) != 6 or fields[5] != "." or not fields[0] or (of_boot and fields[0] != of_boot):
        return None
    batch_id, token, lo, hi = map(int, fields[1:5])
    return FlightRecord(batch_id, token, lo, octets[HEADER_BYTES : HEADER_BYTES + hi - lo])


# The first of several marks counts.
MARK_PRECEDENCE = [RowMark.SENT, RowMark.HANDED_OVER, RowMark.UNCERTAIN, RowMark.FAILED, RowMark.DEFERRED]
MARK_PRECEDENCE.append(RowMark.WAITING)
HISTORY_BYTES_MAX = 8 * 1024**2  # some 60,000 batches, more than anybody sends between two backups


def _append_history(path: Path, record: FlightRecord | None) -> None:
    """Append a finished record to its slot's history. A full disk does not stop the mailing."""
    if record is None or not any(record.marks):
        return
    history = path.with_suffix(".history")
    with suppress(OSError):
        if history.exists() and history.stat().st_size > HISTORY_BYTES_MAX:
            history.replace(path.with_suffix(".history-old"))
        with history.open("a") as file:
            file.write("\n" + " ".join(map(str, record.packed())))


def all_records(folder: Path) -> list[FlightRecord]:
    last = [record for path in sorted(folder.glob("slot-*.flight")) if (record := _record_of_any_boot(path))]
    return [*(record for path in sorted(folder.glob("slot-*.history*")) for record in _read_history(path)), *last]


def past_record(path: Path, batch_id: int, token: int) -> FlightRecord | None:
    """The record of a former holding, from the history; None if there is none.

    A restored ledger issues the same token again: then the marks of all such holdings are merged by MARK_PRECEDENCE.
    """
    histories = sorted(path.parent.glob(f"{path.stem}.history*"))
    records = [record for history in histories for record in _read_history(history) if record.is_of(batch_id, token)]
    if not records:
        return None
    lo, hi = records[-1].lo, records[-1].hi
    rows = zip(*(record.marks for record in records if (record.lo, record.hi) == (lo, hi)), strict=True)
    return FlightRecord(batch_id, token, lo, bytes(min(marks, key=MARK_PRECEDENCE.index) for marks in rows))


def _read_history(history: Path) -> Iterator[FlightRecord]:
    for line in history.read_text().splitlines():
        with suppress(ValueError, zlib.error):  # a line that was cut off
            yield FlightRecord.unpacked(line.split(" "))


def revoke(path: Path, batch_id: int, token: int) -> FlightRecord | None:
    """Forbid a recorder's owner, which may be alive, to hand over more rows of a batch; return its record.

    Returns None, and changes nothing, if the file is of another holding. If the owner switches to another batch at
    this moment, that one may be revoked instead: it is given back, which only costs time.
    """
    record = read_record(path)
    if record is None or not record.is_of(batch_id, token):
        return None
    with path.open("r+b") as file, mmap.mmap(file.fileno(), HEADER_BYTES) as memory:  # a store needs no disk space
        memory[REVOKED_AT] = 1
    time.sleep(VISIBLE_SECONDS)  # until the marks of a lane that missed the flag are visible
    record = read_record(path)
    return record if record and record.is_of(batch_id, token) else None
