"""The flight recorder: what happened to each row of a batch, in a file that outlives the process. No database.

The last thing a lane does before it hands over the final dot is to store one byte. A page of a mapped
file belongs to the kernel the moment it is written, so `kill -9` cannot take it back; a power cut can,
which is why a record counts only within the same boot of the same machine.

    0 waiting   1 handed over   2 sent   3 failed   4 deferred      (5 uncertain: known to be so)

A lane that lives but stands still is taken its record from by `revoke`: another byte of the same page.
"""

import errno
import mmap
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
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
    """Return what names this boot of this machine; "" where the system does not tell, so that no record counts."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


@dataclass(frozen=True)
class Record:
    """What a recorder's file says about the batch that its owner held last."""

    batch_id: int
    token: int
    lo: int
    marks: bytes

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
        """Return which of these rows certainly never left; none once the record is revoked: then it has told itself."""
        return [] if self.memory[REVOKED] else [seq for seq in rows if not self.memory[HEADER + seq - self.lo]]

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Record | None:
    """Return what the owner of a recorder left; None if there is nothing that counts."""
    if not path.exists():
        return None
    octets = path.read_bytes()
    told = octets[:REVOKED].rstrip(b"\0").decode("ascii", "replace").split(" ")
    if len(told) != 6 or told[5] != "." or not told[0] or told[0] != boot():
        return None
    batch_id, token, lo, hi = map(int, told[1:5])
    return Record(batch_id, token, lo, octets[HEADER : HEADER + hi - lo])


def revoke(path: Path, batch_id: int, token: int) -> Record | None:
    """Forbid the owner of a recorder, who may live, to hand over another row of a batch; return what it did.

    None, with nothing changed, if the file tells of another holding. If the owner turns to another batch in this
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
