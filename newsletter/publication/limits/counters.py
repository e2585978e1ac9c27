"""The cache of the counters in Redis, which never keeps a page waiting. Imported only where there is a Redis."""

from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 0.5  # to connect, and for each answer; a Redis in the same network needs a thousandth of it


class PromptRedisCache(RedisCache):
    """Django's Redis cache, which raises a RedisError after SECONDS instead of trying again for half a minute."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        prompt = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, "retry": Retry(NoBackoff(), 0)}
        super().__init__(server, params | {"OPTIONS": prompt | params.get("OPTIONS", {})})
