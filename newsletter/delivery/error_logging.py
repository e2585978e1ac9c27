"""Isolates independent steps of a periodic task: one that fails is logged, the others still run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def log_errors(what: object) -> Iterator[None]:
    """Log any exception of the block, also of a database that is locked or away, and go on."""
    try:
        yield
    except Exception:  # it concerns one step alone, which is tried again
        log.exception("%s failed, and is tried again; all else goes on", what)
