"""Redis as Django's cache: short timeouts, and its errors without importing its client."""

import sys
from typing import Any

from django.core.cache.backends.redis import RedisCache

TIMEOUT_SECONDS = 0.5  # to connect, and for each reply; in one network a reply takes half a millisecond


class PromptRedisCache(RedisCache):
    """Django's Redis cache, which raises a RedisError after TIMEOUT_SECONDS instead of retrying for half a minute."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        prompt = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS, "retry": None}
        super().__init__(server, params | {"OPTIONS": prompt | params.get("OPTIONS", {})})


def redis_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Redis' exceptions and `others`, for an `except`. The client takes 16 MB, so it is not imported here."""
    client = sys.modules.get("redis")
    return (client.RedisError, *others) if client else others
