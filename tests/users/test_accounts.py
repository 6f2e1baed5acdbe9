"""Accounts as rows: the form of the e-mail, the first password, the names."""

import pytest
from django.db import IntegrityError, transaction
from rest_framework.permissions import IsAuthenticated

from apps.users.api.views.me import Me
from apps.users.models import User, UserProfile
from apps.users.models.account import normalise_email
from tests.client import ApiClient
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def test_a_superuser_is_an_account_with_a_profile():
    user = User.objects.create_superuser("Boss@Example.com", PASSWORD)
    assert (user.email, user.is_staff, user.is_superuser) == ("boss@example.com", True, True)
    assert UserProfile.objects.get().user_id == user.id
    assert User.objects.get_by_natural_key("BOSS@example.com") == user


def test_an_account_without_a_password_lets_nobody_in():
    user = User.objects.create_user("robot@example.com")
    assert user.has_usable_password() is False
    response = ApiClient().post("/auth/login/", {"email": "robot@example.com", "password": user.password})
    assert response.status_code == 401


def test_the_database_keeps_addresses_lower_case_and_single():
    user = UserFactory(email="alice@example.com")
    with pytest.raises(IntegrityError, match="email_is_lower_case"), transaction.atomic():
        User.objects.filter(id=user.id).update(email="Alice@example.com")
    with pytest.raises(IntegrityError, match="email"), transaction.atomic():
        UserFactory(email="ALICE@example.com")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" A@B.C ", "a@b.c"),
        ("a@\u00fc.example", "a@xn--tda.example"),
        ("a@XN--TDA.example", "a@xn--tda.example"),
        ("a@.example", "a@.example"),
        ("no-address", "no-address"),
        ("", ""),
    ],
)
def test_an_address_is_normalised_once_and_stays_so(typed, kept):
    assert normalise_email(typed) == normalise_email(normalise_email(typed)) == kept


def test_people_are_called_by_their_names():
    user = User(email="a@example.com", first_name="Alice", last_name="Doe")
    assert (user.get_full_name(), user.get_short_name(), str(user)) == ("Alice Doe", "Alice", "a@example.com")
    assert User(email="a@example.com").get_short_name() == "a@example.com"


def test_a_refusal_by_the_framework_asks_for_a_token_too(api, monkeypatch):
    monkeypatch.setattr(Me, "permission_classes", [IsAuthenticated])
    response = api.get("/users/me/")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
