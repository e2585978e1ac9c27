"""A circuit breaker for each server: after an error it is not called again for AGAIN_SECONDS."""

import logging

from django.core.cache import caches

OPEN_SECONDS = 5  # after a failure, until the next call
LOG_SECONDS = 60  # between log lines about the same server

logger = logging.getLogger(__name__)


def is_circuit_open(server: str) -> bool:
    return bool(caches["spare"].get(f"away:{server}"))


def open_circuit(server: str, error: Exception, *, meanwhile: str) -> None:
    """Stop calling `server` for AGAIN_SECONDS. meanwhile: what happens without it, for the log."""
    caches["spare"].set(f"away:{server}", True, OPEN_SECONDS)
    if caches["spare"].add(f"said:{server}", True, LOG_SECONDS):
        logger.warning("%s fails: %s (%s: %s)", server, meanwhile, type(error).__name__, error)
