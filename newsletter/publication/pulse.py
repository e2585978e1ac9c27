"""The pulse of a process: when it last showed that it works, in memory that it shares with whoever has started it.

A heartbeat (heartbeats.py) is of a part, which another process or machine may do as well; a pulse is of one process.
"""

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

BEAT_SECONDS = 10.0
WORK_SECONDS = 900.0  # that one piece of work may take: a lane sends for a minute, and waits ten for its last replies


class Pulse:
    """Eight octets: a time of the monotonic clock. It is shown between two pieces of work, and by a thread in them."""

    def __init__(self) -> None:
        self._shared = memoryview(mmap.mmap(-1, 8)).cast("d")
        self._working_since: float | None = None  # of the process itself

    @property
    def at(self) -> float | None:
        """Return when it was shown last, None if never."""
        return self._shared[0] or None

    def show(self) -> None:
        self._shared[0] = time.monotonic()

    def begin(self) -> None:
        """Begin a piece of work, which may take WORK_SECONDS."""
        self._working_since = time.monotonic()

    def end(self) -> None:
        self._working_since = None
        self.show()

    def show_at_work(self) -> None:
        """Show it if some work is being done that has not taken too long."""
        since = self._working_since
        if since is not None and time.monotonic() - since < WORK_SECONDS:
            self.show()

    def _show_for_ever(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            self.show_at_work()

    def take(self) -> None:
        """Make it the pulse of this process, whose child it may be called in."""
        global own  # noqa: PLW0603 - a process has one
        own = self
        Thread(target=self._show_for_ever, daemon=True).start()


own = Pulse()  # of this process; seen by nobody unless its parent has given it one


def show() -> None:
    """Show that this process looks for work."""
    own.show()


@contextmanager
def working() -> Iterator[None]:
    """Show that this process works, for up to WORK_SECONDS."""
    own.begin()
    try:
        yield
    finally:
        own.end()
