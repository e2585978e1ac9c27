"""Ends what hangs, together with pytest-timeout: docs/decisions/0054."""

import faulthandler
import multiprocessing
import sys
from collections.abc import Iterator

import pytest

EXIT_SECONDS = 30  # from the last report to the end of the process


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
