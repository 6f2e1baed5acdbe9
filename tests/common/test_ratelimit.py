"""Limits that parallel callers cannot outrun, counted for the right caller."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import RequestFactory, override_settings
from django.utils import timezone

from apps.common import ratelimit
from apps.common.errors import Throttled
from apps.common.models import RateWindow
from tests.client import ApiClient, code
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

DEAD_CACHE = {
    "default": {
        "BACKEND": "apps.common.cache.ResilientRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
    }
}


@pytest.fixture
def limits(settings):
    """Change limits for a test: `limits(login_account=(5, 60))`."""

    def change(**changes: tuple[int, int]) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, **changes}

    return change


def ip_of(forwarded: str | None, *, hops: int, peer: str = "10.0.0.9") -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    with override_settings(TRUSTED_PROXIES=hops):
        return ratelimit.client_ip(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, None, "10.0.0.9"),
        (0, "1.1.1.1", "10.0.0.9"),
        (1, None, "10.0.0.9"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (1, "1.1.1.1,,203.0.113.7 ,", "203.0.113.7"),
        (2, "1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),
        (1, "203.0.113.7:51234", "203.0.113.7"),
        (1, "[2001:db8::7]:443", "2001:db8::7"),
        (1, "2001:DB8:0::7", "2001:db8::7"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "unknown", "10.0.0.9"),
        (1, "x" * 400, "10.0.0.9"),
        (1, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_the_callers_address_is_what_our_own_proxies_wrote(hops, forwarded, expected):
    assert ip_of(forwarded, hops=hops) == expected


def test_a_unix_socket_has_no_address():
    assert ip_of(None, hops=0, peer="") == ""


def test_a_network_of_ipv6_addresses_counts_as_one_caller():
    assert ratelimit.who("2001:db8:1:2::1") == ratelimit.who("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert ratelimit.who("2001:db8:1:3::1") != ratelimit.who("2001:db8:1:2::1")
    assert (ratelimit.who("203.0.113.7"), ratelimit.who("")) == ("203.0.113.7", "")


def test_a_durable_limit_lets_its_number_pass_and_says_how_long_to_wait(limits):
    limits(reset=(2, 3600))
    assert [ratelimit.hit_durably("reset", "a").remaining for _ in range(2)] == [1, 0]
    with pytest.raises(Throttled) as refusal:
        ratelimit.hit_durably("reset", "a")
    assert refusal.value.headers == {
        "X-RateLimit-Limit": "2",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "3600",
        "Retry-After": "3600",
    }
    assert ratelimit.hit_durably("reset", "b").remaining == 1


def test_a_durable_window_that_ended_starts_anew(limits):
    limits(reset=(1, 60))
    ratelimit.hit_durably("reset", "a")
    RateWindow.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    verdict = ratelimit.hit_durably("reset", "a")
    assert (verdict.remaining, verdict.reset_seconds) == (0, 60)
    assert RateWindow.objects.get().count == 1


def test_the_table_of_counts_names_nobody(limits):
    ratelimit.hit_durably("login_account", "alice@example.com")
    assert "alice" not in RateWindow.objects.get().key


def test_forgetting_clears_one_count_alone(limits):
    limits(reset=(1, 60))
    for who in ("a", "b"):
        ratelimit.hit_durably("reset", who)
    ratelimit.forget("reset", "a")
    assert ratelimit.hit_durably("reset", "a").remaining == 0
    with pytest.raises(Throttled):
        ratelimit.hit_durably("reset", "b")


@pytest.mark.django_db(transaction=True)
def test_a_durable_count_refuses_to_be_part_of_a_transaction_that_may_roll_back():
    with pytest.raises(RuntimeError, match="outside"), transaction.atomic():
        ratelimit.hit_durably("reset", "a")
    assert RateWindow.objects.count() == 0


def test_ended_windows_are_deleted_and_running_ones_stay():
    now = timezone.now()
    for index in range(5):
        RateWindow.objects.create(key=f"old:{index}", count=1, expires_at=now - timedelta(seconds=1))
    RateWindow.objects.create(key="new", count=1, expires_at=now + timedelta(seconds=60))
    assert ratelimit.delete_expired() == 5
    assert list(RateWindow.objects.values_list("key", flat=True)) == ["new"]
    assert ratelimit.delete_expired() == 0


def test_a_count_in_redis_that_lost_its_end_gets_a_new_one(limits):
    limits(search=(5, 60))
    key = cache.make_key("rate:search:x")
    client = cache.client.get_client(write=True)
    client.set(key, 9)
    verdict = ratelimit.hit("search", "x")
    assert (verdict.allowed, verdict.reset_seconds) == (False, 60)
    assert 0 < client.pttl(key) <= 60_000


def test_every_answer_tells_where_the_caller_stands(api, limits):
    limits(anonymous=(3, 60))
    answers = [api.post("/auth/verify/", {"token": "nonsense"}) for _ in range(4)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429]
    assert [each["X-RateLimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert code(answers[3]) == (429, "throttled")
    assert answers[3]["Retry-After"] == answers[3]["X-RateLimit-Reset"]
    assert 0 < int(answers[3]["Retry-After"]) <= 60


def test_signed_in_callers_have_a_count_of_their_own(limits):
    limits(anonymous=(1, 60), user=(2, 60))
    first, second = ApiClient(UserFactory()), ApiClient(UserFactory())
    assert [first.get("/users/me/").status_code for _ in range(3)] == [200, 200, 429]
    assert second.get("/users/me/").status_code == 200


def test_bad_tokens_count_against_their_address_and_are_cut_off(api, limits):
    limits(anonymous=(3, 60))
    answers = [api.get("/users/me/", Authorization="Bearer nonsense") for _ in range(5)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429, 429]
    assert answers[0]["X-RateLimit-Remaining"] == "2"
    assert "Retry-After" in answers[4]


def test_general_limits_let_traffic_pass_while_redis_is_down(api, limits, settings):
    limits(anonymous=(1, 60))
    settings.CACHES = DEAD_CACHE
    answers = [api.get("/users/me/") for _ in range(3)]
    assert [each.status_code for each in answers] == [401, 401, 401]
    assert "X-RateLimit-Limit" not in answers[0]


def test_sign_in_stays_limited_while_redis_is_down(api, limits, settings):
    limits(login_account=(2, 60))
    settings.CACHES = DEAD_CACHE
    UserFactory(email="alice@example.com")
    body = {"email": "alice@example.com", "password": "wrong-password"}
    answers = [api.post("/auth/login/", body) for _ in range(4)]
    assert [code(each) for each in answers] == [(401, "invalid_credentials")] * 2 + [(429, "throttled")] * 2
