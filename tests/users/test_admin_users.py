"""Staff screens of people: the rules of the API hold there too."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from apps.common.models import Event
from apps.users.models import Address, Session, User, UserProfile
from apps.users.services import mailed_tokens
from tests.client import code
from tests.factories import ADDRESS, PASSWORD, UserFactory
from tests.users.steps import EMAIL, NEW_PASSWORD, event_types, login, signed_in

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> Client:
    """A superuser's browser."""
    return browser(UserFactory(email="boss@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def clerk() -> Client:
    """The browser of staff who may see and change accounts, and nothing more."""
    user = UserFactory(email="clerk@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="users", codename__endswith="_user"))
    return browser(user)


def page(user: User, name: str = "change") -> str:
    return reverse(f"admin:users_user_{name}", args=[user.pk])


def form_of(user: User, **changes: object) -> dict[str, object]:
    """What the browser posts from the change page."""
    fields = {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": "on",
        "profile-TOTAL_FORMS": "1",
        "profile-INITIAL_FORMS": "1",
        "profile-0-id": str(user.profile.id),
        "profile-0-user": str(user.id),
        "profile-0-phone": "",
        "sessions-TOTAL_FORMS": "0",
        "sessions-INITIAL_FORMS": "0",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def sign_in(client: Client, password: str = PASSWORD, email: str = "boss@example.com", **headers: str):
    return client.post(LOGIN, {"username": email, "password": password}, headers=headers)


# --- signing in


def test_staff_sign_in_with_their_e_mail_in_any_case(boss):
    response = sign_in(Client(), email="Boss@Example.com")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_customers_do_not_get_in(alice):
    client = Client()
    assert sign_in(client, email=EMAIL).status_code == 200
    assert client.get("/admin/").status_code == 302


def test_the_staff_door_shares_the_limit_of_the_api_and_hashes_no_more(boss, limits, hashes):
    limits(login_account=(3, 60))
    answers = [sign_in(Client(), "wrong-password") for _ in range(4)]
    assert [each.status_code for each in answers] == [200] * 4
    assert hashes.calls == 3
    assert b"Too many requests" in answers[3].content
    assert login("boss@example.com").status_code == 429
    assert b"Too many requests" in sign_in(Client()).content
    assert hashes.calls == 3


def test_a_correct_password_at_the_staff_door_clears_the_count(boss, limits):
    limits(login_account=(3, 60))
    for _ in range(2):
        sign_in(Client(), "wrong-password")
    assert sign_in(Client()).status_code == 302
    assert [login("boss@example.com", "wrong-one").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_an_endless_password_is_not_hashed(boss, hashes):
    assert sign_in(Client(), "x" * 129).status_code == 200
    assert hashes.calls == 0


# --- accounts


@pytest.mark.parametrize("model", ["user", "session", "address", "emailverificationtoken", "passwordresettoken"])
def test_every_list_and_page_shows(boss, alice, model):
    login()
    Address.objects.create(user=alice, **ADDRESS)
    raw = [
        mailed_tokens.issue_email_verification(user_id=alice.id),
        mailed_tokens.issue_password_reset(user_id=alice.id),
    ]
    listed = boss.get(reverse(f"admin:users_{model}_changelist"))
    row = listed.context["cl"].result_list[0]
    shown = boss.get(reverse(f"admin:users_{model}_change", args=[row.pk]))
    assert (listed.status_code, shown.status_code) == (200, 200)
    content = (listed.content + shown.content).decode()
    assert not [each for each in raw if each.raw in content]
    if model != "user":
        assert 'name="_save"' not in content
        assert boss.post(reverse(f"admin:users_{model}_change", args=[row.pk]), {}).status_code == 403


def test_an_account_is_added_with_a_profile_a_good_password_and_a_verification_mail(boss):
    form = {"email": "New@Example.com", "first_name": "", "last_name": "", "password1": PASSWORD, "password2": PASSWORD}
    assert boss.post(reverse("admin:users_user_add"), form).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (user.is_staff, user.email_verified_at, user.profile.language) == (False, None, "en")
    assert event_types() == ["user.registered", "user.email_verification_requested"]
    assert login("new@example.com").status_code == 200
    boss_id = User.objects.get(email="boss@example.com").id
    assert set(Event.objects.values_list("actor_id", flat=True)) == {boss_id}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "BOSS@example.com"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"password1": "password123", "password2": "password123"}, "password2"),
        ({"password1": "x" * 129, "password2": "x" * 129}, "password2"),
        ({"password1": "", "password2": "", "usable_password": "false"}, "password1"),
        ({"first_name": "evil.example"}, "first_name"),
    ],
)
def test_an_account_that_the_api_would_refuse_is_not_added(boss, changes, field):
    form = {"email": "new@example.com", "first_name": "", "last_name": "", "password1": PASSWORD, "password2": PASSWORD}
    response = boss.post(reverse("admin:users_user_add"), {**form, **changes})
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert (User.objects.count(), event_types()) == (1, [])


def test_a_disabled_account_loses_its_sessions_for_good(boss, alice):
    pair = login().json()
    assert boss.post(page(alice), form_of(alice, is_active=None)).status_code == 302
    assert boss.post(page(alice), form_of(alice)).status_code == 302
    alice.refresh_from_db()
    assert alice.is_active is True
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert Session.objects.get().revoked_reason == "account disabled"
    assert list(Event.objects.order_by("id").values_list("type", "data")) == [
        ("user.changed_by_staff", {"fields": ["is_active"]}),
        ("user.changed_by_staff", {"fields": ["is_active"]}),
    ]


def test_a_changed_address_has_to_be_proven_again_and_old_links_are_worthless(boss, alice):
    mailed_tokens.issue_password_reset(user_id=alice.id)
    mailed_tokens.issue_email_verification(user_id=alice.id)
    boss.post(page(alice), form_of(alice, email="Alice.New@Example.com"))
    alice.refresh_from_db()
    assert (alice.email, alice.email_verified_at) == ("alice.new@example.com", None)
    for model in ("emailverificationtoken", "passwordresettoken"):
        assert list(boss.get(reverse(f"admin:users_{model}_changelist")).context["cl"].result_list) == []


def test_staff_may_correct_the_phone_but_not_the_consent(boss, alice):
    form = form_of(alice, **{"profile-0-phone": "+12125550123", "profile-0-marketing_email": "on"})
    boss.post(page(alice), form)
    profile = UserProfile.objects.get(user=alice)
    assert (str(profile.phone), profile.marketing_email) == ("+12125550123", False)


def test_a_password_set_by_staff_ends_the_sessions_and_is_noted(boss, alice):
    pair = login().json()
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert boss.post(page(alice, "change").replace("change/", "password/"), form).status_code == 302
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert (login().status_code, login(password=NEW_PASSWORD).status_code) == (401, 200)
    assert Event.objects.values_list("type", "data").get() == ("user.changed_by_staff", {"fields": ["password"]})
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    "form",
    [
        {"password1": "password123", "password2": "password123"},
        {"password1": NEW_PASSWORD, "password2": "different-Passphrase-1"},
        {"usable_password": "false", "unset-password": "1", "password1": "", "password2": ""},
    ],
)
def test_a_password_that_the_api_would_refuse_is_not_set(boss, alice, form):
    pair = login().json()
    assert boss.post(page(alice).replace("change/", "password/"), form).status_code == 200
    assert signed_in(pair).get("/users/me/").status_code == 200
    assert (login().status_code, event_types()) == (200, [])


def test_staff_change_their_own_password_and_their_sessions_in_the_shop_end(boss):
    pair = login("boss@example.com").json()
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert boss.post("/admin/password_change/", form).status_code == 302
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert boss.get("/admin/").status_code == 200


def test_the_action_ends_the_sessions_of_the_chosen_accounts(boss, alice):
    pair, other = login().json(), UserFactory(email="bob@example.com")
    kept = login(other.email).json()
    url = reverse("admin:users_user_changelist")
    response = boss.post(url, {"action": "end_sessions", "_selected_action": [str(alice.id)]}, follow=True)
    assert b"1 sessions of 1 accounts have ended." in response.content
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")
    assert signed_in(kept).get("/users/me/").status_code == 200


def test_accounts_are_never_deleted(boss, alice):
    assert boss.get(page(alice, "delete")).status_code == 403
    boss.post(
        reverse("admin:users_user_changelist"), {"action": "delete_selected", "_selected_action": [str(alice.id)]}
    )
    assert User.objects.filter(id=alice.id).exists()


# --- powers


def test_a_clerk_edits_customers_but_hands_out_no_powers(clerk, alice):
    form = form_of(alice, first_name="Al", is_staff="on", is_superuser="on")
    assert clerk.post(page(alice), form).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.is_staff, alice.is_superuser) == ("Al", False, False)


def test_a_clerk_does_not_touch_colleagues_nor_himself(clerk, boss):
    for email in ("boss@example.com", "clerk@example.com"):
        user = User.objects.get(email=email)
        before = User.objects.values().get(id=user.id)
        assert clerk.post(page(user), form_of(user, is_active=None, is_superuser="on")).status_code == 403
        assert clerk.post(page(user).replace("change/", "password/"), {}).status_code == 403
        assert User.objects.values().get(id=user.id) == before


def test_a_clerk_does_not_end_the_sessions_of_colleagues(clerk, boss):
    pair = login("boss@example.com").json()
    chosen = str(User.objects.get(email="boss@example.com").id)
    clerk.post(reverse("admin:users_user_changelist"), {"action": "end_sessions", "_selected_action": [chosen]})
    assert signed_in(pair).get("/users/me/").status_code == 200


def test_roles_are_written_by_superusers_alone(clerk, boss):
    staff = User.objects.get(email="clerk@example.com")
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    assert clerk.post(reverse("admin:auth_group_add"), {"name": "Gods"}).status_code == 403
    assert Group.objects.count() == 0
    assert boss.post(reverse("admin:auth_group_add"), {"name": "Clerks"}).status_code == 302
    group = Group.objects.get()
    assert clerk.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "Gods"}).status_code == 403
    assert clerk.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    assert Group.objects.get().name == "Clerks"
