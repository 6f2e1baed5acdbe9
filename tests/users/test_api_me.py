"""The signed-in person's profile and preferences."""

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.users.models import User, UserProfile
from tests.client import ApiClient, code
from tests.users.steps import EMAIL, errors_of, event_types

pytestmark = pytest.mark.django_db


@pytest.fixture
def me(alice: User) -> ApiClient:
    return ApiClient(alice)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/users/me/"),
        ("patch", "/users/me/"),
        ("get", "/users/me/preferences/"),
        ("patch", "/users/me/preferences/"),
        ("post", "/auth/password/change/"),
    ],
)
def test_nobody_else_reads_or_changes_it(api, alice, method, path):
    before = User.objects.values().get()
    assert code(getattr(api, method)(path)) == (401, "authentication_required")
    assert User.objects.values().get() == before


def test_a_profile_is_read_and_changed(me, alice):
    changes = {"first_name": "Al", "last_name": "", "phone": "+1 212 555 0123", "language": "en", "currency": "USD"}
    response = me.patch("/users/me/", changes)
    assert response.status_code == 200
    assert response.json() == {
        "id": str(alice.id),
        "email": EMAIL,
        "email_verified": True,
        "first_name": "Al",
        "last_name": "",
        "phone": "+12125550123",
        "language": "en",
        "currency": "USD",
        "is_staff": False,
        "created_at": response.json()["created_at"],
    }
    read = me.get("/users/me/")
    assert (read.json(), read["ETag"]) == (response.json(), response["ETag"])


def test_an_unchanged_profile_is_not_sent_again(me):
    etag = me.get("/users/me/")["ETag"]
    again = me.get("/users/me/", If_None_Match=etag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)


def test_a_change_over_somebody_elses_is_refused(me, alice):
    etag = me.get("/users/me/")["ETag"]
    assert me.patch("/users/me/", {"first_name": "Al"}, If_Match=etag).status_code == 200
    assert code(me.patch("/users/me/", {"first_name": "Bo"}, If_Match=etag)) == (412, "precondition_failed")
    assert me.patch("/users/me/", {"first_name": "Cy"}, If_Match="*").status_code == 200
    alice.refresh_from_db()
    assert alice.first_name == "Cy"


def test_an_empty_change_changes_nothing(me):
    before = (User.objects.values().get(), UserProfile.objects.values().get())
    assert me.patch("/users/me/", {}).status_code == 200
    assert (User.objects.values().get(), UserProfile.objects.values().get()) == before


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"phone": "12"}, [("/phone", "invalid")]),
        ({"phone": "2125550123"}, [("/phone", "invalid")]),
        ({"phone": "+1212555012345678901"}, [("/phone", "invalid")]),
        ({"language": "tlh"}, [("/language", "invalid_choice")]),
        ({"currency": "XXX"}, [("/currency", "unsupported_currency")]),
        ({"first_name": "http://evil.example"}, [("/first_name", "link")]),
        ({"last_name": None}, [("/last_name", "null")]),
        ({"email": "new@example.com"}, [("/email", "unknown_field")]),
        ({"is_superuser": True}, [("/is_superuser", "unknown_field")]),
        ({"email_verified": True}, [("/email_verified", "unknown_field")]),
    ],
)
def test_a_refused_change_changes_nothing(me, changes, errors):
    before = (User.objects.values().get(), UserProfile.objects.values().get())
    response = me.patch("/users/me/", changes)
    assert (response.status_code, errors_of(response)) == (400, errors)
    assert (User.objects.values().get(), UserProfile.objects.values().get()) == before


def test_a_phone_can_be_taken_away(me):
    me.patch("/users/me/", {"phone": "+12125550123"})
    assert me.patch("/users/me/", {"phone": ""}).json()["phone"] == ""


def test_consent_is_noted_with_its_time_and_in_the_audit_trail(me, alice):
    assert me.get("/users/me/preferences/").json() == {"marketing_email": False, "marketing_email_changed_at": None}
    before = timezone.now()
    given = me.patch("/users/me/preferences/", {"marketing_email": True})
    assert (given.status_code, given.json()["marketing_email"]) == (200, True)
    profile = UserProfile.objects.get()
    assert before <= profile.marketing_email_changed_at <= timezone.now()
    assert me.get("/users/me/preferences/").json() == given.json()
    me.patch("/users/me/preferences/", {"marketing_email": False})
    events = Event.objects.order_by("id").values_list("type", "target_id", "actor_id", "data")
    assert list(events) == [
        ("user.consent_changed", alice.id, alice.id, {"marketing_email": True}),
        ("user.consent_changed", alice.id, alice.id, {"marketing_email": False}),
    ]


@pytest.mark.parametrize("body", [{}, {"marketing_email": False}])
def test_what_changes_no_consent_is_not_noted(me, body):
    response = me.patch("/users/me/preferences/", body)
    assert response.json() == {"marketing_email": False, "marketing_email_changed_at": None}
    assert event_types() == []


@pytest.mark.parametrize("value", ["true", 1, None])
def test_consent_is_true_or_false(me, value):
    assert me.patch("/users/me/preferences/", {"marketing_email": value}).status_code == 400
    assert (UserProfile.objects.get().marketing_email, event_types()) == (False, [])


def test_a_consent_over_somebody_elses_is_refused(me):
    etag = me.get("/users/me/preferences/")["ETag"]
    me.patch("/users/me/preferences/", {"marketing_email": True})
    response = me.patch("/users/me/preferences/", {"marketing_email": False}, If_Match=etag)
    assert code(response) == (412, "precondition_failed")
    assert UserProfile.objects.get().marketing_email is True
