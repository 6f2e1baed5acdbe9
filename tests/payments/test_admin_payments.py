"""Payments in the admin: to be read; money moves by the API's own services."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services import sweep
from tests.factories import UserFactory, shop_rates
from tests.payments.ledger import confirm, intent_for, order_to_pay

pytestmark = pytest.mark.django_db
LIST = "/admin/payments/payment/"


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def admin_with(*permissions: str, **fields: Any) -> Client:
    client = Client()
    user = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def act(client: Client, action: str, payment: Payment, **typed: str) -> str:
    body = {"action": action, "_selected_action": [str(payment.pk)]} | typed
    return client.post(LIST, body, follow=True).content.decode()


def paid() -> Payment:
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"])
    return Payment.objects.get(order=order)


def test_a_payment_is_refunded_in_full_once():
    payment = paid()
    staff = admin_with("view_payment", "add_refund")
    act(staff, "refund_in_full", payment)
    assert "not yet refunded" in act(staff, "refund_in_full", payment)
    assert [str(refund.amount) for refund in Refund.objects.all()] == ["59.8800"]


def test_without_the_right_there_is_no_refund():
    payment = paid()
    act(admin_with("view_payment"), "refund_in_full", payment)
    assert Refund.objects.count() == 0


def test_the_provider_is_asked_now():
    client, order = order_to_pay()
    intent_for(client, order)
    payment = Payment.objects.get()
    from apps.payments.gateways.registry import gateway

    gateway("stripe").confirm(
        payment.provider_reference, payment_method="pm_card_visa", return_url="https://shop.example/"
    )
    act(admin_with("view_payment"), "ask_provider", payment)
    order.refresh_from_db()
    assert order.status == "pending"
    act(admin_with("view_payment", "change_payment"), "ask_provider", payment)
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_a_provider_that_is_down_leaves_the_payment_for_the_next_sweep(stripe):
    client, order = order_to_pay()
    intent_for(client, order)
    stripe.control(
        "POST",
        "faults",
        {"path": "/v1/payment_intents/*", "method": "GET", "kind": "status", "status": 503, "times": 9},
    )
    Payment.objects.update(next_check_at=timezone.now())
    sweep.check(Payment.objects.get().pk)
    sweep.check(Payment.objects.get().pk)
    payment = Payment.objects.get()
    assert (payment.status, payment.checks) == ("created", 1)
    assert payment.next_check_at > timezone.now()


def test_a_dead_webhook_is_processed_again():
    event = WebhookEvent.objects.create(
        provider="stripe",
        provider_event_id="evt_1",
        type="x",
        payload={},
        status="dead",
        attempts=12,
        next_attempt_at=timezone.now(),
    )
    body = {"action": "process_again", "_selected_action": [str(event.pk)]}
    admin_with("view_webhookevent").post("/admin/payments/webhookevent/", body)
    event.refresh_from_db()
    assert event.status == "dead"
    admin_with("view_webhookevent", "change_webhookevent").post("/admin/payments/webhookevent/", body)
    event.refresh_from_db()
    assert (event.status, event.attempts) == ("received", 0)


@pytest.mark.parametrize("model", ["payment", "refund", "webhookevent"])
def test_lists_open_and_nothing_can_be_added_by_hand(model):
    payment = paid()
    boss = admin_with(is_superuser=True)
    assert boss.get(f"/admin/payments/{model}/").status_code == 200
    assert boss.get(f"/admin/payments/{model}/add/").status_code == 403
    assert boss.get(f"{LIST}{payment.pk}/change/").status_code == 200
    assert boss.post(f"{LIST}{payment.pk}/change/", {"captured": "0"}).status_code == 403
    assert boss.post(f"{LIST}{payment.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Payment.objects.get().captured == payment.captured


def held() -> Payment:
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"])
    return Payment.objects.get(order=order)


def test_staff_capture_a_part_void_and_refund_an_amount(stripe, settings):
    settings.PAYMENT_CAPTURE = "manual"
    staff = admin_with("view_payment", "change_payment", "add_refund")
    payment, other = held(), held()
    assert "more than what the bank holds" in act(staff, "capture", payment, amount="60")
    for wrong in ("-1", "0"):
        assert "Amount:" in act(staff, "capture", payment, amount=wrong)
    for unreadable in ("x", "1.00001", "NaN"):
        assert "were taken" not in act(staff, "capture", payment, amount=unreadable)
    assert "$20.00 were taken" in act(staff, "capture", payment, amount="20")
    assert "No money is held" in act(staff, "capture", payment)
    assert "lets go of the money" in act(staff, "void", other, text="Sold out")
    assert "$5.50 go back" in act(staff, "refund_amount", payment, amount="5.50", text="Scratched")
    payment.refresh_from_db()
    other.refresh_from_db()
    assert (payment.status, payment.captured, payment.refunded) == ("succeeded", 20, Decimal("5.50"))
    assert (other.status, other.order.hold_reason) == ("cancelled", "Sold out")
    assert Refund.objects.get().reason == "Scratched"


def test_staff_note_money_that_came_by_hand(stripe):
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "manual", "method": "bank_transfer"}
    client.post("/payments/create-intent/", body)
    payment = Payment.objects.get()
    staff = admin_with("view_payment", "change_payment")
    assert "Give the reference" in act(staff, "mark_paid", payment, amount="5")
    assert "$5.00 are noted" in act(staff, "mark_paid", payment, amount="5", text="STMT-1")
    assert "$59.88 are noted" in act(staff, "mark_paid", payment, text="STMT-2")
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_who_may_only_look_takes_and_lets_go_of_nothing(stripe, settings):
    settings.PAYMENT_CAPTURE = "manual"
    payment = held()
    for action in ("capture", "void", "mark_paid", "refund_amount"):
        act(admin_with("view_payment"), action, payment, amount="1", text="x")
    payment.refresh_from_db()
    assert (payment.status, payment.captured, payment.capture_requested) == ("authorised", 0, None)
