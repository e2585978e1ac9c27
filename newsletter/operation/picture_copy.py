"""Copy pictures between files and a bucket. Removes nothing."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import BytesIO

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
    wanted, there = source.picture_sizes(), target.picture_sizes()
    missing = [name for name, size in wanted.items() if there.get(name) != size]
    for done in _all_put(source.contents(missing), target):
        say(len(wanted) - len(missing) + done, len(wanted))
    return CopyResult(len(missing), len(wanted))


def _all_put(contents: Iterable[tuple[str, bytes]], target: MediaStore) -> Iterator[int]:
    """Upload in parallel, and yield the number done after each; holds only those in progress in memory."""
    done, waiting = 0, set[Future[None]]()
    with ThreadPoolExecutor(READ_AHEAD, "pictures") as pool:
        for name, octets in contents:
            waiting.add(pool.submit(target.put, name, BytesIO(octets)))
            if len(waiting) >= READ_AHEAD:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in ended:
                    one.result()
                    done += 1
                    yield done
        for one in waiting:
            one.result()
            done += 1
            yield done
