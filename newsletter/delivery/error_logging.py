"""Isolates independent steps of a periodic task: one that fails is logged, the others still run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def log_errors(step: object) -> Iterator[None]:
    """Log any exception of the block, including a locked or unavailable database, and continue."""
    try:
        yield
    except Exception:  # of one step, which is retried
        log.exception("%s failed and will be retried; the other steps continue", step)
