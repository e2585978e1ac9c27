"""Things that are done one after the other, each for itself: what fails is logged, and the others go on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def apart(what: object) -> Iterator[None]:
    """Log what the block raises, also a database that is locked or away for a moment."""
    try:
        yield
    except Exception:  # whatever it is, it is of one mailing alone
        log.exception("%s failed, and is tried again; all else goes on", what)
