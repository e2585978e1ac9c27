"""Calls with room for the frames below them: a tenth of what the tests of pages take."""

from collections.abc import Callable
from functools import wraps

STACK_WORDS = 70_000  # of eight octets: more than half of a megabyte


def with_room[**Asked, Given](function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Return a function that calls `function` from a large frame.

    CPython 3.13 keeps the frames of a thread in chunks of 16 KB. A loop of calls that begins at the end of a chunk has
    the kernel map another one and unmap it, each time. A frame larger than a chunk gets one of the next power of two
    octets, and what it calls uses the rest.
    """

    def roomy(*args: Asked.args, **kwargs: Asked.kwargs) -> Given:
        return function(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=STACK_WORDS)
    return wraps(function)(roomy)
