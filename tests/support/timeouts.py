"""Ends what hangs, together with pytest-timeout: docs/decisions/0054."""

import faulthandler
import multiprocessing
import os
import sys
from collections.abc import Iterator
from time import monotonic  # a test may give the module another clock

import pytest

EXIT_SECONDS = 30  # from the last report to the end of the process


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("hang_seconds", "after which a test that hangs all the same ends its process", default="600")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Watchdog(float(config.getini("hang_seconds"))), "watchdog")


class Watchdog:
    """Ends a process in which a test has lasted for `seconds`, or up to a tenth less, and shows what it does.

    pytest's own way, `faulthandler_timeout`, starts and ends a thread for each test: 2 ms, 6 on a busy machine.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.set_at = seconds, float("-inf")
        self.stderr = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)  # not what the tests write is kept in

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, nextitem: pytest.Item | None) -> Iterator[None]:
        if monotonic() - self.set_at > self.seconds / 10:
            self.set_at = monotonic()
            faulthandler.dump_traceback_later(self.seconds, exit=True, file=self.stderr)
        try:
            return (yield)
        finally:
            if nextitem is None:  # it may wait for other processes for as long as they need
                faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Kill the processes that a test has forked and not ended: Python waits for each of them before it exits."""
    try:
        return (yield)
    finally:
        for child in multiprocessing.active_children():
            child.kill()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Exit although a thread of a test still waits, and show where: Python would wait for it without a limit.

    A process of pytest-xdist waits for the others' tests after its own, and is ended by the one that has started it.
    """
    if hasattr(config, "workerinput"):
        return
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True, file=sys.__stderr__)
