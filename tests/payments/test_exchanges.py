"""Exchanges: a replacement at the price that was paid, the difference refunded or still to be paid."""

from decimal import Decimal
from typing import Any

import pytest

from apps.orders.models import Invoice, Order, OrderItem, Return
from apps.orders.services import lifecycle, stock_audit, transitions
from apps.payments.models import Payment, Refund
from apps.payments.services import refunds
from apps.payments.tasks import process_pending_payments
from apps.products.models import ProductVariant, StockLevel
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.return_steps import approved, arrive, delivered, desk, status, wish
from tests.orders.steps import place
from tests.payments.ledger import at_stripe, confirm, intent_for
from tests.payments.test_refunds import usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def bought(instead: str, *, stock: int = 5) -> tuple[ApiClient, Order, OrderItem, ProductVariant]:
    """Two units of 19.99 (43.53 with tax: 21.77 and 21.76), paid and delivered; and another variant of the product."""
    small = sellable(price="19.99", sku="SHIRT-S")
    large = sellable(price=instead, sku="SHIRT-L", product=small.product, stock=stock)
    client, order = place(small, quantity=2, user=UserFactory(email="alice@example.com"))
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    for to in ("shipped", "delivered"):
        transitions.transition(order_id=order.pk, to=to)
    return client, order, order.items.get(), large


def came_back(client: ApiClient, order: Order, item: OrderItem, units: int = 1) -> str:
    """The id of a received return whose buyer wants SHIRT-L instead."""
    lines = [{**wish(item, units)["lines"][0], "exchange_for": "SHIRT-L"}]
    asked = client.post(f"/orders/{order.pk}/returns/", {"lines": lines, "outcome": "exchange"})
    assert asked.status_code == 201, asked.json()
    found = str(asked.json()["id"])
    desk().post(f"/admin/returns/{found}/approve/", {})
    assert arrive(found, item, resellable=units).status_code == 200
    return found


def complete(return_id: str, **body: Any) -> Any:
    return desk().post(f"/admin/returns/{return_id}/complete/", body)


def settle(deliver: Any) -> None:
    for _ in range(2):
        deliver()
        process_pending_payments()
    deliver()


def replacement() -> Order:
    return Order.objects.get(exchange_of__isnull=False)


def on_hand(sku: str) -> int:
    return StockLevel.objects.get(variant__sku=sku).on_hand


def test_an_even_exchange_costs_nothing_and_is_ready_to_ship(stripe, deliver):
    client, order, item, _ = bought("19.99")
    found = came_back(client, order, item)
    answer = complete(found)
    assert (answer.status_code, answer.json()["amount"]) == (200, usd("21.76"))
    settle(deliver)
    new = replacement()
    assert answer.json()["replacement"] == str(new.pk)
    assert (new.status, new.payment_status, new.total, new.user_id) == (
        "confirmed",
        "paid",
        Decimal("21.76"),
        order.user_id,
    )
    line = new.items.get()
    assert (line.sku, line.quantity, line.unit_price, line.tax) == ("SHIRT-L", 1, Decimal("19.99"), Decimal("1.77"))
    assert (on_hand("SHIRT-S"), on_hand("SHIRT-L")) == (9, 4)
    assert Refund.objects.count() == 0
    assert sorted(Invoice.objects.values_list("kind", "total")) == [
        ("credit_note", Decimal("21.76")),
        ("invoice", Decimal("21.76")),
        ("invoice", order.total),
    ]
    transitions.transition(order_id=new.pk, to="shipped")
    assert stock_audit.audit() == []
    assert_books_of(stripe)


def assert_books_of(stripe: Any) -> None:
    """What the provider holds is what is left of all orders together."""
    taken = sum(each["amount_received"] for each in at_stripe(stripe, "payment_intent"))
    back = sum(each["amount"] for each in at_stripe(stripe, "refund"))
    cards = Payment.objects.filter(provider="stripe")
    ours = sum(each.captured - each.refunded for each in cards)
    assert ours == Decimal(taken - back) / 100


def test_a_cheaper_replacement_refunds_the_difference(stripe, deliver):
    client, order, item, _ = bought("14.99")
    complete(came_back(client, order, item))
    settle(deliver)
    new = replacement()
    # 14.99 and 8.875 % of it, 1.33
    assert (new.status, new.total) == ("confirmed", Decimal("16.32"))
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [544]
    assert_books_of(stripe)


def test_a_dearer_replacement_waits_for_the_difference(stripe, deliver):
    client, order, item, _ = bought("29.99")
    complete(came_back(client, order, item))
    settle(deliver)
    new = replacement()
    assert (new.status, new.payment_status, new.total) == ("pending", "partly_paid", Decimal("32.65"))
    intent = intent_for(client, new)
    assert intent["amount"] == usd("10.89")
    assert confirm(client, intent["id"]).status_code == 200
    new.refresh_from_db()
    assert (new.status, new.payment_status) == ("confirmed", "paid")
    assert_books_of(stripe)


def test_a_replacement_that_is_given_up_pays_back_to_the_card(stripe, deliver):
    client, order, item, _ = bought("29.99")
    complete(came_back(client, order, item))
    settle(deliver)
    with pytest.raises(refunds.ExceedsRefundable):  # what was moved is not refunded as well
        refunds.request_refund(payment_id=Payment.objects.get(order=order).pk, amount=Decimal("27.22"))
    lifecycle.cancel(order_id=replacement().pk)
    settle(deliver)
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [2176]
    assert (on_hand("SHIRT-L"), replacement().payment_status) == (5, "refunded")
    assert_books_of(stripe)
    assert Payment.objects.get(order=order).refunded == Decimal("21.76")
    notes = order.invoices.filter(kind="credit_note").values_list("total", flat=True)
    assert list(notes) == [Decimal("21.76")]  # once: the goods, when they were exchanged


def test_without_stock_nothing_is_settled_and_a_refund_is_possible(deliver):
    client, order, item, _ = bought("19.99", stock=0)
    found = came_back(client, order, item)
    assert code(complete(found)) == (409, "insufficient_stock")
    item.refresh_from_db()
    assert (status(found), item.refunded_quantity, Order.objects.count()) == ("received", 0, 1)
    assert complete(found, outcome="refund").status_code == 200
    settle(deliver)
    assert Refund.objects.get().amount == Decimal("21.76")


def test_only_another_variant_of_the_product_may_be_had():
    client, order, item, _ = bought("19.99")
    sellable(sku="OTHER")
    for sku, problem in (("OTHER", "does_not_exist"), ("NO", "does_not_exist"), ("", "required")):
        lines = [{**wish(item)["lines"][0], "exchange_for": sku}]
        answer = client.post(f"/orders/{order.pk}/returns/", {"lines": lines, "outcome": "exchange"})
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["pointer"], error["code"]) == (400, "/lines/0/exchange_for", problem)
    assert Return.objects.count() == 0


def test_an_exchange_of_which_nothing_was_chosen_is_refused():
    client, order, item = delivered()
    found = approved(client, order, item)
    arrive(found, item, resellable=1)
    answer = complete(found, outcome="exchange")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/outcome")
    assert (status(found), Order.objects.count()) == ("received", 1)


def test_nobody_pays_with_an_exchange():
    client, order = place(sellable())
    body = {"order": str(order.pk), "provider": "exchange"}
    assert code(client.post("/payments/create-intent/", body)) == (409, "payment_method_unavailable")
    assert Payment.objects.count() == 0
