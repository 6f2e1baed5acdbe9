"""Cards that customers keep: saved, paid with, the default, forgotten; nobody else's."""

from typing import Any

import pytest
from django.db import transaction

from apps.common import events
from apps.orders.models import Order
from apps.payments.gateways.registry import vault
from apps.payments.models import Payment, PaymentCustomer, SavedCard, WebhookEvent
from apps.payments.services import cards
from apps.payments.tasks import process_pending_payments
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.payments.ledger import assert_books_agree, at_stripe, order_to_pay
from tests.payments.test_webhooks import send

pytestmark = pytest.mark.django_db
URL = "/users/me/payment-methods/"


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def saved(client: ApiClient, card: str = "pm_card_visa") -> str:
    answer = client.post(URL, {"payment_method": card})
    assert answer.status_code == 201, answer.json()
    assert answer.json()["status"] == "succeeded"
    return str(answer.json()["payment_method"]["id"])


def listed(client: ApiClient) -> list[tuple[str, str, bool]]:
    return [(row["brand"], row["last4"], row["is_default"]) for row in client.get(URL).json()["results"]]


def pay(client: ApiClient, order: Order, card: str) -> Any:
    body = {"order": str(order.pk), "provider": "stripe", "payment_method": card}
    return client.post("/payments/create-intent/", body)


def tell(stripe, *, backwards: bool = False) -> None:
    news = at_stripe(stripe, "event")
    for event in reversed(news) if backwards else news:
        send(event)
    process_pending_payments()


def test_a_card_is_kept_made_the_default_and_forgotten(stripe):
    client = ApiClient(UserFactory())
    visa = saved(client)
    amex = saved(client, "pm_card_amex")
    assert listed(client) == [("visa", "4242", True), ("amex", "0005", False)]
    done = client.post(f"{URL}{amex}/set-default/")
    assert (done.status_code, done.json()["is_default"]) == (200, True)
    assert listed(client) == [("amex", "0005", True), ("visa", "4242", False)]
    assert client.delete(f"{URL}{amex}/").status_code == 204
    assert listed(client) == [("visa", "4242", True)]
    assert code(client.delete(f"{URL}{amex}/")) == (404, "not_found")
    assert [row["customer"] is not None for row in at_stripe(stripe, "payment_method")] == [True, False]
    assert (PaymentCustomer.objects.count(), len(at_stripe(stripe, "customer"))) == (1, 1)
    assert SavedCard.objects.get().pk.hex == visa.replace("-", "")


def test_an_order_is_paid_at_once_with_a_kept_card(stripe):
    user = UserFactory()
    client, order = place(sellable(price="50.00", stock=5), user=user)
    card = saved(client)
    paid = pay(client, order, card)
    assert (paid.status_code, paid.json()["status"]) == (201, "succeeded")
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert Payment.objects.get().method == "visa ending in 4242"
    [intent] = at_stripe(stripe, "payment_intent")
    assert intent["customer"] == PaymentCustomer.objects.get().provider_reference
    again_client, again = place(sellable(price="20.00", stock=5), user=user)
    assert pay(again_client, again, card).status_code == 201
    assert_books_agree(stripe)


def test_another_customers_card_cannot_be_seen_used_changed_or_forgotten(stripe):
    alice = ApiClient(UserFactory())
    card = saved(alice)
    bob, order = place(sellable(price="50.00", stock=5), user=UserFactory())
    saved(bob, "pm_card_amex")
    assert listed(bob) == [("amex", "0005", True)]
    guest, guests = order_to_pay()
    for answer in (
        pay(bob, order, card),
        pay(guest, guests, card),
        bob.delete(f"{URL}{card}/"),
        bob.post(f"{URL}{card}/set-default/"),
    ):
        assert code(answer) == (404, "not_found")
    assert Payment.objects.count() == 0
    # Nor by its name at the provider.
    begun = bob.post("/payments/create-intent/", {"order": str(order.pk), "provider": "stripe"}).json()["id"]
    reference = SavedCard.objects.get(pk=card).provider_reference
    tried = bob.post("/payments/confirm/", {"payment": begun, "payment_method": reference})
    assert code(tried) == (402, "payment_declined")
    order.refresh_from_db()
    assert (order.status, at_stripe(stripe, "charge")) == ("pending", [])
    assert listed(alice) == [("visa", "4242", True)]


def test_a_card_saved_in_the_browser_is_known_by_its_message_in_any_order(stripe):
    client = ApiClient(UserFactory())
    begun = client.post(URL, {}).json()
    assert (begun["status"], begun["payment_method"], listed(client)) == ("created", None, [])
    assert begun["client_secret"].startswith(begun["reference"])
    vault("stripe").confirm_setup(begun["reference"], payment_method="pm_card_visa", return_url="https://x.example/")
    tell(stripe, backwards=True)
    assert listed(client) == [("visa", "4242", True)]
    tell(stripe)
    assert listed(client) == [("visa", "4242", True)]
    assert set(WebhookEvent.objects.values_list("type", "status")) >= {("setup_intent.succeeded", "processed")}
    assert not WebhookEvent.objects.filter(payload__icontains=begun["client_secret"]).exists()
    vault("stripe").detach_card(SavedCard.objects.get().provider_reference)
    tell(stripe)
    assert listed(client) == []


def test_a_declined_card_is_not_kept_and_one_that_needs_its_holder_says_so(stripe):
    client = ApiClient(UserFactory())
    declined = client.post(URL, {"payment_method": "pm_card_chargeDeclined"})
    assert (code(declined), declined.json()["decline_code"]) == ((402, "payment_declined"), "generic_decline")
    asked = client.post(URL, {"payment_method": "pm_card_threeDSecureRequired"})
    assert code(asked) == (402, "payment_action_required")
    assert listed(client) == []
    for body in ({"payment_method": "a b"}, {"card": "4242"}, {"payment_method": 4}, {"return_url": "x"}):
        assert client.post(URL, body).status_code == 400, body


def test_a_kept_card_that_is_declined_leaves_the_order_payable(stripe):
    client, order = place(sellable(price="50.00", stock=5), user=UserFactory())
    card = saved(client, "pm_card_chargeCustomerFail")
    assert code(pay(client, order, card)) == (402, "payment_declined")
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("pending", "failed")
    assert pay(client, order, saved(client)).status_code == 201
    assert_books_agree(stripe)


def test_only_stripe_keeps_cards(stripe):
    client, order = place(sellable(price="50.00", stock=5), user=UserFactory())
    body = {"order": str(order.pk), "provider": "manual", "method": "bank_transfer", "payment_method": saved(client)}
    refused = client.post("/payments/create-intent/", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/payment_method")
    assert Payment.objects.count() == 0


def test_while_the_provider_is_down_nothing_is_kept_and_nothing_forgotten(stripe):
    client = ApiClient(UserFactory())
    card = saved(client)
    stripe.control("POST", "faults", {"path": "/v1/*", "method": "POST", "kind": "status", "status": 503, "times": 9})
    assert code(client.delete(f"{URL}{card}/")) == (502, "payment_provider_error")
    assert code(client.post(URL, {"payment_method": "pm_card_amex"})) == (502, "payment_provider_error")
    assert listed(client) == [("visa", "4242", True)]


def test_an_erased_customer_leaves_no_card_here_or_there(stripe, deliver):
    user = UserFactory()
    client = ApiClient(user)
    saved(client)
    with transaction.atomic():
        events.record("user.erased", target=user)
    stripe.control("POST", "faults", {"path": "/v1/customers/*", "method": "DELETE", "kind": "status", "status": 503})
    deliver()
    process_pending_payments()
    assert (SavedCard.objects.count(), PaymentCustomer.objects.count()) == (0, 1)
    stripe.control("DELETE", "faults")
    customer = PaymentCustomer.objects.get()
    customer.forget_at = customer.created_at
    customer.save()
    process_pending_payments()
    assert PaymentCustomer.objects.count() == 0
    assert [row.get("deleted") for row in at_stripe(stripe, "customer")] == [True]
    assert cards.erase_at_provider(customer.pk) is False
