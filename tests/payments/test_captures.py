"""Money that is held first: taken in full or in part, let go, watched; and what a second way to pay leaves behind."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle, transitions
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, Refund
from apps.payments.tasks import process_pending_payments
from apps.products.models import StockLevel
from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_refunds import staff_client, usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe, settings) -> None:
    shop_rates()
    settings.PAYMENT_CAPTURE = "manual"


def authorised() -> tuple[ApiClient, Order, Payment]:
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"]).json()["status"] == "authorised"
    order.refresh_from_db()
    return client, order, Payment.objects.get(order=order)


def act(payment: Payment, what: str, body: dict[str, Any] | None = None) -> Any:
    return staff_client("change_payment").post(f"/admin/payments/{payment.pk}/{what}/", body or {})


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.payment_status


def test_held_money_confirms_the_order_and_sells_its_stock():
    _, order, payment = authorised()
    assert state(order) == ("confirmed", "authorised")
    assert (payment.authorised, payment.captured, payment.refundable) == (Decimal("59.88"), 0, 0)
    assert (StockLevel.objects.get().on_hand, StockLevel.objects.get().reserved) == (4, 0)
    assert list(payment.facts.values_list("kind", flat=True)) == ["authorised"]


def test_staff_take_all_of_it_once(stripe):
    _, order, payment = authorised()
    taken = act(payment, "capture")
    assert (taken.status_code, taken.json()["status"], taken.json()["captured"]) == (200, "succeeded", usd("59.88"))
    assert state(order) == ("confirmed", "paid")
    assert code(act(payment, "capture")) == (409, "invalid_transition")
    assert_books_agree(stripe)


def test_staff_take_a_part_and_the_rest_is_released(stripe):
    _, order, payment = authorised()
    assert act(payment, "capture", {"amount": usd("40.00")}).json()["authorised"] == usd("40.00")
    assert state(order) == ("confirmed", "partly_paid")
    payment.refresh_from_db()
    assert (payment.authorised, payment.captured) == (40, 40)
    assert order.hold_reason == "captured in part"
    with pytest.raises(lifecycle.OrderOnHold):
        transitions.transition(order_id=order.pk, to="shipped")
    assert_books_agree(stripe)


def test_what_is_cancelled_before_its_money_was_taken_is_off_the_invoice(deliver):
    client, order, _ = authorised()
    deliver()
    assert client.post(f"/orders/{order.pk}/cancel/", {}).status_code == 200
    deliver()
    documents = order.invoices.order_by("id")
    total = Decimal("59.88")
    assert list(documents.values_list("kind", "total")) == [("invoice", total), ("credit_note", total)]
    assert "Paid. Thank you." not in documents[0].content["notes"]


def test_more_than_is_held_is_refused_and_nothing_is_asked_for(stripe):
    _, _, payment = authorised()
    answer = act(payment, "capture", {"amount": usd("59.89")})
    assert code(answer) == (409, "amount_exceeds_authorised")
    assert answer.json()["authorised"] == usd("59.88")
    payment.refresh_from_db()
    assert (payment.capture_requested, payment.status) == (None, "authorised")


@pytest.mark.parametrize("amount", [usd("0.00"), {"amount": "5.00", "currency": "EUR"}])
def test_a_bad_amount_is_refused(amount):
    _, _, payment = authorised()
    assert act(payment, "capture", {"amount": amount}).status_code == 400
    assert Payment.objects.get().capture_requested is None


def test_shipping_takes_the_money(stripe, deliver):
    _, order, _ = authorised()
    transitions.transition(order_id=order.pk, to="shipped")
    deliver()
    process_pending_payments()
    assert state(order) == ("shipped", "paid")
    assert_books_agree(stripe)


def test_a_capture_whose_answer_is_lost_is_found_by_the_sweep_and_made_once(stripe):
    _, order, payment = authorised()
    stripe.control(
        "POST",
        "faults",
        {"path": "/v1/payment_intents/*/capture", "method": "POST", "kind": "answer_lost", "times": 3},
    )
    assert code(act(payment, "capture")) == (502, "payment_provider_error")
    assert state(order) == ("confirmed", "authorised")
    Payment.objects.update(next_check_at=timezone.now())
    process_pending_payments()
    assert state(order) == ("confirmed", "paid")
    assert_books_agree(stripe)


def test_letting_go_holds_the_order_back(stripe):
    _, order, payment = authorised()
    voided = act(payment, "void", {"reason": "Out of stock"})
    assert (voided.status_code, voided.json()["status"], voided.json()["authorised"]) == (200, "cancelled", usd("0.00"))
    assert state(order) == ("confirmed", "unpaid")
    assert order.held_at is not None
    assert act(payment, "void").status_code == 200
    assert code(act(payment, "capture")) == (409, "invalid_transition")
    assert [each["status"] for each in at_stripe(stripe, "payment_intent")] == ["canceled"]


def test_captured_money_cannot_be_let_go(stripe):
    _, order, payment = authorised()
    act(payment, "capture")
    assert code(act(payment, "void")) == (409, "invalid_transition")
    assert state(order) == ("confirmed", "paid")


def test_cancelling_the_order_lets_go_of_the_money_and_refunds_nothing(stripe, deliver):
    client, order, payment = authorised()
    client.post(f"/orders/{order.pk}/cancel/", {})
    deliver()
    process_pending_payments()
    payment.refresh_from_db()
    assert (payment.status, payment.authorised, Refund.objects.count()) == ("cancelled", 0, 0)
    assert state(order) == ("cancelled", "unpaid")
    assert [each["status"] for each in at_stripe(stripe, "payment_intent")] == ["canceled"]


def test_the_sweep_leaves_held_money_of_a_live_order_alone_and_warns_once_of_its_end(stripe):
    _, order, payment = authorised()
    assert payment.authorised_until > timezone.now() + timedelta(days=6)
    for left in (timedelta(days=5), timedelta(hours=20), timedelta(hours=19)):
        Payment.objects.update(next_check_at=timezone.now(), authorised_until=timezone.now() + left)
        process_pending_payments()
    assert state(order) == ("confirmed", "authorised")
    assert Event.objects.filter(type="payment.authorisation_expiring").count() == 1


def test_held_money_that_the_bank_lets_go_shows(stripe):
    _, order, payment = authorised()
    gateway("stripe").cancel(payment.provider_reference)
    Payment.objects.update(next_check_at=timezone.now())
    process_pending_payments()
    assert state(order) == ("confirmed", "unpaid")


def test_a_way_to_pay_that_was_left_is_given_up_once_the_order_is_paid(stripe, settings, deliver):
    settings.PAYMENT_CAPTURE = "automatic"
    client, order = order_to_pay()
    card = intent_for(client, order)["id"]
    body = {"order": str(order.pk), "provider": "manual", "method": "bank_transfer"}
    transfer = client.post("/payments/create-intent/", body).json()["id"]
    assert confirm(client, card).json()["order"]["status"] == "confirmed"
    deliver()
    process_pending_payments()
    assert dict(Payment.objects.values_list("pk", "status")) == {
        Payment.objects.get(provider="stripe").pk: "succeeded",
        Payment.objects.get(pk=transfer).pk: "cancelled",
    }
    assert state(order) == ("confirmed", "paid")


def test_capturing_takes_the_permission():
    _, _, payment = authorised()
    for what, body in (("capture", {}), ("void", {}), ("mark-paid", {"reference": "x"})):
        url = f"/admin/payments/{payment.pk}/{what}/"
        assert code(staff_client("view_payment").post(url, body)) == (403, "permission_denied")
        missing = f"/admin/payments/00000000-0000-4000-8000-000000000000/{what}/"
        assert code(staff_client("change_payment").post(missing, body)) == (404, "not_found")
    assert Payment.objects.get().status == "authorised"
