"""Opening an account over HTTP."""

import pytest
from django.contrib.auth.hashers import identify_hasher

from apps.common.models import Event
from apps.users.models import Session, User
from tests.client import ApiClient, code
from tests.factories import PASSWORD
from tests.users.steps import EMAIL, errors_of, event_types, login, without_id

pytestmark = pytest.mark.django_db
BODY = {"email": EMAIL, "password": PASSWORD, "first_name": "Alice", "last_name": "Doe"}
ANSWER = {"email": EMAIL, "detail": "Check your mail to confirm the address."}


def test_a_new_account_is_opened_unverified_and_told_by_mail(api):
    response = api.post("/auth/register/", BODY)
    assert (response.status_code, response.json()) == (201, ANSWER)
    user = User.objects.select_related("profile").get()
    assert (user.email, user.first_name, user.last_name) == (EMAIL, "Alice", "Doe")
    assert (user.is_active, user.is_staff, user.is_superuser, user.email_verified_at) == (True, False, False, None)
    assert identify_hasher(user.password).algorithm == "argon2"
    assert (user.profile.language, user.profile.currency, user.profile.marketing_email) == ("en", "USD", False)
    assert event_types() == ["user.registered", "user.email_verification_requested"]
    assert set(Event.objects.values_list("target_id", flat=True)) == {user.id}
    assert Session.objects.count() == 0


def test_one_may_sign_in_at_once(api):
    api.post("/auth/register/", BODY)
    response = login()
    assert (response.status_code, response.json()["user"]["email_verified"]) == (200, False)


def test_names_may_be_left_out(api):
    assert api.post("/auth/register/", {"email": EMAIL, "password": PASSWORD}).status_code == 201
    assert User.objects.values_list("first_name", "last_name").get() == ("", "")


def test_a_known_address_gets_the_same_answer_and_its_owner_is_told(api, alice, hashes):
    before = User.objects.values().get()
    response = api.post("/auth/register/", {**BODY, "password": "some-Other-secret-1", "first_name": "Mallory"})
    assert (response.status_code, response.json()) == (201, ANSWER)
    assert User.objects.values().get() == before
    assert event_types() == ["user.account_exists"]
    assert Event.objects.values_list("target_id", "actor").get() == (alice.id, "guest")
    assert login().status_code == 200
    assert login(password="some-Other-secret-1").status_code == 401


def test_both_answers_cost_one_hash(api, alice, hashes):
    api.post("/auth/register/", BODY)
    known = hashes.calls
    api.post("/auth/register/", {**BODY, "email": "new@example.com"})
    assert (known, hashes.calls - known) == (1, 1)


def test_the_owner_of_a_disabled_account_gets_no_mail(api, alice):
    User.objects.update(is_active=False)
    response = api.post("/auth/register/", BODY)
    assert (response.status_code, response.json(), event_types()) == (201, ANSWER, [])


def test_a_shop_may_tell_that_an_address_is_taken(api, alice, settings):
    settings.REGISTRATION_TELLS_EMAIL_TAKEN = True
    response = api.post("/auth/register/", BODY)
    assert (response.status_code, errors_of(response)) == (400, [("/email", "email_taken")])
    assert (User.objects.count(), event_types()) == (1, [])


def test_registering_merges_no_cart_for_that_would_tell_whether_the_address_was_new(api, alice):
    from apps.cart.models import Cart
    from tests.factories import sellable

    variant = sellable()
    answers = []
    for email in (EMAIL, "new@example.com"):
        token = ApiClient().post("/cart/items/", {"sku": variant.sku, "quantity": 1}).json()["token"]
        api.post("/auth/register/", {**BODY, "email": email}, X_Cart_Token=token)
        answers.append(ApiClient().get("/cart/", X_Cart_Token=token).json()["item_count"])
    assert answers == [1, 1]
    assert Cart.objects.filter(user=None).count() == 2


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Alice@Example.COM", "alice@example.com"),
        ("  alice@example.com ", "alice@example.com"),
        ("alice@b\u00fccher.example", "alice@xn--bcher-kva.example"),
        ("alice@xn--bcher-kva.example", "alice@xn--bcher-kva.example"),
        ("alice@B\u00dcCHER.example", "alice@xn--bcher-kva.example"),
        ("alice+shop@example.com", "alice+shop@example.com"),
    ],
)
def test_an_address_has_one_form(api, typed, stored):
    response = api.post("/auth/register/", {**BODY, "email": typed})
    assert (response.status_code, response.json()["email"]) == (201, stored)
    assert User.objects.get().email == stored
    assert login(email=typed).status_code == 200


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "alice",
        "alice@",
        "@example.com",
        "alice@example",
        "alice@exa mple.com",
        "alice@example.com\r\nBcc: x@example.com",
        "\u212aate@example.com",
        "al\u0131ce@example.com",
        '"a b"@example.com',
        "alice@[127.0.0.1]",
        "a" * 250 + "@example.com",
        "a" * 65 + "@" + "b" * 300 + ".com",
        "alice@" + "\u00fc" * 100 + ".com",
        "alice@example..com",
        "alice@-example.com",
    ],
)
def test_what_is_no_plain_address_is_refused(api, typed):
    response = api.post("/auth/register/", {**BODY, "email": typed})
    assert code(response) == (400, "validation_error")
    assert {pointer for pointer, _ in errors_of(response)} == {"/email"}
    assert (User.objects.count(), event_types()) == (0, [])


@pytest.mark.parametrize(
    ("password", "errors"),
    [
        ("aB3$xyz", ["password_too_short"]),
        ("password123", ["password_too_common"]),
        ("9348751029384", ["password_entirely_numeric"]),
        ("alice@example.com", ["password_too_similar"]),
        ("12345678", ["password_too_common", "password_entirely_numeric"]),
    ],
)
def test_a_weak_password_says_why(api, password, errors):
    response = api.post("/auth/register/", {**BODY, "password": password})
    assert code(response) == (400, "weak_password")
    assert errors_of(response) == [("/password", each) for each in errors]
    assert (User.objects.count(), event_types()) == (0, [])


def test_a_weak_password_is_refused_the_same_for_a_known_address(api, alice):
    answers = [
        without_id(api.post("/auth/register/", {**BODY, "email": email, "password": "password123"}))
        for email in (EMAIL, "new@example.com")
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("length", "status"), [(128, 201), (129, 400)])
def test_a_password_has_at_most_128_characters(api, length, status, hashes):
    response = api.post("/auth/register/", {**BODY, "password": "aB3$" * 32 + "x" * (length - 128)})
    assert (response.status_code, hashes.calls) == (status, 1 if status == 201 else 0)


def test_blanks_around_a_password_belong_to_it(api):
    api.post("/auth/register/", {**BODY, "password": f" {PASSWORD} "})
    assert (login().status_code, login(password=f" {PASSWORD} ").status_code) == (401, 200)


@pytest.mark.parametrize("field", ["first_name", "last_name"])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Win at http://evil.example", "link"),
        ("evil.example", "link"),
        ("www.evil", "link"),
        ("x.com", "link"),
        ("evil\uff0eexample", "link"),
        ("evil\u3002com", "link"),
        ("me@evil.example", "link"),
        ("<b>Alice</b>", "link"),
        ("Alice\r\nBcc: x", "control_character"),
        ("Alice\u202egnp", "control_character"),
        ("A" * 81, "max_length"),
    ],
)
def test_a_name_that_a_mail_could_turn_into_a_link_is_refused(api, field, name, error):
    response = api.post("/auth/register/", {**BODY, field: name})
    assert (response.status_code, errors_of(response)) == (400, [(f"/{field}", error)])
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    "name",
    [
        "St. John",
        "J.R. Smith",
        "O\u2019Brien-\u00c5ngstr\u00f6m",
        "\u674e\u5c0f\u9f99",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "Jr.",
        "D'Arc",
    ],
)
def test_names_of_people_are_accepted(api, name):
    assert api.post("/auth/register/", {**BODY, "first_name": name}).status_code == 201
    assert User.objects.get().first_name == name


def test_registering_is_limited_by_address_of_the_caller_before_anything_is_hashed(api, limits, hashes):
    limits(register=(3, 60))
    answers = [api.post("/auth/register/", {**BODY, "email": f"new{n}@example.com"}) for n in range(5)]
    assert [each.status_code for each in answers] == [201, 201, 201, 429, 429]
    assert int(answers[3]["Retry-After"]) <= 60
    assert (hashes.calls, User.objects.count()) == (3, 3)


def test_registering_one_address_is_limited_from_many_addresses_too(api, limits, alice, settings):
    limits(register=(3, 60))
    settings.TRUSTED_PROXIES = 1
    answers = [api.post("/auth/register/", BODY, X_Forwarded_For=f"203.0.113.{n}") for n in range(5)]
    assert [each.status_code for each in answers] == [201, 201, 201, 429, 429]
    assert event_types() == ["user.account_exists"] * 3
