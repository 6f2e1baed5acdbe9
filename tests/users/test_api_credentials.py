"""Mailed links and passwords over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.users.models import EmailVerificationToken, PasswordResetToken, Session, User
from apps.users.services import mailed_tokens, passwords
from tests.client import ApiClient, code
from tests.factories import PASSWORD, UserFactory
from tests.users.steps import EMAIL, NEW_PASSWORD, errors_of, event_types, login, signed_in

pytestmark = pytest.mark.django_db
ACCEPTED = {"detail": "If there is such an account, a mail is on its way."}


@pytest.fixture
def unverified(alice: User) -> User:
    alice.email_verified_at = None
    alice.save()
    return alice


def reset_token(user: User) -> str:
    return mailed_tokens.issue_password_reset(user_id=user.id).raw


def confirm_reset(token: str, password: str = NEW_PASSWORD):
    return ApiClient().post("/auth/password/reset/confirm/", {"token": token, "password": password})


def verify(token: str):
    return ApiClient().post("/auth/email/verify/", {"token": token})


# --- the tokens


@pytest.mark.parametrize(
    ("issue", "model", "page", "lifetime"),
    [
        (mailed_tokens.issue_email_verification, EmailVerificationToken, "/verify-email", timedelta(hours=48)),
        (mailed_tokens.issue_password_reset, PasswordResetToken, "/reset-password", timedelta(minutes=60)),
    ],
)
def test_a_token_is_random_stored_as_digest_alone_and_replaces_the_older(alice, issue, model, page, lifetime):
    older, issued = issue(user_id=alice.id), issue(user_id=alice.id)
    assert len(issued.raw) == 43
    assert older.raw != issued.raw
    assert issued.link_path == f"{page}?token={issued.raw}"
    row = model.objects.get()
    assert row.expires_at == issued.expires_at
    assert timedelta(0) <= timezone.now() + lifetime - row.expires_at < timedelta(seconds=10)
    assert issued.raw not in str(model.objects.values().get())


# --- proving an address


def test_a_mailed_link_proves_the_address_once(unverified):
    token = mailed_tokens.issue_email_verification(user_id=unverified.id).raw
    response = verify(token)
    assert (response.status_code, response.json()) == (200, {"email": EMAIL, "email_verified": True})
    unverified.refresh_from_db()
    assert unverified.email_verified_at is not None
    assert event_types() == ["user.email_verified"]
    again = verify(token)
    assert (code(again), errors_of(again)) == ((400, "token_invalid"), [("/token", "token_invalid")])
    assert event_types() == ["user.email_verified"]


def test_an_expired_link_is_gone_and_proves_nothing(unverified):
    token = mailed_tokens.issue_email_verification(user_id=unverified.id).raw
    EmailVerificationToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code(verify(token)) == (410, "token_expired")
    unverified.refresh_from_db()
    assert (unverified.email_verified_at, event_types()) == (None, [])


def test_a_link_for_an_address_that_the_account_has_no_more_proves_nothing(unverified):
    token = mailed_tokens.issue_email_verification(user_id=unverified.id).raw
    User.objects.update(email="new@example.com")
    assert code(verify(token)) == (400, "token_invalid")
    assert User.objects.get().email_verified_at is None


def test_a_link_of_a_disabled_account_or_of_nobody_is_refused(unverified):
    token = mailed_tokens.issue_email_verification(user_id=unverified.id).raw
    User.objects.update(is_active=False)
    assert [code(verify(each)) for each in (token, "nonsense")] == [(400, "token_invalid")] * 2
    assert User.objects.get().email_verified_at is None


def test_a_reset_token_proves_no_address_and_the_other_way_round(unverified):
    verification = mailed_tokens.issue_email_verification(user_id=unverified.id).raw
    assert code(verify(reset_token(unverified))) == (400, "token_invalid")
    assert code(confirm_reset(verification)) == (400, "token_invalid")
    assert login().status_code == 200


def test_resend_answers_the_same_for_everyone_and_mails_the_unverified_alone(api, unverified):
    UserFactory(email="done@example.com")
    UserFactory(email="gone@example.com", email_verified_at=None, is_active=False)
    answers = [
        api.post("/auth/email/resend/", {"email": email})
        for email in ("nobody@example.com", "done@example.com", "gone@example.com", EMAIL.upper())
    ]
    assert [(each.status_code, each.json()) for each in answers] == [(202, ACCEPTED)] * 4
    assert Event.objects.values_list("type", "target_id", "actor").get() == (
        "user.email_verification_requested",
        unverified.id,
        "guest",
    )


# --- the forgotten password


def test_a_reset_request_answers_the_same_for_everyone_and_mails_live_accounts_alone(api, alice):
    UserFactory(email="gone@example.com", is_active=False)
    answers = [
        api.post("/auth/password/reset/", {"email": email})
        for email in ("nobody@example.com", "gone@example.com", EMAIL.upper())
    ]
    assert [(each.status_code, each.json()) for each in answers] == [(202, ACCEPTED)] * 3
    assert Event.objects.values_list("type", "target_id").get() == ("user.password_reset_requested", alice.id)
    assert PasswordResetToken.objects.count() == 0


@pytest.mark.parametrize("path", ["/auth/password/reset/", "/auth/email/resend/"])
def test_asking_for_mails_is_limited_by_caller_and_by_mailbox_known_or_not(api, unverified, limits, settings, path):
    limits(reset=(2, 3600))
    settings.TRUSTED_PROXIES = 1
    for email in (EMAIL, "nobody@example.com"):
        answers = [
            api.post(path, {"email": email}, X_Forwarded_For=f"203.0.113.{n}").status_code for n in range(100, 104)
        ]
        assert answers[:2] == [202, 202] if email == EMAIL else True
        assert answers[2:] == [429, 429]
    assert len(event_types()) == 2
    same_caller = [api.post(path, {"email": f"u{n}@example.com"}).status_code for n in range(3)]
    assert same_caller == [202, 202, 429]


def test_a_reset_sets_the_password_ends_every_session_and_proves_the_address(unverified):
    sessions = [login().json(), login().json()]
    token = reset_token(unverified)
    response = confirm_reset(token)
    assert (response.status_code, response.content) == (204, b"")
    assert [code(signed_in(pair).get("/users/me/")) for pair in sessions] == [(401, "token_invalid")] * 2
    assert (login().status_code, login(password=NEW_PASSWORD).json()["user"]["email_verified"]) == (401, True)
    assert event_types() == ["user.password_changed", "user.email_verified"]
    assert code(confirm_reset(token, "third-Passphrase-3")) == (400, "token_invalid")
    assert login(password=NEW_PASSWORD).status_code == 200


def test_a_reset_of_a_proven_account_proves_it_no_second_time(alice):
    proven_at = alice.email_verified_at
    confirm_reset(reset_token(alice))
    alice.refresh_from_db()
    assert (alice.email_verified_at, event_types()) == (proven_at, ["user.password_changed"])


def test_a_refused_password_leaves_the_reset_link_good(alice):
    token = reset_token(alice)
    weak = confirm_reset(token, "password123")
    assert (code(weak), errors_of(weak)) == ((400, "weak_password"), [("/password", "password_too_common")])
    similar = confirm_reset(token, "alice@example.com")
    assert errors_of(similar) == [("/password", "password_too_similar")]
    assert confirm_reset(token).status_code == 204


def test_an_expired_reset_link_is_gone_and_costs_no_hash(alice, hashes):
    token = reset_token(alice)
    PasswordResetToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code(confirm_reset(token)) == (410, "token_expired")
    assert code(confirm_reset("nonsense")) == (400, "token_invalid")
    assert hashes.calls == 0
    assert login().status_code == 200


def test_a_reset_link_of_a_disabled_account_is_refused(alice):
    token = reset_token(alice)
    User.objects.update(is_active=False)
    assert code(confirm_reset(token)) == (400, "token_invalid")


def test_two_uses_of_one_reset_link_at_once_change_the_password_once(alice, monkeypatch):
    token = reset_token(alice)
    strong = passwords.require_strength

    def while_another_is_faster(password: str, *, user: User) -> None:
        monkeypatch.setattr(passwords, "require_strength", strong)
        assert confirm_reset(token, "faster-Passphrase-1").status_code == 204

    monkeypatch.setattr(passwords, "require_strength", while_another_is_faster)
    assert code(confirm_reset(token)) == (400, "token_invalid")
    assert login(password="faster-Passphrase-1").status_code == 200


# --- the changed password


def change(client: ApiClient, current: str = PASSWORD, password: str = NEW_PASSWORD):
    return client.post("/auth/password/change/", {"current_password": current, "password": password})


def test_a_change_ends_the_other_sessions_and_outstanding_reset_links(alice):
    mine, other = login().json(), login().json()
    link = reset_token(alice)
    response = change(signed_in(mine))
    assert (response.status_code, response.content) == (204, b"")
    assert signed_in(mine).get("/users/me/").status_code == 200
    assert ApiClient().post("/auth/refresh/", {"refresh": mine["refresh"]}).status_code == 200
    assert code(signed_in(other).get("/users/me/")) == (401, "token_invalid")
    assert code(ApiClient().post("/auth/refresh/", {"refresh": other["refresh"]})) == (401, "token_invalid")
    assert code(confirm_reset(link)) == (400, "token_invalid")
    assert (login().status_code, login(password=NEW_PASSWORD).status_code) == (401, 200)
    assert event_types() == ["user.password_changed"]


@pytest.mark.parametrize(
    ("current", "password", "problem_code", "errors"),
    [
        (
            "wrong-password",
            NEW_PASSWORD,
            "current_password_invalid",
            [("/current_password", "current_password_invalid")],
        ),
        (PASSWORD, "password123", "weak_password", [("/password", "password_too_common")]),
        ("", NEW_PASSWORD, "validation_error", [("/current_password", "blank")]),
        (PASSWORD, "x" * 129, "validation_error", [("/password", "max_length")]),
    ],
)
def test_a_refused_change_changes_nothing(alice, current, password, problem_code, errors):
    client, other = signed_in(login().json()), login().json()
    response = change(client, current, password)
    assert (code(response), errors_of(response)) == ((400, problem_code), errors)
    assert signed_in(other).get("/users/me/").status_code == 200
    assert (login().status_code, event_types()) == (200, [])


def test_guesses_of_the_present_password_count_with_the_accounts_sign_ins(alice, limits, hashes):
    client = ApiClient(alice)
    limits(login_account=(3, 60))
    answers = [change(client, "wrong-password").status_code for _ in range(5)]
    assert (answers, hashes.calls) == ([400, 400, 400, 429, 429], 3)
    assert login().status_code == 429


def test_a_change_that_a_reset_overtook_is_refused(alice, monkeypatch):
    client = ApiClient(alice)
    strong = passwords.require_strength

    def while_the_owner_resets(password: str, *, user: User) -> None:
        monkeypatch.setattr(passwords, "require_strength", strong)
        assert confirm_reset(reset_token(alice), "the-owners-Passphrase-1").status_code == 204

    monkeypatch.setattr(passwords, "require_strength", while_the_owner_resets)
    assert code(change(client)) == (400, "current_password_invalid")
    assert login(password="the-owners-Passphrase-1").status_code == 200
    assert Session.objects.filter(revoked_at=None).count() == 1


def test_a_password_set_anywhere_else_ends_the_sessions_too(alice):
    pair = login().json()
    alice.set_password(NEW_PASSWORD)
    alice.save()
    assert code(signed_in(pair).get("/users/me/")) == (401, "token_invalid")


def test_a_first_password_is_no_changed_one(django_assert_num_queries):
    with django_assert_num_queries(2):
        User.objects.create_user("new@example.com", PASSWORD)
