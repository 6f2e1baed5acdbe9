"""Paying through HTTP, by the real Stripe SDK against the stand-in."""

import pytest

from apps.common.models import Event
from apps.orders.models import Order
from apps.payments.models import Payment
from apps.payments.tasks import process_pending_payments
from apps.products.models import StockLevel
from tests.client import ApiClient, code
from tests.factories import UserFactory, shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay

pytestmark = pytest.mark.django_db
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def test_an_intent_is_opened_once_per_order_with_the_orders_amount(stripe):
    client, order = order_to_pay()
    first, second = intent_for(client, order), intent_for(client, order)
    assert first["id"] == second["id"]
    assert first["client_secret"] == second["client_secret"]
    assert first["client_secret"].startswith("pi_")
    assert first["amount"] == {"amount": "59.88", "currency": "USD"}
    [intent] = at_stripe(stripe, "payment_intent")
    assert (intent["amount"], intent["currency"]) == (int(order.total * 100), "usd")
    assert intent["metadata"] == {"payment": first["id"], "order": order.number}
    payment = Payment.objects.get()
    assert (payment.status, payment.amount, payment.provider_reference) == ("created", order.total, intent["id"])


def test_no_secret_is_stored():
    client, order = order_to_pay()
    secret = intent_for(client, order)["client_secret"]
    assert secret not in str(list(Payment.objects.values())) + str(list(Event.objects.values()))


def test_a_good_card_confirms_the_order_and_sells_the_stock(stripe):
    user = UserFactory()
    client, order = order_to_pay(user=user)
    response = confirm(client, intent_for(client, order)["id"])
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["captured"], body["method"]) == ("succeeded", body["amount"], "visa ending in 4242")
    assert body["order"] == {
        "id": str(order.id),
        "number": order.number,
        "status": "confirmed",
        "payment_status": "paid",
    }
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved) == (4, 0)
    assert Event.objects.filter(type__in=["payment.succeeded", "order.confirmed"]).count() == 2
    assert_books_agree(stripe)
    assert client.get("/payments/").json()["results"][0]["id"] == body["id"]
    assert client.get(f"/payments/{body['id']}/").json()["refunds"] == []


def test_confirming_again_changes_nothing(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    first = confirm(client, payment).json()
    assert confirm(client, payment).json() == first
    assert confirm(client, payment, card=None).json() == first
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert len(at_stripe(stripe, "charge")) == 1


@pytest.mark.parametrize(
    ("card", "decline"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_a_declined_card_is_402_and_the_order_stays_payable(stripe, card, decline):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    response = confirm(client, payment, card)
    assert code(response) == (402, "payment_declined")
    assert (response.json()["decline_code"], response.json()["payment"]) == (decline, payment)
    order.refresh_from_db()
    assert (order.status, order.payment_status, StockLevel.objects.get().reserved) == ("pending", "failed", 1)
    assert (Payment.objects.get().status, Payment.objects.get().failure_code) == ("failed", decline)
    assert confirm(client, payment).json()["order"]["status"] == "confirmed"
    assert_books_agree(stripe)


def test_three_d_secure_asks_the_shopper_first(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    response = confirm(client, payment, "pm_card_authenticationRequired")
    assert code(response) == (402, "payment_action_required")
    assert response.json()["next_action"]["type"] == "redirect_to_url"
    assert code(confirm(client, payment, card=None)) == (402, "payment_action_required")
    reference = Payment.objects.get().provider_reference
    stripe.control("POST", f"payment_intents/{reference}/authenticate", {"outcome": "succeed"})
    assert confirm(client, payment, card=None).json()["status"] == "succeeded"
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_a_strangers_order_and_payment_are_not_there(stripe):
    client, order = order_to_pay(user=UserFactory())
    payment = intent_for(client, order)["id"]
    for stranger in (ApiClient(), ApiClient(UserFactory()), ApiClient(X_Order_Token="f" * 64)):
        body = {"order": str(order.id), "provider": "stripe"}
        assert code(stranger.post("/payments/create-intent/", body)) == (404, "not_found")
        assert code(confirm(stranger, payment)) == (404, "not_found")
        assert code(stranger.get("/payments/methods/", {"order": str(order.id)})) == (404, "not_found")
    assert code(ApiClient(UserFactory()).get(f"/payments/{payment}/")) == (404, "not_found")
    assert ApiClient(UserFactory()).get("/payments/").json()["count"] == 0
    assert (Payment.objects.count(), Payment.objects.get().status) == (1, "created")
    assert code(confirm(client, NOBODY)) == (404, "not_found")


def test_only_a_waiting_order_can_be_paid():
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    client.post(f"/orders/{order.id}/cancel/", {})
    body = {"order": str(order.id), "provider": "stripe"}
    assert code(client.post("/payments/create-intent/", body)) == (409, "invalid_transition")
    assert code(confirm(client, payment)) == (409, "invalid_transition")
    assert client.get("/payments/methods/", {"order": str(order.id)}).json() == {"results": []}


def test_methods_name_what_a_browser_needs(api, settings):
    body = api.get("/payments/methods/").json()
    shown = [(row["provider"], row["method"], row["publishable_key"]) for row in body["results"]]
    assert shown == [
        ("stripe", None, settings.STRIPE_PUBLISHABLE_KEY),
        ("manual", "bank_transfer", ""),
        ("manual", "cash_on_delivery", ""),
    ]


def test_the_same_key_opens_one_intent_and_replays_its_answer():
    client, order = order_to_pay()
    body = {"order": str(order.id), "provider": "stripe"}
    first = client.post("/payments/create-intent/", body, Idempotency_Key="pay-1")
    again = client.post("/payments/create-intent/", body, Idempotency_Key="pay-1")
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")


@pytest.mark.parametrize("kind", ["answer_lost", "reset", "status"])
def test_a_provider_that_fails_is_502_and_the_next_try_makes_one_intent(stripe, kind):
    client, order = order_to_pay()
    fault = {"path": "/v1/payment_intents", "method": "POST", "kind": kind, "times": 1}
    stripe.control("POST", "faults", fault | ({"status": 500} if kind == "status" else {}))
    body = {"order": str(order.id), "provider": "stripe"}
    response = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    assert code(response) == (502, "payment_provider_error")
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().provider_reference) == ("pending", "")
    assert client.post("/payments/create-intent/", body, Idempotency_Key="k").status_code == 201
    assert (Payment.objects.count(), len(at_stripe(stripe, "payment_intent"))) == (1, 1)
    assert confirm(client, str(Payment.objects.get().pk)).status_code == 200
    assert_books_agree(stripe)


def test_a_confirmation_whose_answer_is_lost_charges_once(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    stripe.control(
        "POST", "faults", {"path": "/v1/payment_intents/*/confirm", "method": "POST", "kind": "answer_lost", "times": 1}
    )
    assert code(confirm(client, payment)) == (502, "payment_provider_error")
    assert Payment.objects.get().status == "created"
    assert confirm(client, payment).json()["status"] == "succeeded"
    assert len(at_stripe(stripe, "charge")) == 1
    assert_books_agree(stripe)


def test_without_client_or_webhook_the_sweep_finds_out_that_an_order_was_paid(stripe):
    client, order = order_to_pay()
    intent_for(client, order)
    payment = Payment.objects.get()
    stripe.control(
        "POST", "faults", {"path": "/v1/payment_intents/*/confirm", "method": "POST", "kind": "answer_lost", "times": 1}
    )
    confirm(client, str(payment.pk))
    assert process_pending_payments()["payments"] == 0
    Payment.objects.update(next_check_at=payment.created_at)
    assert process_pending_payments()["payments"] == 1
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert Payment.objects.get().next_check_at is None


def test_an_amount_that_is_not_the_orders_confirms_nothing_and_is_recorded_once(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    Payment.objects.update(amount=order.total + 1)
    assert code(confirm(client, payment)) == (409, "payment_mismatch")
    assert code(confirm(client, payment, card=None)) == (409, "payment_mismatch")
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().captured) == ("pending", 0)
    assert Event.objects.filter(type="payment.mismatch").count() == 1


def test_a_customer_sees_payments_but_a_guest_has_no_list(api):
    assert code(api.get("/payments/")) == (401, "authentication_required")
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"payment": "x"}, "/payment"),
        ({"payment": NOBODY, "payment_method": "a b"}, "/payment_method"),
        ({"payment": NOBODY, "amount": "1"}, "/amount"),
        ({}, "/payment"),
    ],
)
def test_a_bad_confirmation_names_its_field(api, body, pointer):
    response = api.post("/payments/confirm/", body)
    assert code(response) == (400, "validation_error")
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
