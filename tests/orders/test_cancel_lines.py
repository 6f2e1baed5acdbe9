"""Cancelling part of an order: units, shares, stock and refund."""

import random
from decimal import Decimal

import pytest

from apps.common import events
from apps.common.models import Event
from apps.orders.models import LineCancellation, Order, OrderItem
from apps.orders.services import fulfilment, lifecycle, line_shares, stock_audit
from apps.orders.services.fulfilment import Wanted
from apps.payments.models import Payment, PaymentEvent, Refund
from apps.products.models import StockLevel, StockReservation
from tests.client import ApiClient, code
from tests.factories import WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> tuple[ApiClient, Order]:
    shop_rates()
    client, order = place(sellable(price="19.99"), quantity=3)
    pay(order)
    payment = Payment.objects.create(
        order=order,
        provider="stripe",
        provider_reference="pi_1",
        status="succeeded",
        amount=order.total,
        authorised=order.total,
        captured=order.total,
        currency=order.currency,
    )
    PaymentEvent.objects.create(
        payment=payment, provider="stripe", provider_reference="ch_1", kind="captured", amount=order.total
    )
    return client, order


def cancel(client: ApiClient, order: Order, quantity: int, **more: str) -> object:
    lines = [{"item": str(order.items.first().id), "quantity": quantity}]
    return client.post(f"/orders/{order.id}/cancel/", {"lines": lines, **more})


def deliver() -> None:
    while events.deliver_due():
        pass


def test_a_buyer_cancels_one_unit_of_three_and_gets_its_share_back(order):
    client, order = order
    # 3 x 19.99 = 59.97, tax 8.875 % = 5.32; a unit's share: 19.99 and 1.78 (the two after it 1.77)
    answer = cancel(client, order, 1, reason="Too many")
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "confirmed")
    assert (body["items"][0]["cancelled_quantity"], body["items"][0]["quantity"]) == (1, 3)
    assert body["totals"]["cancelled"] == {"amount": "21.77", "currency": "USD"}
    assert body["totals"]["total"] == {"amount": str(order.total.quantize(Decimal("0.01"))), "currency": "USD"}
    level = StockLevel.objects.get()
    assert (level.on_hand, StockReservation.objects.get().quantity) == (8, 2)
    deliver()
    assert list(Refund.objects.values_list("amount", "reason")) == [(Decimal("21.7700"), "Too many")]
    order.refresh_from_db()
    assert order.payment_status == "overpaid"  # until the surplus has left
    assert stock_audit.audit() == []


def test_cancelling_part_by_part_gives_back_exactly_what_was_paid(order):
    client, order = order
    for left in (2, 1):
        cancel(client, order, 1)
        assert Order.objects.get().status == "confirmed"
        assert OrderItem.objects.get().open_quantity == left
    assert cancel(client, order, 1).json()["status"] == "cancelled"
    deliver()
    assert sum(Refund.objects.values_list("amount", flat=True)) == order.total
    assert Order.objects.get().payment_status == "refunded"
    assert (StockLevel.objects.get().on_hand, StockReservation.objects.filter(status="committed").count()) == (10, 0)
    assert stock_audit.audit() == []


@pytest.mark.parametrize("currency", ["USD", "JPY"])
def test_the_shares_of_all_units_add_up_however_they_are_taken(currency):
    rng = random.Random(currency)
    for _ in range(200):
        amount = Decimal(rng.randrange(100_000)) / (100 if currency == "USD" else 1)
        sizes = [rng.randint(1, 9) for _ in range(rng.randint(1, 6))]
        before, shares = 0, []
        for size in sizes:
            part = line_shares.share(amount, units=sum(sizes), before=before, taken=size, currency=currency)
            shares.append(part)
            before += size
        assert sum(shares) == amount
        assert min(shares) >= 0


def test_no_more_than_is_left_is_cancelled_and_what_is_packed_is_not(order):
    client, order = order
    fulfilment.ship(order_id=order.pk, wanted=[Wanted(order.items.get().pk, 2)])
    refused = cancel(client, order, 2)
    assert code(refused) == (409, "exceeds_open_quantity")
    assert refused.json()["items"][0]["available"] == 1
    assert (LineCancellation.objects.count(), StockLevel.objects.get().on_hand) == (0, 7)
    assert cancel(client, order, 1).status_code == 200
    assert Order.objects.get().status == "confirmed"


def test_when_the_rest_is_cancelled_what_has_left_makes_the_order_shipped(order):
    client, order = order
    fulfilment.ship(order_id=order.pk, wanted=[Wanted(order.items.get().pk, 2)], is_leaving=True)
    assert cancel(client, order, 1).json()["status"] == "shipped"
    assert code(cancel(client, order, 1))[0] == 409
    deliver()
    assert Refund.objects.get().amount == Decimal("21.77")


def test_an_unpaid_order_is_cancelled_whole_or_not_at_all():
    shop_rates()
    client, order = place(sellable(), quantity=2)
    assert code(cancel(client, order, 1)) == (409, "not_cancellable")
    assert Order.objects.get().status == "pending"
    assert cancel(client, order, 2).json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 1}],
        [{"item": "x", "quantity": 1}],
        [{"quantity": 1}],
    ],
)
def test_bad_lines_are_400_and_nothing_changes(order, lines):
    client, order = order
    assert client.post(f"/orders/{order.id}/cancel/", {"lines": lines}).status_code == 400
    assert (Order.objects.get().status, LineCancellation.objects.count()) == ("confirmed", 0)


def test_units_go_back_to_the_warehouses_that_hold_them():
    shop_rates()
    variant = sellable(stock=2)
    receive(variant, 2, warehouse=WarehouseFactory(code="second", name="Second", priority=5))
    client, order = place(variant, quantity=4)
    pay(order)
    assert cancel(client, order, 3).status_code == 200
    assert sorted(StockLevel.objects.values_list("on_hand", flat=True)) == [1, 2]
    assert stock_audit.audit() == []
    lifecycle.cancel(order_id=order.pk)
    assert list(StockLevel.objects.values_list("on_hand", flat=True)) == [2, 2]
    assert stock_audit.audit() == []


def test_the_timeline_tells_of_the_cancelled_units(order):
    client, order = order
    cancel(client, order, 1, reason="Too many")
    [entry] = [e for e in client.get(f"/orders/{order.id}/timeline/").json()["results"] if e["kind"] == "change"]
    assert (entry["event"], entry["actor"], entry["reason"], entry["amount"]["amount"]) == (
        "order.lines_cancelled",
        "guest",
        "Too many",
        "21.77",
    )


def test_two_lines_are_cancelled_together():
    shop_rates()
    first, second = sellable(), sellable()
    client = cart_with(first, quantity=2)
    client.post("/cart/items/", {"sku": second.sku, "quantity": 1})
    placed = client.post("/orders/", order_body()).json()
    order = Order.objects.get(pk=placed["id"])
    pay(order)
    client.headers["X-Order-Token"] = placed["order_token"]
    lines = [{"item": line["id"], "quantity": 1} for line in placed["items"]]
    assert client.post(f"/orders/{order.id}/cancel/", {"lines": lines}).status_code == 200
    assert sorted(OrderItem.objects.values_list("cancelled_quantity", flat=True)) == [1, 1]
    assert Event.objects.filter(type="order.lines_cancelled").count() == 1
    left = staff_client("view_order").get(f"/admin/orders/{order.id}/shipments/").json()["open"]
    assert [[line["quantity"] for line in parcel["lines"]] for parcel in left] == [[1]]
