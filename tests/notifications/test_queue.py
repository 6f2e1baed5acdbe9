"""The queue: one row per cause, a hint after commit, and sending again."""

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common import nudge
from apps.common.errors import NotFound
from apps.common.models import Event, new_id
from apps.notifications.models import Notification
from apps.notifications.services import queue, sending
from apps.notifications.services.queue import TASKS, StillWaiting, enqueue, send_again
from config.celery import app
from tests.factories import UserFactory
from tests.notifications.steps import message

pytestmark = pytest.mark.django_db


@pytest.fixture
def hints(monkeypatch):
    sent = []
    monkeypatch.setattr(nudge, "send", lambda task, *args: sent.append((task, *args)))
    return sent


def test_a_message_is_queued_and_the_workers_are_told_after_commit(hints, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        made = enqueue(kind="welcome", email="ada@example.com", dedupe_key="one")
        assert hints == []
    row = Notification.objects.get()
    assert (row.pk, row.status, row.attempts, row.sent_at) == (made, "pending", 0, None)
    assert hints == [("send_welcome_email", str(made))]


def test_the_same_cause_again_changes_nothing(hints, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(kind="welcome", email="ada@example.com", dedupe_key="one")
        assert enqueue(kind="welcome", email="eve@example.com", dedupe_key="one") is None
    assert Notification.objects.get().email == "ada@example.com"
    assert len(hints) == 1


def test_a_rolled_back_cause_queues_nothing(hints, django_capture_on_commit_callbacks):
    @transaction.atomic
    def fail_after_queueing():
        enqueue(kind="welcome", email="ada@example.com", dedupe_key="one")
        raise ZeroDivisionError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError):
        fail_after_queueing()
    assert (Notification.objects.count(), hints) == (0, [])


def test_a_dead_broker_delays_a_mail_and_never_loses_it(settings, monkeypatch, django_capture_on_commit_callbacks):
    settings.EVENT_NUDGES = True
    refused = []

    def send_task(name, **kwargs):
        refused.append((name, *kwargs["args"]))
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(nudge.current_app, "send_task", send_task)
    with django_capture_on_commit_callbacks(execute=True):
        made = enqueue(kind="account_exists", email="ada@example.com", user_id=UserFactory().pk, dedupe_key="one")
    assert nudge.flush(5)
    assert refused == [("send_account_exists_email", str(made))]
    assert mail.outbox == []
    assert sending.send_due() == 1
    assert [sent.to for sent in mail.outbox] == [["ada@example.com"]]


def test_every_kind_has_its_task():
    app.loader.import_default_modules()
    assert set(TASKS) == set(Notification.Kind.values)
    assert set(TASKS.values()) == {
        "send_verification_email",
        "send_password_reset_email",
        "send_welcome_email",
        "send_account_exists_email",
        "send_order_confirmation",
        "send_order_shipped",
        "send_order_ready_for_pickup",
        "send_order_delivered",
        "send_order_cancelled",
        "send_order_expiring",
        "send_late_orders",
        "send_return_requested",
        "send_return_approved",
        "send_return_rejected",
        "send_return_received",
        "send_return_completed",
        "send_stock_digest_email",
        "send_invoice",
        "send_credit_note",
        "send_cart_recovery",
    }
    assert {*TASKS.values(), "send_pending_notifications"} <= set(app.tasks)


@pytest.mark.parametrize(("status", "sent"), [("sent", False), ("pending", True), ("dead", True)])
def test_the_database_refuses_sent_without_a_time_and_a_time_without_sent(status, sent):
    with pytest.raises(IntegrityError, match="sent_has_its_time"):
        message(status=status, sent_at=timezone.now() if sent else None)


@pytest.mark.parametrize("status", ["sent", "dead"])
def test_sending_again_queues_a_copy_and_leaves_a_trace(status, hints):
    staff = UserFactory(is_staff=True)
    sent_at = timezone.now() if status == "sent" else None
    old = message(status=status, sent_at=sent_at, kind="order_shipped", target_id=new_id(), data={"shipment_id": "x"})
    copy = Notification.objects.get(pk=send_again(notification_id=old.pk, actor=staff))
    assert (copy.status, copy.attempts, copy.read_at) == ("pending", 0, None)
    for name in ("kind", "email", "user_id", "target_id", "data", "channel"):
        assert getattr(copy, name) == getattr(old, name)
    event = Event.objects.get(type="notification.sent_again")
    assert (event.target_id, event.actor_id, event.data) == (old.pk, staff.pk, {"copy_id": str(copy.pk)})


def test_a_double_click_sends_again_once():
    staff, old = UserFactory(is_staff=True), message(status="dead")
    assert send_again(notification_id=old.pk, actor=staff) is not None
    assert send_again(notification_id=old.pk, actor=staff) is None
    assert Notification.objects.count() == 2
    assert Event.objects.filter(type="notification.sent_again").count() == 1


@pytest.mark.parametrize("status", ["pending", "sending"])
def test_what_is_still_on_its_way_is_not_sent_again(status):
    old = message(status=status)
    with pytest.raises(StillWaiting):
        send_again(notification_id=old.pk, actor=UserFactory())
    assert (Notification.objects.count(), Event.objects.count()) == (1, 0)


def test_what_does_not_exist_is_not_sent_again():
    with pytest.raises(NotFound):
        queue.send_again(notification_id=new_id(), actor=UserFactory())
    assert Notification.objects.count() == 0
