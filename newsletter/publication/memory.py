"""A cache for what can be made anew: while Redis is away it is empty, not broken.

Counters that guard a door are not kept here; whoever asks them must hear that they are gone (limits.py).
"""

import logging
from collections.abc import Callable
from typing import Any, cast

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def _or_nothing[F: Callable[..., Any]](method: F, nothing: Callable[[], Any]) -> F:
    def forgiving(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except RedisError as error:
            log.warning("the cache is away: %s", error)
            return kwargs.get("default", nothing())

    return cast("F", forgiving)


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, whose answers may be missing."""

    get = _or_nothing(RedisCache.get, lambda: None)
    get_many = _or_nothing(RedisCache.get_many, dict)
    set = _or_nothing(RedisCache.set, lambda: None)
    set_many = _or_nothing(RedisCache.set_many, list)
    delete = _or_nothing(RedisCache.delete, lambda: False)
    delete_many = _or_nothing(RedisCache.delete_many, lambda: None)
