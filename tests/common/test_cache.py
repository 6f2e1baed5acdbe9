"""The cache is an accelerator: a dead or frozen Redis is a quick miss."""

import socket
import time

import pytest

from apps.common import ratelimit
from apps.common.cache import PAUSE_SECONDS, ResilientRedisCache

DEAD = "redis://127.0.0.1:1/0"


def backend(url: str) -> ResilientRedisCache:
    return ResilientRedisCache(url, {"OPTIONS": {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}})


def test_every_call_on_a_dead_server_is_a_miss():
    cache = backend(DEAD)
    cache.set("a", 1)
    cache.set_many({"a": 1, "b": 2})
    cache.delete("a")
    cache.delete_many(["a"])
    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_many(["a", "b"]) == {}
    assert (cache.add("a", 1), cache.has_key("a"), cache.touch("a", 5), cache.clear()) == (False,) * 4


def test_a_frozen_server_costs_one_short_wait_and_is_then_left_alone():
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, never answers
        cache = backend(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        started = time.monotonic()
        for _ in range(20):
            assert cache.get("a") is None
        assert time.monotonic() - started < 1.5
        assert cache.client._open_until > time.monotonic()


def test_the_server_is_tried_again_after_the_pause(monkeypatch):
    cache = backend(DEAD)
    cache.get("a")
    calls: list[int] = []
    assert cache.client.call(lambda: calls.append(1), otherwise=None) is None
    assert calls == []
    real = time.monotonic
    monkeypatch.setattr("apps.common.cache.time.monotonic", lambda: real() + PAUSE_SECONDS + 1)
    cache.client.call(lambda: calls.append(1), otherwise=None)
    assert calls == [1]


def test_general_limits_let_traffic_pass_without_redis(monkeypatch):
    monkeypatch.setattr(ratelimit, "cache", backend(DEAD))
    assert ratelimit.hit("anonymous", "198.51.100.7") is None


@pytest.mark.django_db
def test_the_catalogue_is_served_without_redis(api, monkeypatch):
    monkeypatch.setattr(ratelimit, "cache", backend(DEAD))
    response = api.get("/cart/")
    assert response.status_code == 200
    assert "X-RateLimit-Limit" not in response
