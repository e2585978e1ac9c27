"""Has the modules of tests compiled once in a fresh clone, not once in each process.

pytest compiles a module of tests itself, with its words for an assertion that fails, and leaves the result beside it.
Processes that all begin at the first module find none: each would compile all of them, ten seconds of a processor. So
each begins at another place, and finds most of the modules compiled by another.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest


def pytest_collection(session: pytest.Session) -> None:
    """Import the modules that are to be collected, in this process's own order."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "")
    if not worker:
        return
    modules = list(_modules(session.config))
    first = len(modules) * int(worker.removeprefix("gw")) // int(workers)
    for module in modules[first:] + modules[:first]:
        with suppress(Exception, pytest.skip.Exception):  # the collection imports it once more, and says so
            import_module(module)


def _modules(config: pytest.Config) -> Iterator[str]:
    """Yield the names of the modules among the files and folders that pytest was given."""
    for asked in dict.fromkeys(argument.partition("::")[0] for argument in config.args):
        path = Path(config.invocation_params.dir, asked)
        for file in sorted(path.rglob("test_*.py")) if path.is_dir() else [path]:
            if file.is_relative_to(config.rootpath):
                yield ".".join(file.relative_to(config.rootpath).with_suffix("").parts)
