"""Paying by PayPal, on a local stand-in: approval, capture, refund, webhooks, faults."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.orders.models import Order
from apps.payments.gateways.registry import close_circuits
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services import refunds
from apps.payments.tasks import process_pending_payments, process_refund
from scripts.standin.paypal import PayPalStandin
from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import confirm, order_to_pay
from tests.payments.test_refunds import staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server() -> Iterator[PayPalStandin]:
    with PayPalStandin() as standin:
        yield standin


@pytest.fixture(autouse=True)
def paypal(server, settings, monkeypatch) -> PayPalStandin:
    server.shop.reset()
    monkeypatch.setattr("apps.payments.gateways.paypal._PAUSES", (0.0, 0.0))
    gateways = settings.PAYMENT_GATEWAYS | {"paypal": "apps.payments.gateways.paypal.PayPalGateway"}
    settings.PAYMENT_GATEWAYS = gateways
    settings.PAYPAL_API_BASE, settings.PAYPAL_WEBHOOK_ID = server.url, "WHSTANDIN"
    settings.PAYPAL_CLIENT_ID, settings.PAYPAL_CLIENT_SECRET = "client", "secret"
    close_circuits()
    shop_rates()
    return server


def begun() -> tuple[ApiClient, Order, Payment, dict[str, Any]]:
    client, order = order_to_pay()
    answer = client.post("/payments/create-intent/", {"order": str(order.pk), "provider": "paypal"})
    assert answer.status_code == 201, answer.json()
    return client, order, Payment.objects.get(order=order), answer.json()


def paid(paypal) -> tuple[ApiClient, Order, Payment]:
    client, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    assert confirm(client, str(payment.pk), card=None).status_code == 200
    payment.refresh_from_db()
    return client, order, payment


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.payment_status


def send(event: dict[str, Any], headers: dict[str, str]) -> Any:
    body = json.dumps(event)
    url = "/api/v1/payments/paypal/webhook/"
    return Client().post(url, data=body, content_type="application/json", headers=headers)


def fault(paypal, path: str, method: str = "POST", **order: Any) -> None:
    paypal.shop.faults.add({"path": path, "method": method, "times": 1} | order)


def test_a_buyer_approves_and_the_shop_captures(paypal):
    client, order, payment, answer = begun()
    assert answer["approval_url"] == f"{paypal.url}/checkoutnow?token={payment.provider_reference}"
    assert code(confirm(client, str(payment.pk), card=None)) == (402, "payment_action_required")
    assert state(order) == ("pending", "unpaid")
    paypal.shop.approve(payment.provider_reference)
    done = confirm(client, str(payment.pk), card=None).json()
    assert (done["status"], done["method"], done["captured"]["amount"]) == ("succeeded", "PayPal", "59.88")
    assert state(order) == ("confirmed", "paid")
    assert len(paypal.shop.captures) == 1


def test_the_webhook_captures_when_the_buyer_never_comes_back(paypal):
    _, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    for event in paypal.shop.events * 2:
        assert send(event, paypal.shop.signed()).status_code == 200
    process_pending_payments()
    assert state(order) == ("confirmed", "paid")
    for event in reversed(paypal.shop.events):
        assert send(event, paypal.shop.signed()).status_code == 200
    process_pending_payments()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}
    assert (len(paypal.shop.captures), payment.facts.count()) == (1, 1)


def test_a_message_that_paypal_did_not_send_is_refused(paypal, settings):
    event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": {}}
    assert code(send(event, {})) == (400, "signature_invalid")
    settings.PAYPAL_WEBHOOK_ID = ""
    assert code(send(event, paypal.shop.signed())) == (400, "signature_invalid")
    settings.PAYPAL_WEBHOOK_ID = "WHSTANDIN"
    settings.PAYMENT_GATEWAYS = {"stripe": settings.PAYMENT_GATEWAYS["stripe"]}
    assert code(send(event, paypal.shop.signed())) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


def test_a_forged_message_is_stored_but_nothing_is_done_about_it_and_the_true_one_still_counts(paypal):
    _, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    [event] = paypal.shop.events
    forged = paypal.shop.signed() | {"PAYPAL-TRANSMISSION-SIG": "forged"}
    assert send(event, forged).status_code == 200
    assert send(event | {"resource": {"id": "OTHER"}}, forged).status_code == 200
    process_pending_payments()
    assert list(WebhookEvent.objects.values_list("status", "last_error")) == [("rejected", "signature_invalid")] * 2
    assert (state(order), len(paypal.shop.captures)) == (("pending", "unpaid"), 0)
    assert send(event, paypal.shop.signed()).status_code == 200
    process_pending_payments()
    assert (state(order), len(paypal.shop.captures)) == (("confirmed", "paid"), 1)
    assert sorted(WebhookEvent.objects.values_list("status", flat=True)) == ["processed", "rejected"]
    send(event, forged)
    assert sorted(WebhookEvent.objects.values_list("status", flat=True)) == ["processed", "rejected"]


def test_a_message_is_answered_without_asking_paypal_and_verified_when_paypal_answers(paypal, settings):
    _, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    [event] = paypal.shop.events
    settings.PAYPAL_API_BASE = "http://127.0.0.1:1"
    assert send(event, paypal.shop.signed()).status_code == 200
    process_pending_payments()
    row = WebhookEvent.objects.get()
    assert (row.status, row.attempts, row.last_error) == ("received", 1, "ProviderUnavailable: ConnectionError")
    settings.PAYPAL_API_BASE = paypal.url
    WebhookEvent.objects.update(next_attempt_at=timezone.now())
    close_circuits()
    process_pending_payments()
    row.refresh_from_db()
    assert (row.status, row.proof, state(order)) == ("processed", {}, ("confirmed", "paid"))


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "answer_lost"},
        {"kind": "reset"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
    ],
)
def test_each_step_outlives_a_fault_and_is_done_once(paypal, trouble):
    fault(paypal, "/v2/checkout/orders", **trouble)
    client, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    fault(paypal, "/v2/checkout/orders/*/capture", **trouble)
    assert confirm(client, str(payment.pk), card=None).status_code == 200
    refund = refunds.request_refund(payment_id=payment.pk)
    fault(paypal, "/v2/payments/captures/*/refund", **trouble)
    assert process_refund(str(refund.pk)) is True
    assert state(order) == ("confirmed", "refunded")
    shop = paypal.shop
    assert (len(shop.orders), len(shop.captures), len(shop.refunds)) == (1, 1, 1)


def test_silence_is_502_and_the_next_try_makes_one_order(paypal, settings):
    settings.PAYPAL_TIMEOUT_SECONDS = 0.2
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "paypal"}
    fault(paypal, "/v2/checkout/orders", kind="timeout", seconds=0.5, times=3)
    assert code(client.post("/payments/create-intent/", body)) == (502, "payment_provider_error")
    assert state(order) == ("pending", "unpaid")
    settings.PAYPAL_TIMEOUT_SECONDS = 8
    assert client.post("/payments/create-intent/", body).status_code == 201
    assert len(paypal.shop.orders) == 1


def test_a_declined_instrument_is_402_and_another_may_be_chosen(paypal):
    client, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    paypal.shop.settings["decline"] = True
    assert code(confirm(client, str(payment.pk), card=None)) == (402, "payment_declined")
    assert state(order) == ("pending", "failed")
    paypal.shop.settings["decline"] = False
    paypal.shop.approve(payment.provider_reference)
    payment.refresh_from_db()
    Payment.objects.update(next_check_at=timezone.now())
    process_pending_payments()
    assert (len(paypal.shop.captures), state(order)) == (1, ("confirmed", "paid"))


def test_a_refund_made_at_paypal_is_adopted(paypal):
    _, order, _ = paid(paypal)
    [capture] = paypal.shop.captures
    amount = {"currency_code": "USD", "value": "9.88"}
    paypal.shop.answer("POST", f"/v2/payments/captures/{capture}/refund", {"amount": amount}, "")
    send(paypal.shop.events[-1], paypal.shop.signed())
    process_pending_payments()
    assert state(order) == ("confirmed", "partly_refunded")
    assert (str(Refund.objects.get().amount), Refund.objects.get().status) == ("9.8800", "succeeded")


def test_a_cancelled_order_is_never_captured(paypal, deliver):
    client, order, payment, _ = begun()
    client.post(f"/orders/{order.pk}/cancel/", {})
    paypal.shop.approve(payment.provider_reference)
    deliver()
    process_pending_payments()
    payment.refresh_from_db()
    assert (payment.status, state(order), len(paypal.shop.captures)) == ("cancelled", ("cancelled", "unpaid"), 0)


def test_paypal_is_offered_where_it_is_configured():
    rows = ApiClient().get("/payments/methods/").json()["results"]
    assert [row["provider"] for row in rows] == ["stripe", "manual", "manual", "paypal"]


def held(paypal, settings) -> tuple[Order, Payment]:
    settings.PAYMENT_CAPTURE = "manual"
    client, order, payment, _ = begun()
    paypal.shop.approve(payment.provider_reference)
    assert confirm(client, str(payment.pk), card=None).json()["status"] == "authorised"
    payment.refresh_from_db()
    assert (state(order), payment.captured) == (("confirmed", "authorised"), 0)
    return order, payment


@pytest.mark.parametrize(("amount", "captured", "status"), [(None, "59.88", "paid"), ("20.00", "20.00", "partly_paid")])
def test_paypal_holds_the_money_and_it_is_taken_in_full_or_in_part(paypal, settings, amount, captured, status):
    order, payment = held(paypal, settings)
    staff = staff_client("change_payment")
    body = {"amount": {"amount": amount, "currency": "USD"}} if amount else {}
    fault(paypal, "/v2/payments/authorizations/*/capture", kind="answer_lost")
    assert staff.post(f"/admin/payments/{payment.pk}/capture/", body).status_code == 200
    payment.refresh_from_db()
    assert (payment.status, payment.captured, state(order)[1]) == ("succeeded", Decimal(captured), status)
    assert [row["amount"]["value"] for row in paypal.shop.captures.values()] == [captured]
    assert code(staff.post(f"/admin/payments/{payment.pk}/capture/", {})) == (409, "invalid_transition")
    assert code(staff.post(f"/admin/payments/{payment.pk}/void/", {})) == (409, "invalid_transition")
    refund = refunds.request_refund(payment_id=payment.pk)
    assert process_refund(str(refund.pk)) is True
    assert state(order)[1] == "refunded"


def test_paypal_lets_go_of_held_money(paypal, settings):
    order, payment = held(paypal, settings)
    staff = staff_client("change_payment")
    assert staff.post(f"/admin/payments/{payment.pk}/void/", {"reason": "Sold out"}).status_code == 200
    payment.refresh_from_db()
    assert (payment.status, payment.captured, state(order)[1]) == ("cancelled", 0, "unpaid")
    assert (order.hold_reason, paypal.shop.captures) == ("Sold out", {})
    for event in reversed(paypal.shop.events):
        assert send(event, paypal.shop.signed()).status_code == 200
    process_pending_payments()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}
    assert state(order)[1] == "unpaid"
