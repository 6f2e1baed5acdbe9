"""Staff and shoppers at the same stock at once: every unit is sold, moved or left, and none twice."""

from collections import Counter
from typing import Any

import pytest

from apps.orders.models import Order
from apps.orders.services import stock_audit
from apps.products.models import StockLevel, StockMovement
from apps.products.services import stock_counts
from tests.factories import WarehouseFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body
from tests.products.stock_steps import chief, quantities
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
ADJUST = {"warehouse": "main", "delta": -1, "reason": "Broken", "kind": "damage"}


def buying(buyer: Any) -> Any:
    return lambda: ("order", buyer.post("/orders/", order_body()).status_code)


def breaking(client: Any) -> Any:
    return lambda: ("adjust", client.post("/admin/inventory/A-1/adjustments/", ADJUST).status_code)


def test_adjustments_and_reservations_share_ten_units_without_promising_one_twice():
    shop_rates()
    variant = sellable(stock=10, sku="A-1")
    calls = [buying(cart_with(variant)) for _ in range(12)] + [breaking(chief()) for _ in range(12)]
    answers = Counter(together(calls))
    orders, broken = answers["order", 201], answers["adjust", 201]
    assert orders + broken == 10
    assert (
        answers
        == Counter(
            {("order", 201): orders, ("order", 409): 12 - orders, ("adjust", 201): broken, ("adjust", 409): 12 - broken}
        )
        - Counter()
    )
    assert quantities("A-1") == {"main": (10 - broken, orders)}
    assert Order.objects.count() == orders
    assert stock_audit.audit() == []
    print(f"10 units: {orders} ordered, {broken} broken, {24 - orders - broken} refused")


def test_without_the_checks_of_the_services_the_database_still_refuses(monkeypatch):
    """The condition in the UPDATE holds alone: no adjustment goes below what is promised."""
    shop_rates()
    variant = sellable(stock=10, sku="A-1")
    monkeypatch.setattr("apps.products.services.stock_adjustments.delta_of", lambda wanted, **_: wanted.delta)
    monkeypatch.setattr("apps.products.services.stock_posting._refuse_shortage", lambda *_, **__: None)
    StockLevel.objects.update(reserved=10)
    answers = Counter(together([breaking(chief()) for _ in range(4)]))
    assert answers == {("adjust", 409): 4}
    assert quantities("A-1") == {"main": (10, 10)}
    assert variant.stock_levels.get().movements.filter(kind="damage").count() == 0


def test_transfers_counts_adjustments_and_orders_at_once_leave_a_shop_that_adds_up():
    shop_rates()
    variants = [sellable(stock=40, sku=f"A-{number}") for number in (1, 2, 3)]
    WarehouseFactory(code="second", name="Second", priority=1)
    lines = [{"sku": variant.sku, "quantity": 2} for variant in variants]
    counts = [stock_counts.open_count(warehouse="main", actor=None) for _ in range(3)]
    for number, count in enumerate(counts):
        stock_counts.set_counted(count_id=count.pk, counted=[("A-2", 30 + number), ("A-3", 31 + number)])

    def transfer(client: Any, order: int) -> Any:
        body = {"source": "main", "destination": "second", "lines": lines[::order]}
        return lambda: ("transfer", client.post("/admin/inventory/transfers/", body).status_code)

    def applying(client: Any, count: Any) -> Any:
        return lambda: ("count", client.post(f"/admin/inventory/counts/{count.pk}/apply/").status_code)

    calls = [buying(cart_with(variants[number % 3])) for number in range(9)]
    calls += [transfer(chief(), order) for order in (1, -1, 1, -1)]
    calls += [applying(chief(), count) for count in counts] + [breaking(chief()) for _ in range(4)]
    answers = Counter(together(calls))
    assert answers == {("order", 201): 9, ("transfer", 201): 4, ("count", 200): 3, ("adjust", 201): 4}
    assert quantities("A-1")["main"] == (40 - 8 - 4, 3)
    assert stock_audit.audit() == []
    print(f"20 writers, {StockMovement.objects.count()} movements, no break")
