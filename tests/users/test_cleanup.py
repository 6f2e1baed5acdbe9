"""Housekeeping: what has had its time goes, everything else stays."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session as StaffSession
from django.utils import timezone

from apps.common import housekeeping
from apps.common.models import IdempotencyKey, RateWindow
from apps.users.models import EmailVerificationToken, PasswordResetToken, Session, User
from apps.users.services import mailed_tokens, tokens
from apps.users.tasks import cleanup_expired_tokens
from tests.users.steps import login

pytestmark = pytest.mark.django_db
NOTHING = {
    "sessions": 0,
    "email_tokens": 0,
    "reset_tokens": 0,
    "staff_sessions": 0,
    "idempotency_keys": 0,
    "rate_windows": 0,
    "jobs": 0,
}


def test_expired_rows_go_and_live_ones_stay(alice):
    now = timezone.now()
    live = login().json()
    for _ in range(3):
        tokens.open_session(user=alice, user_agent="old", ip=None)
    Session.objects.filter(user_agent="old").update(expires_at=now - timedelta(seconds=1))
    revoked = tokens.open_session(user=alice, user_agent="revoked", ip=None)
    tokens.end_sessions(user_id=alice.id, only=revoked.session_id, reason="signed out")
    RateWindow.objects.all().delete()
    RateWindow.objects.create(key="old", count=1, expires_at=now - timedelta(seconds=1))
    RateWindow.objects.create(key="new", count=1, expires_at=now + timedelta(seconds=60))
    IdempotencyKey.objects.create(scope="s", key="old", fingerprint="f")
    IdempotencyKey.objects.update(created_at=now - timedelta(hours=25))
    IdempotencyKey.objects.create(scope="s", key="new", fingerprint="f")
    for key, expires in (("old", now - timedelta(days=1)), ("new", now + timedelta(days=1))):
        StaffSession.objects.create(session_key=key, session_data="", expire_date=expires)

    assert cleanup_expired_tokens() == {
        **NOTHING,
        "sessions": 3,
        "staff_sessions": 1,
        "idempotency_keys": 1,
        "rate_windows": 1,
    }
    assert set(Session.objects.values_list("user_agent", flat=True)) == {"", "revoked"}
    assert tokens.session_of_access(live["access"]).user_id == alice.id
    assert RateWindow.objects.get().key == "new"
    assert IdempotencyKey.objects.get().key == "new"
    assert StaffSession.objects.get().session_key == "new"
    assert cleanup_expired_tokens() == NOTHING


def test_an_expired_link_is_told_apart_for_a_week(alice):
    now = timezone.now()
    mailed_tokens.issue_email_verification(user_id=alice.id)
    mailed_tokens.issue_password_reset(user_id=alice.id)
    for model, name in ((EmailVerificationToken, "email_tokens"), (PasswordResetToken, "reset_tokens")):
        model.objects.update(expires_at=now - timedelta(days=6, hours=23))
        assert cleanup_expired_tokens() == NOTHING
        model.objects.update(expires_at=now - timedelta(days=7, seconds=1))
        assert cleanup_expired_tokens() == {**NOTHING, name: 1}
        assert model.objects.count() == 0
    assert User.objects.count() == 1


def test_many_rows_go_in_batches(django_assert_num_queries):
    ended = timezone.now() - timedelta(seconds=1)
    RateWindow.objects.bulk_create(RateWindow(key=f"k{n}", count=1, expires_at=ended) for n in range(7))
    with django_assert_num_queries(6):
        assert housekeeping.delete_in_batches(RateWindow.objects.filter(expires_at__lt=timezone.now()), size=3) == 7
    assert RateWindow.objects.count() == 0


def test_a_row_renewed_between_look_and_deletion_stays(monkeypatch):
    ended = timezone.now() - timedelta(seconds=1)
    RateWindow.objects.create(key="k", count=1, expires_at=ended)
    rows = RateWindow.objects.filter(expires_at__lt=timezone.now())
    narrowed = type(rows).filter

    def renewed_first(self, *args: object, **kwargs: object):
        if "pk__in" in kwargs:
            RateWindow.objects.update(expires_at=timezone.now() + timedelta(seconds=60))
        return narrowed(self, *args, **kwargs)

    monkeypatch.setattr(type(rows), "filter", renewed_first)
    assert housekeeping.delete_in_batches(rows) == 0
    assert RateWindow.objects.count() == 1
