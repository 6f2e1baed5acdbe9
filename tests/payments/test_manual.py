"""Bank transfer and cash on delivery."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.orders.models import Order
from apps.orders.services import transitions
from apps.payments.models import Payment, PaymentEvent, Refund
from apps.payments.tasks import process_pending_payments
from apps.products.models import StockReservation
from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import order_to_pay
from tests.payments.test_refunds import staff_client, usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe, settings) -> None:
    shop_rates()
    settings.BANK_TRANSFER_INSTRUCTIONS = "Transfer to IBAN X."


def begun(method: str = "bank_transfer", quantity: int = 1) -> tuple[ApiClient, Order, Payment, dict[str, Any]]:
    client, order = order_to_pay(quantity=quantity)
    body = {"order": str(order.pk), "provider": "manual", "method": method}
    answer = client.post("/payments/create-intent/", body)
    assert answer.status_code == 201, answer.json()
    order.refresh_from_db()
    return client, order, Payment.objects.get(order=order), answer.json()


def mark(payment: Payment, reference: str, amount: str | None = None) -> Any:
    body: dict[str, Any] = {"reference": reference} | ({"amount": usd(amount)} if amount else {})
    return staff_client("change_payment").post(f"/admin/payments/{payment.pk}/mark-paid/", body)


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.payment_status


def test_a_transfer_is_told_how_and_its_goods_are_held_for_a_week():
    _, order, payment, answer = begun()
    assert answer["instructions"] == f"Transfer to IBAN X. Reference: {order.number}"
    assert (answer["status"], answer["client_secret"], state(order)) == ("processing", "", ("pending", "unpaid"))
    until = timezone.now() + timedelta(days=6, hours=23)
    assert order.expires_at > until
    assert StockReservation.objects.get().expires_at == order.expires_at
    assert payment.method == "bank transfer"


def test_parts_add_up_and_the_last_confirms():
    _, order, payment, _ = begun()
    assert mark(payment, "S/1", "20.00").json()["captured"] == usd("20.00")
    assert state(order) == ("pending", "partly_paid")
    assert mark(payment, "S/1", "20.00").json()["captured"] == usd("20.00")
    assert mark(payment, "S/1").json()["captured"] == usd("20.00")
    too_much = mark(payment, "S/2", "39.89")
    assert (code(too_much), too_much.json()["due"]) == ((409, "amount_exceeds_due"), usd("39.88"))
    assert state(order) == ("pending", "partly_paid")
    assert mark(payment, "S/2").json()["status"] == "succeeded"
    assert state(order) == ("confirmed", "paid")
    assert PaymentEvent.objects.filter(kind="captured").count() == 2


def test_a_reference_counts_for_one_payment():
    _, _, first, _ = begun()
    _, order, second, _ = begun()
    assert mark(first, "S/1").status_code == 200
    assert code(mark(second, "S/1")) == (409, "reference_taken")
    assert code(mark(first, "S/1", "1.00")) == (409, "reference_taken")
    assert state(order) == ("pending", "unpaid")


@pytest.mark.parametrize("reference", ["", " ", "a\nb", "x" * 101])
def test_a_bad_reference_names_its_field(reference):
    _, order, payment, _ = begun()
    answer = mark(payment, reference)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/reference")
    assert state(order) == ("pending", "unpaid")


def test_cash_on_delivery_goes_ahead_unpaid_and_is_paid_at_the_door(deliver):
    _, order, payment, _ = begun("cash_on_delivery")
    assert state(order) == ("confirmed", "unpaid")
    deliver()
    process_pending_payments()
    assert Payment.objects.get().status == "processing"
    transitions.transition(order_id=order.pk, to="shipped")
    assert mark(payment, "cash 7").status_code == 200
    assert state(order) == ("shipped", "paid")
    assert Refund.objects.count() == 0


def test_cash_at_the_door_is_what_the_order_costs_without_cancelled_units(deliver):
    client, order, payment, _ = begun("cash_on_delivery", quantity=2)
    deliver()
    lines = [{"item": str(order.items.get().pk), "quantity": 1}]
    assert client.post(f"/orders/{order.pk}/cancel/", {"lines": lines}).status_code == 200
    deliver()
    order.refresh_from_db()
    assert (order.total, order.cancelled_total, order.due_total) == (
        Decimal("108.88"),
        Decimal("54.44"),
        Decimal("54.44"),
    )
    notes = order.invoices.filter(kind="credit_note").values_list("total", flat=True)
    assert list(notes) == [order.cancelled_total]
    assert code(mark(payment, "cash 8", "108.88")) == (409, "amount_exceeds_due")
    taken = mark(payment, "cash 8").json()
    assert (taken["captured"], taken["status"]) == (usd("54.44"), "succeeded")
    assert state(order) == ("confirmed", "paid")
    assert Refund.objects.count() == 0


def test_cash_on_delivery_may_wait_for_staff(settings):
    settings.CASH_ON_DELIVERY_CONFIRMS = False
    _, order, _, _ = begun("cash_on_delivery")
    assert state(order) == ("pending", "unpaid")


def test_a_card_payment_is_not_marked_by_hand():
    client, order = order_to_pay()
    answer = client.post("/payments/create-intent/", {"order": str(order.pk)}).json()
    assert code(mark(Payment.objects.get(pk=answer["id"]), "S/1")) == (409, "invalid_transition")
    assert PaymentEvent.objects.count() == 0


def test_money_that_comes_after_the_cancellation_is_to_be_sent_back(deliver):
    client, order, payment, _ = begun()
    client.post(f"/orders/{order.pk}/cancel/", {})
    deliver()
    process_pending_payments()
    payment.refresh_from_db()
    assert payment.status == "cancelled"
    assert mark(payment, "S/9").status_code == 200
    process_pending_payments()
    assert state(order) == ("cancelled", "refunded")
    assert Refund.objects.get().status == "succeeded"


@pytest.mark.parametrize("extra", [{}, {"method": "cash_on_delivery"}])
def test_a_way_that_the_shop_does_not_take_is_refused(settings, extra):
    settings.MANUAL_PAYMENT_METHODS = ["bank_transfer"]
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "manual"} | extra
    assert code(client.post("/payments/create-intent/", body)) == (409, "payment_method_unavailable")
    assert Payment.objects.count() == 0


def test_the_ways_to_pay_are_those_of_the_settings(settings):
    client, order = order_to_pay()
    rows = client.get("/payments/methods/", {"order": str(order.pk)}).json()["results"]
    assert [(row["provider"], row["method"]) for row in rows][:3] == [
        ("stripe", None),
        ("manual", "bank_transfer"),
        ("manual", "cash_on_delivery"),
    ]
    settings.PAYMENT_GATEWAYS = {"stripe": settings.PAYMENT_GATEWAYS["stripe"]}
    assert [row["provider"] for row in client.get("/payments/methods/").json()["results"]] == ["stripe"]
