"""Works around the cost of CPython's stack chunks: a tenth of the time of page tests."""

from collections.abc import Callable
from functools import wraps

STACK_WORDS = 70_000  # of eight octets: more than half of a megabyte


def with_large_frame[**Asked, Given](function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Wrap `function` in a call with a large frame.

    CPython 3.13 allocates frames in chunks of 16 KB. A loop of calls at the end of a chunk maps and unmaps the next one
    each time. A frame larger than a chunk gets a chunk of the next power of two, whose rest is used by its callees.
    """

    def roomy(*args: Asked.args, **kwargs: Asked.kwargs) -> Given:
        return function(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=STACK_WORDS)
    return wraps(function)(roomy)
