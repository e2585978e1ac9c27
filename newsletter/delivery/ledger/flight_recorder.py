"""The flight recorder: what happened to each row of a batch, in a file that outlives the process. No database.

The last thing a lane does before it hands over the final dot is to store one byte. A page of a mapped
file belongs to the kernel the moment it is written, so `kill -9` cannot take it back; a power cut can,
which is why a record counts only within the same boot of the same machine.

    0 waiting   1 handed over   2 sent   3 failed   4 deferred      (5 uncertain: known to be so)

`revoke` takes the record from a lane that lives but stands still, by another byte of the same page.
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

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
HEADER = 128  # bytes: boot, batch, token, first row, behind the last; the last byte is REVOKED
REVOKED = HEADER - 1
ROWS = 4096  # bytes for rows at the most; a batch has 4,000
# What a processor has stored is everybody's within nanoseconds, and at the latest when it turns to another process.
VISIBLE_SECONDS = 0.05


class Mark(IntEnum):
    WAITING = 0
    HANDED_OVER = 1
    SENT = 2
    FAILED = 3
    DEFERRED = 4
    UNCERTAIN = 5


def boot() -> str:
    """Return what names this boot of this machine; "" where the system has none, so that no record counts."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


@dataclass(frozen=True)
class Record:
    """What a recorder's file says about the batch that its owner held last."""

    batch_id: int
    token: int
    lo: int
    marks: bytes

    @property
    def hi(self) -> int:
        return self.lo + len(self.marks)

    @property
    def found(self) -> set[int]:
        return set(self.marks)

    def rows(self) -> Iterator[tuple[int, Mark]]:
        """Yield each row that is marked."""
        return ((self.lo + at, Mark(mark)) for at, mark in enumerate(self.marks) if mark)

    def packed(self) -> list[int | str]:
        """Return it as JSON can hold it: batch, token, first row, marks."""
        return [self.batch_id, self.token, self.lo, base64.b64encode(zlib.compress(self.marks)).decode()]

    @classmethod
    def unpacked(cls, packed: Sequence[int | str]) -> "Record":
        """Return what `packed` gave. Raises ValueError or zlib.error for what it did not."""
        batch_id, token, lo, marks = packed
        return cls(int(batch_id), int(token), int(lo), zlib.decompress(base64.b64decode(str(marks))))

    def mark(self, seq: int) -> Mark:
        return Mark(self.marks[seq - self.lo]) if 0 <= seq - self.lo < len(self.marks) else Mark.WAITING

    def tells_of(self, batch_id: int, token: int) -> bool:
        return (self.batch_id, self.token) == (batch_id, token)


class Recorder:
    """One lane's recorder. Only the holder of the lane's slot may open it.

    The file is always a new one, put in the place of the former: a lane that was revoked because its lock file had
    been deleted may live on, and must not find its own flag and marks wiped out.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.is_begun = path, False
        _keep(path, _any_boots(path))
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            self._make(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self.lo = 0

    def _make(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            # Written, not only sized: on a full disk this raises, where a store into a hole would kill by SIGBUS.
            if os.pwrite(descriptor, bytes(HEADER + ROWS), 0) < HEADER + ROWS:  # some of it may fit
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            self.memory = mmap.mmap(descriptor, HEADER + ROWS)
        finally:
            os.close(descriptor)

    def begin(self, batch_id: int, token: int, *, lo: int, hi: int) -> None:
        """Record for another batch from here on; call it before the first intent of a claim is committed."""
        if hi - lo > ROWS:
            raise ValueError(f"a batch of {hi - lo} rows is larger than the recorder's {ROWS}")
        if self.is_begun:
            _keep(self.path, _parsed(self.memory[:]))
        self.is_begun = True
        self.memory[:HEADER] = bytes(HEADER)  # not valid while it is being changed
        self.memory[HEADER:] = bytes(ROWS)
        self.lo = lo
        header = f"{boot()} {batch_id} {token} {lo} {hi} .".encode()
        self.memory[: len(header)] = header

    def hand_over(self, seq: int) -> bool:
        """Mark a row as handed over; return False, with the mark taken back, if the record was revoked.

        After a False the message must not leave. This lane stores its mark and then loads the flag; `revoke`
        stores the flag, waits, and then loads the marks. As in Dekker's algorithm at least one of the two sees
        what the other has stored, whoever is stopped where: a row that leaves is never one that waits in the
        record. The wait stands for the barrier that Python cannot ask for: without it a processor could load the
        flag while its own mark is on the way to memory.
        """
        self.mark(seq, Mark.HANDED_OVER)
        if self.memory[REVOKED]:
            self.mark(seq, Mark.WAITING)
            return False
        return True

    def mark(self, seq: int, mark: Mark) -> None:
        self.memory[HEADER + seq - self.lo] = mark

    def never_left(self, rows: Iterable[int]) -> list[int]:
        """Return which of these rows certainly never left; none once recovery has revoked and read it."""
        return [] if self.memory[REVOKED] else [seq for seq in rows if not self.memory[HEADER + seq - self.lo]]

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def read(path: Path) -> Record | None:
    """Return what the owner of a recorder left; None if there is nothing that counts."""
    return _parsed(path.read_bytes(), boot()) if path.exists() and boot() else None


def _any_boots(path: Path) -> Record | None:
    """Return what a recorder's file says, also of a boot that has ended: some marks may be missing."""
    return _parsed(path.read_bytes()) if path.exists() else None


def _parsed(octets: bytes, of_boot: str = "") -> Record | None:
    fields = octets[:REVOKED].rstrip(b"\0").decode("ascii", "replace").split(" ")
    if len(fields) != 6 or fields[5] != "." or not fields[0] or (of_boot and fields[0] != of_boot):
        return None
    batch_id, token, lo, hi = map(int, fields[1:5])
    return Record(batch_id, token, lo, octets[HEADER : HEADER + hi - lo])


# --- What former holdings did, for a ledger that has forgotten it ---

WEIGHT = (Mark.SENT, Mark.HANDED_OVER, Mark.UNCERTAIN, Mark.FAILED, Mark.DEFERRED, Mark.WAITING)  # of several marks
KEPT_MAX = 8 * 1024**2  # octets: some 60,000 batches, which is more than anybody sends between two backups


def _keep(path: Path, record: Record | None) -> None:
    """Append a record that ends to the history of its slot. A full disk stops no mailing."""
    if record is None or not any(record.marks):
        return
    history = path.with_suffix(".history")
    with suppress(OSError):
        if history.exists() and history.stat().st_size > KEPT_MAX:
            history.replace(path.with_suffix(".history-old"))
        with history.open("a") as file:
            file.write("\n" + " ".join(map(str, record.packed())))


def known(folder: Path) -> list[Record]:
    """Return everything that the recorders in a folder know: what each did last, and before."""
    last = [record for path in sorted(folder.glob("slot-*.flight")) if (record := _any_boots(path))]
    return [*(record for path in sorted(folder.glob("slot-*.history*")) for record in _kept(path)), *last]


def remembered(path: Path, batch_id: int, token: int) -> Record | None:
    """Return what the history of a recorder has of a holding that has ended.

    A ledger that was restored gives the same token again: then all holdings are read, and what left in one has left.
    """
    histories = sorted(path.parent.glob(f"{path.stem}.history*"))
    found = [record for history in histories for record in _kept(history) if record.tells_of(batch_id, token)]
    if not found:
        return None
    lo, hi = found[-1].lo, found[-1].hi
    rows = zip(*(record.marks for record in found if (record.lo, record.hi) == (lo, hi)), strict=True)
    return Record(batch_id, token, lo, bytes(min(marks, key=WEIGHT.index) for marks in rows))


def _kept(history: Path) -> Iterator[Record]:
    return (record for line in history.read_text().splitlines() if (record := _unpacked(line)))


def _unpacked(line: str) -> Record | None:
    with suppress(ValueError, zlib.error):
        return Record.unpacked(line.split(" "))
    return None


def revoke(path: Path, batch_id: int, token: int) -> Record | None:
    """Forbid the owner of a recorder, who may live, to hand over another row of a batch; return what it did.

    None, with nothing changed, if the file is of another holding. If the owner turns to another batch in this
    very moment, that one may be revoked in its place: it is then given back, which costs nothing but time.
    """
    record = read(path)
    if record is None or not record.tells_of(batch_id, token):
        return None
    with path.open("r+b") as file, mmap.mmap(file.fileno(), HEADER) as memory:  # a store needs no room on the disk
        memory[REVOKED] = 1
    time.sleep(VISIBLE_SECONDS)  # until every mark is visible whose lane did not see the flag
    record = read(path)
    return record if record and record.tells_of(batch_id, token) else None
