"""Servers that do not answer: each is left alone for some seconds, and the log says so once a minute.

Without this every request would wait for the same silent server. Known to one process alone.
"""

import logging

from django.core.cache import caches

AGAIN_SECONDS = 5  # until a server is asked again after it failed
SAY_SECONDS = 60  # between lines of the log about the same server

logger = logging.getLogger(__name__)


def is_away(server: str) -> bool:
    """Return whether `server` failed a moment ago and is not to be asked now."""
    return bool(caches["spare"].get(f"away:{server}"))


def begin(server: str, error: Exception, *, meanwhile: str) -> None:
    """Leave `server` alone for AGAIN_SECONDS. meanwhile: what happens without it, for the log."""
    caches["spare"].set(f"away:{server}", True, AGAIN_SECONDS)
    if caches["spare"].add(f"said:{server}", True, SAY_SECONDS):
        logger.warning("%s fails: %s (%s: %s)", server, meanwhile, type(error).__name__, error)
