"""A circuit breaker for each server: after an error it is not called again for OPEN_SECONDS."""

import logging
import sys

from django.core.cache import caches

OPEN_SECONDS = 5  # after a failure, until the next call
LOG_SECONDS = 60  # between log lines about the same server

logger = logging.getLogger(__name__)


def is_circuit_open(server: str) -> bool:
    return bool(caches["spare"].get(f"away:{server}"))


def open_circuit(server: str, error: Exception, *, meanwhile: str) -> None:
    """Stop calling `server` for OPEN_SECONDS. meanwhile: what happens without it, for the log."""
    caches["spare"].set(f"away:{server}", True, OPEN_SECONDS)
    if caches["spare"].add(f"said:{server}", True, LOG_SECONDS):
        logger.warning("%s fails: %s (%s: %s)", server, meanwhile, type(error).__name__, error)


def redis_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Redis' exceptions and `others`, for an `except`. The client takes 16 MB, so it is not imported here."""
    client = sys.modules.get("redis")
    return (client.RedisError, *others) if client else others
