"""A provider that fails, refuses or keeps silent; rows that fail. Nothing is done twice, nothing gets stuck."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services import intents, refunds, sweep, webhooks
from apps.payments.tasks import process_pending_payments, process_refund, process_webhook_event
from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_refunds import staff_client
from tests.payments.test_webhooks import send

pytestmark = pytest.mark.django_db
INTENTS, CONFIRM = "/v1/payment_intents", "/v1/payment_intents/*/confirm"


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def fault(stripe, path: str, method: str = "POST", **order: Any) -> None:
    stripe.control("POST", "faults", {"path": path, "method": method, "times": 1} | order)


def due_again() -> None:
    Refund.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def paid_order(card: str = "pm_card_visa") -> tuple[ApiClient, Order, Payment]:
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"], card).status_code == 200
    return client, order, Payment.objects.get()


@pytest.mark.parametrize(
    "trouble",
    [{"kind": "timeout", "seconds": 2}, {"kind": "status", "status": 429}, {"kind": "status", "status": 401}],
)
def test_silence_a_limit_or_a_refused_key_is_502_and_the_next_try_makes_one_intent(stripe, settings, trouble):
    settings.STRIPE_TIMEOUT_SECONDS = 0.3
    client, order = order_to_pay()
    fault(stripe, INTENTS, **trouble)
    body = {"order": str(order.pk), "provider": "stripe"}
    assert code(client.post("/payments/create-intent/", body)) == (502, "payment_provider_error")
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().key_attempt) == ("pending", 0)
    assert client.post("/payments/create-intent/", body).status_code == 201
    assert (Payment.objects.count(), len(at_stripe(stripe, "payment_intent"))) == (1, 1)


def test_a_process_that_died_after_the_call_is_repaired_by_the_sweep_with_the_same_key(stripe):
    client, order = order_to_pay()
    fault(stripe, INTENTS, kind="answer_lost")
    body = {"order": str(order.pk), "provider": "stripe"}
    assert code(client.post("/payments/create-intent/", body)) == (502, "payment_provider_error")
    [made] = at_stripe(stripe, "payment_intent")
    Payment.objects.update(next_check_at=timezone.now())
    assert process_pending_payments()["payments"] == 1
    assert Payment.objects.get().provider_reference == made["id"]
    assert [each["id"] for each in at_stripe(stripe, "payment_intent")] == [made["id"]]
    assert confirm(client, str(Payment.objects.get().pk)).status_code == 200


def test_a_key_that_stripe_refuses_is_our_fault_and_not_a_declined_card(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    fault(stripe, CONFIRM, kind="status", status=401, error={"message": "Invalid API Key provided: sk_test_suite"})
    response = confirm(client, payment)
    assert code(response) == (502, "payment_provider_error")
    assert "sk_test" not in response.content.decode()
    row = Payment.objects.get()
    assert (row.status, row.failure_code, row.failure_detail) == ("created", "", "")
    assert confirm(client, payment).status_code == 200


def test_a_payment_method_that_does_not_exist_is_declined_in_our_words(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    response = confirm(client, payment, "pm_nobody")
    assert code(response) == (402, "payment_declined")
    body = response.json()
    assert (body["detail"], body["decline_code"]) == ("This payment method cannot be used.", "resource_missing")
    assert confirm(client, payment).json()["status"] == "succeeded"


def test_a_payment_that_the_provider_no_longer_tells_of_is_502(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    fault(stripe, CONFIRM, kind="status", status=400)
    fault(stripe, f"{INTENTS}/*", "GET", kind="status", status=404, skip=1)
    assert code(confirm(client, payment)) == (502, "payment_provider_error")
    assert Payment.objects.get().status == "created"


def test_the_same_key_goes_through_once_the_shopper_has_authenticated(stripe):
    client, order = order_to_pay()
    body = {"payment": intent_for(client, order)["id"]}
    asked = client.post(
        "/payments/confirm/", body | {"payment_method": "pm_card_authenticationRequired"}, Idempotency_Key="first"
    )
    assert code(asked) == (402, "payment_action_required")
    assert code(client.post("/payments/confirm/", body, Idempotency_Key="then")) == (402, "payment_action_required")
    reference = Payment.objects.get().provider_reference
    stripe.control("POST", f"payment_intents/{reference}/authenticate", {"outcome": "succeed"})
    done = client.post("/payments/confirm/", body, Idempotency_Key="then")
    assert (done.status_code, done.json()["status"]) == (200, "succeeded")
    again = client.post("/payments/confirm/", body, Idempotency_Key="then")
    assert (again.json(), again["Idempotent-Replayed"]) == (done.json(), "true")


def test_a_refund_outlives_a_refused_key(stripe):
    _, order, payment = paid_order()
    refund = refunds.request_refund(payment_id=payment.pk)
    fault(stripe, "/v1/refunds", kind="status", status=401)
    assert process_refund(str(refund.pk)) is False
    due_again()
    assert process_refund(str(refund.pk)) is True
    assert len(at_stripe(stripe, "refund")) == 1
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert_books_agree(stripe)


def test_a_refund_is_made_once_even_when_its_key_is_forgotten(stripe, monkeypatch):
    """Stripe forgets keys after a day: an answer lost before that must be looked for."""
    _, _, payment = paid_order()
    refund = refunds.request_refund(payment_id=payment.pk, amount=payment.captured / 2)
    fault(stripe, "/v1/refunds", kind="answer_lost")
    assert process_refund(str(refund.pk)) is False
    due_again()
    monkeypatch.setattr("scripts.standin.idempotency.KEY_LIFETIME_SECONDS", -1)
    assert process_refund(str(refund.pk)) is True
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [2994]
    assert_books_agree(stripe)


def test_a_pending_refund_that_cannot_be_read_stays_pending(stripe):
    _, _, payment = paid_order("pm_card_pendingRefund")
    refund = refunds.request_refund(payment_id=payment.pk)
    process_refund(str(refund.pk))
    due_again()
    fault(stripe, "/v1/refunds/*", "GET", kind="status", status=404)
    assert process_refund(str(refund.pk)) is False
    payment.refresh_from_db()
    assert (Refund.objects.get().status, payment.refunded) == ("requested", payment.captured)


def test_a_refund_that_the_bank_sends_back_later_is_undone_once(stripe):
    _, order, payment = paid_order()
    refund = refunds.request_refund(payment_id=payment.pk)
    assert process_refund(str(refund.pk)) is True
    reference = Refund.objects.get().provider_reference
    stripe.control("POST", f"refunds/{reference}", {"status": "failed"})
    news = [event for event in at_stripe(stripe, "event") if "refund" in event["type"]]
    for event in news * 2:
        send(event)
    process_pending_payments()
    assert {row.status for row in WebhookEvent.objects.all()} == {"processed"}
    refund.refresh_from_db()
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (refund.status, payment.refunded, order.payment_status) == ("failed", 0, "paid")
    assert list(Event.objects.filter(type__startswith="refund.").order_by("id").values_list("type", flat=True)) == [
        "refund.requested",
        "refund.succeeded",
        "refund.failed",
    ]


def test_a_pending_refund_ends_by_its_webhook(stripe):
    _, _, payment = paid_order("pm_card_pendingRefund")
    refund = refunds.request_refund(payment_id=payment.pk)
    process_refund(str(refund.pk))
    reference = Refund.objects.get().provider_reference
    early = next(event for event in at_stripe(stripe, "event") if event["type"] == "refund.created")
    send(early)
    assert process_webhook_event(early["id"], "stripe") == "processed"
    assert Refund.objects.get().status == "requested"
    stripe.control("POST", f"refunds/{reference}", {"status": "succeeded"})
    late = next(event for event in at_stripe(stripe, "event") if event["type"] == "refund.updated")
    send(late)
    assert process_webhook_event(late["id"], "stripe") == "processed"
    assert Refund.objects.get().status == "succeeded"
    assert_books_agree(stripe)


def test_news_of_a_refund_that_nobody_knows_are_kept(stripe):
    refund = {"object": "refund", "id": "re_nobody"}
    send({"id": "evt_r", "type": "refund.updated", "data": {"object": refund}})
    assert process_webhook_event("evt_r", "stripe") == "received"
    assert WebhookEvent.objects.get().last_error.startswith("ProviderRefused: resource_missing")


def at_the_dashboard(payment: Payment, amount: int, **fields: Any) -> None:
    client = gateway("stripe")._client()
    client.v1.refunds.create({"payment_intent": payment.provider_reference, "amount": amount} | fields)


def tell(stripe) -> None:
    for event in at_stripe(stripe, "event"):
        send(event)
    process_pending_payments()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}


def test_a_refund_made_in_the_dashboard_is_adopted_once(stripe):
    _, order, payment = paid_order()
    at_the_dashboard(payment, 1988)
    tell(stripe)
    tell(stripe)
    refund = Refund.objects.get()
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (refund.amount, refund.status, refund.reason) == (Decimal("19.88"), "succeeded", "made at the provider")
    assert (payment.refunded, payment.refund_pending, order.payment_status) == (
        Decimal("19.88"),
        0,
        "partly_refunded",
    )
    assert code(refund_all(payment, "59.88")) == (409, "amount_exceeds_refundable")
    assert_books_agree(stripe)


def test_news_of_our_own_refund_before_its_answer_make_no_second_one(stripe):
    _, order, payment = paid_order()
    refund = refunds.request_refund(payment_id=payment.pk)
    at_the_dashboard(payment, 5988, metadata={"refund": str(refund.pk)})
    tell(stripe)
    order.refresh_from_db()
    refund.refresh_from_db()
    assert (Refund.objects.count(), refund.status, order.payment_status) == (1, "succeeded", "refunded")
    assert process_refund(str(refund.pk)) is False
    assert_books_agree(stripe)


def test_our_refund_of_what_the_dashboard_has_sent_back_already_fails_and_the_sums_hold(stripe):
    _, order, payment = paid_order()
    refund = refunds.request_refund(payment_id=payment.pk)
    at_the_dashboard(payment, 5988)
    tell(stripe)
    payment.refresh_from_db()
    assert payment.refunded == payment.captured
    due_again()
    process_refund(str(refund.pk))
    payment.refresh_from_db()
    order.refresh_from_db()
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["failed", "succeeded"]
    assert (payment.refunded, payment.refund_pending, order.payment_status) == (payment.captured, 0, "refunded")
    assert_books_agree(stripe)


def refund_all(payment: Payment, amount: str) -> Any:
    body = {"amount": {"amount": amount, "currency": "USD"}}
    return staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", body)


@pytest.mark.parametrize("data", [None, [], {"object": []}, {"object": {"object": "charge", "id": "ch_1"}}])
def test_an_event_of_an_odd_shape_is_ignored(stripe, data):
    assert send({"id": "evt_odd", "type": "charge.updated", "data": data}).status_code == 200
    assert process_webhook_event("evt_odd", "stripe") == "ignored"


def test_a_row_that_fails_does_not_keep_the_others_waiting(stripe, monkeypatch):
    client, order = order_to_pay()
    intent_for(client, order)
    gateway("stripe").confirm(
        Payment.objects.get().provider_reference,
        payment_method="pm_card_visa",
        return_url="https://shop.example/",
    )
    Payment.objects.update(next_check_at=timezone.now())
    send({"id": "evt_bad", "type": "charge.updated", "data": {"object": {"object": "refund", "id": "re_1"}}})
    monkeypatch.setattr(refunds, "follow", lambda **_: 1 / 0)
    assert process_pending_payments() == {"webhooks": 1, "refunds": 0, "payments": 1, "customers": 0}
    order.refresh_from_db()
    assert order.status == "confirmed"
    event = WebhookEvent.objects.get()
    assert (event.status, event.last_error) == ("received", "ZeroDivisionError: division by zero")
    assert event.next_attempt_at > timezone.now()

    monkeypatch.setattr(webhooks, "process", lambda **_: 1 / 0)
    WebhookEvent.objects.update(next_attempt_at=timezone.now())
    assert process_pending_payments()["webhooks"] == 1


def test_a_sweep_ends_in_time(monkeypatch):
    monkeypatch.setattr(sweep, "BUDGET_SECONDS", 0.0)
    for number in range(3):
        send({"id": f"evt_{number}", "type": "invoice.paid", "data": {}})
    assert process_pending_payments() == {"webhooks": 0, "refunds": 0, "payments": 0, "customers": 0}
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"received"}


def test_an_order_that_has_been_paid_in_part_is_asked_for_the_rest():
    _, order = order_to_pay()
    Payment.objects.create(
        order=order,
        provider="stripe",
        amount=20,
        authorised=20,
        captured=20,
        currency="USD",
        status=Payment.Status.SUCCEEDED,
    )
    assert intents.create_intent(order=order, provider="stripe").payment.amount == order.total - 20
