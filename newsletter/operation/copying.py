"""Pictures from where they lie to where they shall lie: files into a bucket, or back. Nothing is removed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from io import BytesIO

from newsletter.publication.pictures.storages import AT_ONCE, Media


@dataclass(frozen=True)
class Copied:
    """new: what was missing there, and is there now; total: what there is."""

    new: int
    total: int


def copy(source: Media, target: Media, say: Callable[[int, int], None]) -> Copied:
    """Copy the pictures that the target lacks, or has at another size. Raises OSError; what was copied stays.

    say: is told how many of how many are there.
    """
    wanted, there = source.pictures(), target.pictures()
    missing = [name for name, size in wanted.items() if there.get(name) != size]
    for done in _all_put(source.contents(missing), target):
        say(len(wanted) - len(missing) + done, len(wanted))
    return Copied(len(missing), len(wanted))


def _all_put(contents: Iterable[tuple[str, bytes]], target: Media) -> Iterator[int]:
    """Put some at once, and yield after each how many are there; memory holds those that are on their way."""
    done, waiting = 0, set[Future[None]]()
    with ThreadPoolExecutor(AT_ONCE, "pictures") as pool:
        for name, octets in contents:
            waiting.add(pool.submit(target.put, name, BytesIO(octets)))
            if len(waiting) >= AT_ONCE:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in ended:
                    one.result()
                    done += 1
                    yield done
        for one in waiting:
            one.result()
            done += 1
            yield done
