"""The cache is an accelerator: when Redis is slow or gone every call is a quick miss, never an error.

After a failure the server is left alone for a few seconds: a frozen Redis costs one short time-out, not one per call.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
T = TypeVar("T")
PAUSE_SECONDS = 3.0


class ResilientRedisClient(RedisCacheClient):
    """Django's Redis client behind a circuit breaker. `call` is also the way to run commands Django does not wrap."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open_until = 0.0

    def call(self, operation: Callable[[], T], otherwise: T) -> T:
        """Run a Redis operation; `otherwise` when the server does not answer or is being left alone."""
        if time.monotonic() < self._open_until:
            return otherwise
        try:
            return operation()
        except (RedisError, OSError) as error:
            self._open_until = time.monotonic() + PAUSE_SECONDS
            log.warning("cache_unavailable", error=type(error).__name__)
            return otherwise

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        return self.call(lambda: super(ResilientRedisClient, self).add(key, value, timeout), otherwise=False)

    def get(self, key: Any, default: Any) -> Any:
        return self.call(lambda: super(ResilientRedisClient, self).get(key, default), otherwise=default)

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        self.call(lambda: super(ResilientRedisClient, self).set(key, value, timeout), otherwise=None)

    def touch(self, key: Any, timeout: Any) -> bool:
        return self.call(lambda: super(ResilientRedisClient, self).touch(key, timeout), otherwise=False)

    def delete(self, key: Any) -> bool:
        return self.call(lambda: super(ResilientRedisClient, self).delete(key), otherwise=False)

    def get_many(self, keys: Any) -> dict[Any, Any]:
        return self.call(lambda: super(ResilientRedisClient, self).get_many(keys), otherwise={})

    def has_key(self, key: Any) -> bool:
        return self.call(lambda: super(ResilientRedisClient, self).has_key(key), otherwise=False)

    def set_many(self, data: Any, timeout: Any) -> None:
        self.call(lambda: super(ResilientRedisClient, self).set_many(data, timeout), otherwise=None)

    def delete_many(self, keys: Any) -> None:
        self.call(lambda: super(ResilientRedisClient, self).delete_many(keys), otherwise=None)

    def clear(self) -> bool:
        return self.call(lambda: super(ResilientRedisClient, self).clear(), otherwise=False)


class ResilientRedisCache(RedisCache):
    """Cache backend for `settings.CACHES`."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ResilientRedisClient

    @property
    def client(self) -> ResilientRedisClient:
        return cast(ResilientRedisClient, self._cache)
