"""Copy pictures between files and a bucket. Removes nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import batched

from newsletter.publication.pictures.storages import READ_AHEAD, MediaStore


@dataclass(frozen=True)
class CopyResult:
    """new: copied now; total: in the target."""

    new: int
    total: int


def copy_pictures(source: MediaStore, target: MediaStore, say: Callable[[int, int], None]) -> CopyResult:
    """Copy pictures that are missing in the target or differ in size. Raises OSError; copied ones stay.

    say: called with done and total.
    """
    wanted, there = source.picture_byte_counts(), target.picture_byte_counts()
    missing = [name for name, size in wanted.items() if there.get(name) != size]
    done = len(wanted) - len(missing)
    with ThreadPoolExecutor(READ_AHEAD, "pictures") as pool:
        for some in batched(source.contents(missing), READ_AHEAD, strict=False):  # no more are in memory
            for _put in pool.map(lambda one: target.put(one[0], BytesIO(one[1])), some):
                done += 1
                say(done, len(wanted))
    return CopyResult(len(missing), len(wanted))
