"""Threads for code that computes or waits for a database, so that an event loop need not."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from functools import wraps
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any

from django.db import connections

TICK_SECONDS = 0.05
MOST_THREADS = 64  # of which all but one stand still
MANY = 4  # unfinished calls, from which on another one takes long

STACK_WORDS = 70_000  # of eight octets: more than half of a megabyte

logger = logging.getLogger(__name__)


def with_room[**Asked, Given](function: Callable[Asked, Given]) -> Callable[Asked, Given]:
    """Return a function that calls `function`, with room for the frames of all calls below it.

    CPython 3.13 keeps the frames of a thread in pieces of 16 KB. A loop of calls that begins at the end of a piece has
    the kernel give another and take it back, each time: 240 times for a page of the desk, 7 % of its CPU time. A frame
    that is larger than a piece gets one of the next power of two octets, and what it calls uses the rest. Of the
    megabyte, memory is what was written to.
    """

    def roomy(*args: Asked.args, **kwargs: Asked.kwargs) -> Given:
        return function(*args, **kwargs)

    roomy.__code__ = roomy.__code__.replace(co_stacksize=STACK_WORDS)
    return wraps(function)(roomy)


class Threads:
    """Calls functions one after the other in one thread, and in a new one when that thread stands still.

    Two threads that compute cost more than one: they wait for each other's turn. So only one takes from the queue,
    the leader. When it has taken nothing for TICK_SECONDS while something waits, a new leader follows, and the former
    ends with what it is doing.

    The loop learns of finished calls once in TICK_SECONDS: to wake it for each would cost a tenth of the web
    server's rate, and what a reader waits for has left by then. Where the loop itself waits for what a function
    returns, it is asked (`ask`) instead of called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any], bool]] = SimpleQueue()
        self._finished: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._threads: list[Thread] = []
        self._unfinished = self._taken = self._taken_before = 0
        self._finished_at = -math.inf  # by the loop's clock
        self._start_leader()

    def call(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Return a future of what `function` returns, or of None if it raises, which is logged."""
        return self._called(function, wakes=False)

    def ask(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Return a future as `call` does, of which the loop learns at once: a client waits for what follows."""
        return self._called(function, wakes=True)

    def _called(self, function: Callable[[], Any], *, wakes: bool) -> asyncio.Future[Any]:
        if not self._unfinished:
            self._loop.call_later(TICK_SECONDS, self._tick)
        self._unfinished += 1
        future = self._loop.create_future()
        self._waiting.put((future, function, wakes))
        return future

    def is_busy(self, seconds: float) -> bool:
        """Return whether a new call would have to share the processor, while one has finished in the last `seconds`."""
        return self._unfinished >= MANY and self._loop.time() - self._finished_at < seconds

    def _tell(self) -> None:
        """Tell the loop of the calls that have finished."""
        if self._finished:
            self._finished_at = self._loop.time()
        while self._finished:
            future, result = self._finished.popleft()
            self._unfinished -= 1
            if not future.done():  # the caller may have been cancelled
                future.set_result(result)

    def _tick(self) -> None:
        self._tell()
        if self._taken == self._taken_before and not self._waiting.empty():
            self._start_leader()
        self._taken_before = self._taken
        if self._unfinished:
            self._loop.call_later(TICK_SECONDS, self._tick)

    def _start_leader(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) < MOST_THREADS:
            self._leader = Thread(target=with_room(self._work), daemon=True)
            self._threads.append(self._leader)
            self._leader.start()

    def _work(self) -> None:
        while self._leader is current_thread():
            future, function, wakes = self._waiting.get()
            self._taken += 1
            self._finished.append((future, _result(function)))
            if wakes:
                self._loop.call_soon_threadsafe(self._tell)
        connections.close_all()


def _result(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except BaseException:  # the server's own errors are no Exception (pyo3); the thread must outlive them
        logger.exception("A request has failed outside of Django")
        return None
