"""Refreshing, checking and giving up tokens, in bodies and in the cookie."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from apps.users.models import Session, User
from apps.users.services import tokens
from tests.client import ApiClient, code
from tests.users.steps import GOOD, errors_of, login, signed_in

pytestmark = pytest.mark.django_db


def nested_token(depth: int) -> str:
    """A token whose header is JSON nested deeper than Python's parser goes."""
    header = base64.urlsafe_b64encode(b"[" * depth).rstrip(b"=").decode()
    return f"{header}.e30.c2ln"


def expired(kind: type, session: Session) -> str:
    token = kind()
    token["sid"] = str(session.id)
    token["jti"] = str(session.refresh_jti)
    token.set_exp(from_time=timezone.now() - timedelta(days=30), lifetime=timedelta(seconds=1))
    return str(token)


def test_a_refresh_answers_a_new_pair_and_moves_the_end_of_the_session(api, alice):
    first = login().json()
    Session.objects.update(expires_at=timezone.now() + timedelta(days=1))
    response = api.post("/auth/refresh/", {"refresh": first["refresh"]})
    assert response.status_code == 200
    second = response.json()
    assert set(second) == {"access", "refresh", "access_expires_in"}
    assert second["refresh"] != first["refresh"]
    assert Session.objects.get().expires_at > timezone.now() + timedelta(days=13)
    assert [signed_in(pair).get("/users/me/").status_code for pair in (first, second)] == [200, 200]


def test_a_stolen_refresh_token_is_worth_one_use_and_ends_the_session(api, alice):
    stolen = login().json()["refresh"]
    thief = api.post("/auth/refresh/", {"refresh": stolen}).json()
    assert code(api.post("/auth/refresh/", {"refresh": stolen})) == (401, "token_reused")
    session = Session.objects.get()
    assert (session.revoked_at is not None, session.revoked_reason) == (True, "refresh token reused")
    assert code(signed_in(thief).get("/users/me/")) == (401, "token_invalid")
    assert code(api.post("/auth/refresh/", {"refresh": thief["refresh"]})) == (401, "token_invalid")


def test_a_refresh_token_of_one_session_ends_no_other(api, alice):
    other = login().json()
    mine = login().json()["refresh"]
    for _ in range(2):
        api.post("/auth/refresh/", {"refresh": mine})
    assert signed_in(other).get("/users/me/").status_code == 200


@pytest.mark.parametrize("what", ["nonsense", "a.b.c", "\u00e4.\u00f6.\u00fc", nested_token(1400), ""])
def test_a_refresh_token_that_is_none_is_refused(api, what):
    response = api.post("/auth/refresh/", {"refresh": what})
    assert code(response) == ((401, "token_invalid") if what else (400, "validation_error"))


def test_a_token_over_two_kilobytes_is_not_even_read(api):
    response = api.post("/auth/refresh/", {"refresh": nested_token(5000)})
    assert errors_of(response) == [("/refresh", "max_length")]


def test_an_authorization_header_of_nested_json_is_no_500(api):
    assert code(api.get("/users/me/", Authorization=f"Bearer {nested_token(5000)}")) == (401, "token_invalid")


def test_tokens_of_the_other_kind_are_refused(api, alice):
    pair = login().json()
    assert code(api.post("/auth/refresh/", {"refresh": pair["access"]})) == (401, "token_invalid")
    assert code(api.get("/users/me/", Authorization=f"Bearer {pair['refresh']}")) == (401, "token_invalid")


def test_expired_tokens_say_so(api, alice):
    login()
    session = Session.objects.get()
    assert code(api.post("/auth/refresh/", {"refresh": expired(RefreshToken, session)})) == (401, "token_expired")
    access = expired(AccessToken, session)
    assert code(api.get("/users/me/", Authorization=f"Bearer {access}")) == (401, "token_expired")
    assert Session.objects.get().revoked_at is None


@pytest.mark.parametrize("scheme", ["Basic abc", "Bearer", "Bearer ", "Token x"])
def test_another_scheme_is_no_sign_in(api, scheme):
    assert code(api.get("/users/me/", Authorization=scheme)) == (401, "token_invalid")


def test_a_token_without_session_or_of_another_key_is_refused(api, alice):
    foreign = AccessToken()
    foreign["sid"] = str(uuid4())
    nameless, broken = AccessToken(), AccessToken()
    broken["sid"] = "not-a-uuid"
    for token in (foreign, nameless, broken):
        assert code(api.get("/users/me/", Authorization=f"Bearer {token}")) == (401, "token_invalid")
    header, _, signature = str(AccessToken()).split(".")
    claims = {"token_type": "access", "exp": 9999999999, "jti": "1", "sid": str(uuid4())}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert code(api.get("/users/me/", Authorization=f"Bearer {header}.{payload}.{signature}")) == (401, "token_invalid")


def test_a_disabled_account_is_out_at_once(api, alice):
    pair = login().json()
    User.objects.update(is_active=False)
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert code(api.post("/auth/refresh/", {"refresh": pair["refresh"]})) == (401, "token_invalid")
    assert code(api.post("/auth/verify/", {"token": pair["access"]})) == (401, "token_invalid")


def test_refreshing_is_limited_by_session(api, alice, limits):
    limits(refresh=(2, 60))
    other = login().json()["refresh"]
    token, answers = login().json()["refresh"], []
    for _ in range(3):
        response = api.post("/auth/refresh/", {"refresh": token})
        answers.append(response.status_code)
        token = response.json().get("refresh", token)
    assert answers == [200, 200, 429]
    assert Session.objects.filter(revoked_at=None).count() == 2
    assert api.post("/auth/refresh/", {"refresh": other}).status_code == 200


def test_refreshing_with_nonsense_is_limited_by_address(api, limits):
    limits(refresh=(2, 60))
    assert [api.post("/auth/refresh/", {"refresh": f"x{n}"}).status_code for n in range(3)] == [401, 401, 429]


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_verify_tells_kind_and_end_and_uses_nothing_up(api, alice, kind):
    pair = login().json()
    for _ in range(2):
        response = api.post("/auth/verify/", {"token": pair[kind]})
        assert (response.status_code, response.json()["token_type"]) == (200, kind)
        assert response.json()["expires_at"].endswith("Z")
    assert api.post("/auth/refresh/", {"refresh": pair["refresh"]}).status_code == 200


def test_verify_refuses_what_would_be_refused(api, alice):
    pair = login().json()
    session = Session.objects.get()
    api.post("/auth/refresh/", {"refresh": pair["refresh"]})
    assert code(api.post("/auth/verify/", {"token": pair["refresh"]})) == (401, "token_invalid")
    assert Session.objects.get().revoked_at is None
    assert code(api.post("/auth/verify/", {"token": expired(AccessToken, session)})) == (401, "token_expired")
    assert code(api.post("/auth/verify/", {"token": "nonsense"})) == (401, "token_invalid")
    api.post("/auth/logout/", {"refresh": pair["refresh"]})
    assert code(api.post("/auth/verify/", {"token": pair["access"]})) == (401, "token_invalid")


def test_a_logout_ends_the_session_at_once_and_can_be_repeated(api, alice):
    pair, other = login().json(), login().json()
    for _ in range(2):
        response = api.post("/auth/logout/", {"refresh": pair["refresh"]}, Authorization=f"Bearer {pair['access']}")
        assert (response.status_code, response.content) == (204, b"")
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert code(api.post("/auth/refresh/", {"refresh": pair["refresh"]})) == (401, "token_invalid")
    assert signed_in(other).get("/users/me/").status_code == 200
    assert Session.objects.filter(revoked_reason="signed out").count() == 1


def test_a_logout_works_with_the_access_token_alone(api, alice):
    pair = login().json()
    assert signed_in(pair).post("/auth/logout/").status_code == 204
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert signed_in(pair).post("/auth/logout/").status_code == 204


def test_a_logout_with_nonsense_ends_nothing_and_without_anything_asks_who_it_is(api, alice):
    login()
    assert api.post("/auth/logout/", {"refresh": "nonsense"}).status_code == 204
    assert code(api.post("/auth/logout/", {})) == (401, "authentication_required")
    assert Session.objects.filter(revoked_at=None).count() == 1


@pytest.fixture
def browser(alice: User) -> ApiClient:
    """A client that keeps cookies and says so: the refresh token never reaches a script."""
    return ApiClient(**{"X-Auth-Transport": "cookie"})


def test_the_cookie_is_closed_to_scripts_and_foreign_sites_and_kept_to_the_sign_in(browser):
    response = browser.post("/auth/login/", GOOD)
    assert response.json()["refresh"] is None
    cookie = response.cookies["refresh_token"]
    assert RefreshToken(cookie.value)["sid"] == str(Session.objects.get().id)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/api/v1/auth/")
    assert (cookie["max-age"], cookie["secure"]) == (django_settings.REFRESH_TOKEN_SECONDS, "")


def test_the_refresh_cookie_is_secure_where_the_site_is(browser, settings):
    settings.SESSION_COOKIE_SECURE = True
    assert browser.post("/auth/login/", GOOD).cookies["refresh_token"]["secure"] is True


def test_a_refresh_reads_the_cookie_and_replaces_it(browser):
    first = browser.post("/auth/login/", GOOD).cookies["refresh_token"].value
    response = browser.post("/auth/refresh/", {})
    assert (response.status_code, response.json()["refresh"]) == (200, None)
    assert response.cookies["refresh_token"].value != first
    assert browser.post("/auth/refresh/").status_code == 200


def test_a_logout_ends_the_cookies_session_and_clears_it(browser):
    browser.post("/auth/login/", GOOD)
    response = browser.post("/auth/logout/")
    assert response.status_code == 204
    assert (response.cookies["refresh_token"].value, response.cookies["refresh_token"]["max-age"]) == ("", 0)
    assert Session.objects.get().revoked_reason == "signed out"


def test_without_the_header_the_cookie_is_not_read(browser):
    browser.post("/auth/login/", GOOD)
    browser.headers.clear()
    response = browser.post("/auth/refresh/", {})
    assert (response.status_code, errors_of(response)) == (400, [("/refresh", "required")])
    assert code(browser.post("/auth/logout/", {})) == (401, "authentication_required")
    assert Session.objects.get().revoked_at is None


def test_a_session_is_opened_without_an_address_over_a_unix_socket(alice):
    pair = tokens.open_session(user=alice, user_agent="", ip="")
    assert Session.objects.get(id=pair.session_id).ip is None
