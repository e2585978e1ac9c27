"""The flight recorder: what happened to each row of a batch, in a file that outlives the process. No database.

The last thing a lane does before it hands over the final dot is to store one byte. A page of a mapped
file belongs to the kernel the moment it is written, so `kill -9` cannot take it back; a power cut can,
which is why a record counts only within the same boot of the same machine.

    0 waiting   1 handed over   2 sent   3 failed   4 deferred      (5 uncertain: known to be so)
"""

import errno
import mmap
import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Self

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
HEADER = 128  # bytes: boot, batch, token, first row
ROWS = 4096  # bytes for rows at the most; a batch has 500


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


class Recorder:
    """One lane's recorder. Only the holder of the lane's slot may open it."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Written, not only sized: on a full disk this raises, where a store into a hole would kill by SIGBUS.
            if os.pwrite(descriptor, bytes(HEADER + ROWS), 0) < HEADER + ROWS:  # some of it may fit
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            self.memory = mmap.mmap(descriptor, HEADER + ROWS)
        finally:
            os.close(descriptor)
        self.lo = 0

    def begin(self, batch_id: int, token: int, *, lo: int, hi: int) -> None:
        """Record for another batch from here on; call it before the first intent of a claim is committed."""
        if hi - lo > ROWS:
            raise ValueError(f"a batch of {hi - lo} rows is larger than the recorder's {ROWS}")
        self.memory[:HEADER] = bytes(HEADER)  # not valid while it is being changed
        self.memory[HEADER:] = bytes(ROWS)
        self.lo = lo
        header = f"{boot()} {batch_id} {token} {lo} {hi} .".encode()
        self.memory[: len(header)] = header

    def mark(self, seq: int, mark: Mark) -> None:
        self.memory[HEADER + seq - self.lo] = mark

    def close(self) -> None:
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Record | None:
    """Return what the dead owner of a recorder left; None if there is nothing that counts."""
    if not path.exists():
        return None
    octets = path.read_bytes()
    told = octets[:HEADER].rstrip(b"\0").decode("ascii", "replace").split(" ")
    if len(told) != 6 or told[5] != "." or not told[0] or told[0] != boot():
        return None
    batch_id, token, lo, hi = map(int, told[1:5])
    return Record(batch_id, token, lo, octets[HEADER : HEADER + hi - lo])
