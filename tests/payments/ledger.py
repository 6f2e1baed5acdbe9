"""Steps and sums that payment tests share."""

from decimal import Decimal
from typing import Any

from apps.orders.models import Order
from apps.payments.models import Payment
from scripts.standin.server import StripeStandin
from tests.client import ApiClient
from tests.factories import sellable
from tests.orders.steps import place


def order_to_pay(**fields: Any) -> tuple[ApiClient, Order]:
    """A pending order of 50.00 + 5.00 shipping + tax, and the client that may pay it."""
    return place(sellable(price="50.00", stock=5), **fields)


def intent_for(client: ApiClient, order: Order) -> dict[str, Any]:
    response = client.post("/payments/create-intent/", {"order": str(order.pk), "provider": "stripe"})
    assert response.status_code == 201, response.json()
    return response.json()


def confirm(client: ApiClient, payment_id: str, card: str | None = "pm_card_visa") -> Any:
    body = {"payment": payment_id} | ({"payment_method": card} if card else {})
    return client.post("/payments/confirm/", body)


def at_stripe(stripe: StripeStandin, kind: str) -> list[dict[str, Any]]:
    """Objects of a kind (payment_intent, refund, event) that the stand-in holds."""
    return [each for rows in stripe.control("GET", "objects").values() for each in rows if each["object"] == kind]


def assert_books_agree(stripe: StripeStandin) -> None:
    """Per payment: refunded <= captured <= total, equal to the provider's ledger to the cent."""
    intents = {each["id"]: each for each in at_stripe(stripe, "payment_intent")}
    refunds = at_stripe(stripe, "refund")
    for payment in Payment.objects.select_related("order"):
        assert payment.refunded <= payment.captured <= payment.order.total
        received = intents[payment.provider_reference]["amount_received"]
        assert payment.captured == Decimal(received) / 100
        back = sum(r["amount"] for r in refunds if r["payment_intent"] == payment.provider_reference)
        succeeded = sum(payment.refunds.filter(status="succeeded").values_list("amount", flat=True), Decimal(0))
        assert succeeded == Decimal(back) / 100
