"""Guesses at a password in parallel, from forged addresses: how many reach the hasher."""

import threading
import time
from collections import Counter

import pytest
from django.conf import settings as project_settings

from apps.common import ratelimit
from apps.common.models import RateWindow
from apps.users.services import hashing
from tests.client import ApiClient
from tests.factories import PASSWORD, UserFactory
from tests.hashers import CheapArgon2
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS = 30
DEAD_CACHE = {
    "default": {
        "BACKEND": "apps.common.cache.ResilientRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
    }
}


@pytest.fixture
def limited(settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "login_account": (5, 60)}
    settings.TRUSTED_PROXIES = 1
    return UserFactory(email="alice@example.com")


@pytest.fixture
def checks(monkeypatch):
    """The passwords that reached the hasher."""
    seen: list[str] = []
    verify = CheapArgon2.verify

    def noted(hasher: CheapArgon2, password: str, encoded: str) -> bool:
        seen.append(password)
        return verify(hasher, password, encoded)

    monkeypatch.setattr(CheapArgon2, "verify", noted)
    return seen


def guess(number: int) -> int:
    body = {"email": "alice@example.com", "password": f"wrong-guess-{number}"}
    return ApiClient().post("/auth/login/", body, X_Forwarded_For=f"203.0.113.{number}").status_code


def guess_all() -> Counter:
    return Counter(together([lambda number=number: guess(number) for number in range(CALLERS)]))


@pytest.mark.parametrize("redis", ["up", "down"])
def test_of_thirty_parallel_guesses_five_reach_the_password(limited, checks, settings, redis):
    if redis == "down":
        settings.CACHES = DEAD_CACHE
    assert guess_all() == {401: 5, 429: CALLERS - 5}
    assert len(checks) == 5


def test_with_a_naive_counter_more_would(limited, checks, monkeypatch):
    def look_then_write(scope: str, who: str) -> None:
        limit, _ = project_settings.RATE_LIMITS[scope]
        row = RateWindow.objects.filter(key=f"{scope}:{who}").first()
        if row is not None and row.count >= limit:
            raise ratelimit.Throttled
        time.sleep(0.05)
        count = row.count + 1 if row is not None else 1
        RateWindow.objects.update_or_create(
            key=f"{scope}:{who}", defaults={"count": count, "expires_at": "2099-01-01T00:00:00Z"}
        )

    monkeypatch.setattr(ratelimit, "hit_durably", look_then_write)
    guess_all()
    assert len(checks) > 5


def test_at_most_two_passwords_are_hashed_at_the_same_time_in_a_process(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()
    argon2 = hashing.Argon2PasswordHasher

    def slow(self: object, password: str, encoded: str) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return False

    monkeypatch.setattr(argon2, "verify", slow)
    user = UserFactory()
    together([lambda: user.check_password(PASSWORD)] * 8)
    assert most == hashing.HASHES_AT_ONCE == 2
    most = 0
    monkeypatch.setattr(hashing, "_slots", threading.BoundedSemaphore(8))
    together([lambda: user.check_password(PASSWORD)] * 8)
    assert most > 2
