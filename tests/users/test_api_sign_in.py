"""Signing in, refreshing, checking tokens, signing out."""

from datetime import timedelta
from uuid import uuid4

import pytest

from apps.users.models import Session, User
from apps.users.services import sign_in
from tests.client import ApiClient, code
from tests.factories import PASSWORD, UserFactory, sellable
from tests.users.steps import EMAIL, GOOD, errors_of, login, signed_in, without_id

pytestmark = pytest.mark.django_db


def test_a_login_answers_a_pair_and_the_person(alice):
    response = login(User_Agent="Firefox " + "x" * 300)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh", "access_expires_in", "user"}
    assert body["access_expires_in"] == 600
    assert body["user"] == {
        "id": str(alice.id),
        "email": EMAIL,
        "email_verified": True,
        "first_name": "Alice",
        "last_name": "Doe",
        "phone": "",
        "language": "en",
        "currency": "USD",
        "is_staff": False,
        "created_at": body["user"]["created_at"],
    }
    session = Session.objects.get()
    assert (session.user_id, session.ip, len(session.user_agent)) == (alice.id, "127.0.0.1", 200)
    assert session.expires_at - session.last_used_at == timedelta(days=14)
    assert signed_in(body).get("/users/me/").json() == body["user"]
    assert "refresh_token" not in response.cookies
    alice.refresh_from_db()
    assert alice.last_login is not None


def test_unknown_wrong_and_disabled_cannot_be_told_apart(alice, hashes):
    UserFactory(email="gone@example.com", is_active=False)
    answers, costs = [], []
    for email, password in (
        ("nobody@example.com", PASSWORD),
        (EMAIL, "wrong-password"),
        ("gone@example.com", PASSWORD),
        ("gone@example.com", "wrong-password"),
    ):
        before = hashes.calls
        answers.append(login(email, password))
        costs.append(hashes.calls - before)
    assert {code(each) for each in answers} == {(401, "invalid_credentials")}
    assert all(without_id(each) == without_id(answers[0]) for each in answers)
    assert costs == [1, 1, 1, 1]
    assert Session.objects.count() == 0


def test_a_login_limited_by_account_hashes_no_more_than_its_limit(alice, limits, hashes):
    limits(login_account=(5, 60))
    answers = [login(password="wrong-password").status_code for _ in range(8)]
    assert (answers, hashes.calls) == ([401] * 5 + [429] * 3, 5)
    refused = login()
    assert (code(refused), hashes.calls) == ((429, "throttled"), 5)
    assert 0 < int(refused["Retry-After"]) <= 60


def test_unknown_accounts_are_limited_just_the_same(limits):
    limits(login_account=(2, 60))
    answers = [login("nobody@example.com", "wrong-password").status_code for _ in range(3)]
    assert answers == [401, 401, 429]


def test_another_spelling_of_the_address_is_the_same_account(alice, limits):
    limits(login_account=(2, 60))
    answers = [login(email, "wrong-password").status_code for email in (EMAIL, EMAIL.upper(), f" {EMAIL} ")]
    assert answers == [401, 401, 429]


def test_a_success_clears_the_accounts_count(alice, limits):
    limits(login_account=(3, 60))
    answers = [
        login(password=password).status_code for password in ("wrong-one", "wrong-two", PASSWORD, "wrong-one", PASSWORD)
    ]
    assert answers == [401, 401, 200, 401, 200]


def test_a_login_limited_by_address_does_not_burn_the_counts_of_accounts(alice, limits, settings):
    limits(login_ip=(2, 60), login_account=(3, 60))
    settings.TRUSTED_PROXIES = 1
    attacker = [login(password="wrong-one", X_Forwarded_For="203.0.113.7").status_code for _ in range(9)]
    assert attacker == [401, 401] + [429] * 7
    assert login(X_Forwarded_For="198.51.100.1").status_code == 200


def test_a_forged_forwarding_header_changes_nothing_without_proxies(alice, limits):
    limits(login_ip=(2, 60))
    answers = [login(f"u{n}@example.com", "wrong-one", X_Forwarded_For=f"203.0.113.{n}").status_code for n in range(4)]
    assert answers == [401, 401, 429, 429]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("/email", "required"), ("/password", "required")]),
        ({"email": EMAIL, "password": ""}, [("/password", "blank")]),
        ({"email": EMAIL, "password": "x" * 129}, [("/password", "max_length")]),
        ({"email": "nonsense", "password": "x"}, [("/email", "invalid")]),
        ({"email": [EMAIL], "password": 1}, [("/email", "wrong_type"), ("/password", "wrong_type")]),
        ({**GOOD, "remember": True}, [("/remember", "unknown_field")]),
    ],
)
def test_a_bad_login_body_names_the_fields_and_hashes_nothing(api, hashes, body, errors):
    response = api.post("/auth/login/", body)
    assert (response.status_code, errors_of(response), hashes.calls) == (400, errors, 0)


def test_an_old_authorization_header_hinders_no_login(alice):
    assert login(Authorization="Bearer old-and-bad").status_code == 200


def test_a_login_brings_the_guests_cart_along(alice):
    token = ApiClient().post("/cart/items/", {"sku": sellable().sku, "quantity": 2}).json()["token"]
    client = signed_in(login(X_Cart_Token=token).json())
    assert client.get("/cart/").json()["item_count"] == 2


def test_a_cart_that_cannot_be_merged_hinders_no_login(alice, monkeypatch):
    def explode(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("apps.cart.services.merging.merge", explode)
    assert login(X_Cart_Token=str(uuid4())).status_code == 200
    assert login(X_Cart_Token="nonsense").status_code == 200


def test_a_password_changed_during_the_login_refuses_it(alice, monkeypatch):
    check = sign_in.verify_credentials

    def then_changed(**kwargs: str) -> User:
        user = check(**kwargs)
        User.objects.filter(id=user.id).update(password="changed meanwhile")
        return user

    monkeypatch.setattr(sign_in, "verify_credentials", then_changed)
    assert code(login()) == (401, "invalid_credentials")
    assert Session.objects.count() == 0


def test_statements_of_a_login_a_refresh_and_a_profile(alice, django_assert_num_queries):
    with django_assert_num_queries(8):  # two counts, the account, one count cleared; in a transaction: lock, session
        pair = login().json()
    with django_assert_num_queries(2):
        pair = ApiClient().post("/auth/refresh/", {"refresh": pair["refresh"]}).json()
    client = signed_in(pair)
    with django_assert_num_queries(2):
        client.get("/users/me/")
