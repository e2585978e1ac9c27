"""Things that are done one after the other, each for itself: what fails is logged, and the others go on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError

log = logging.getLogger(__name__)


@contextmanager
def apart(what: object) -> Iterator[None]:
    """Log what the block raises. That the database is away ends all of them: none could do anything."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # whatever it is, it is of one mailing alone
        log.exception("%s failed, and is tried again; all else goes on", what)
