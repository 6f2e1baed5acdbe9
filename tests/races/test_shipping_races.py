"""Two clerks ship the same units at the same time."""

from collections import Counter

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from apps.orders.models import Order, OrderItem, ShipmentLine
from apps.orders.services import fulfilment, lifecycle
from apps.orders.services.fulfilment import Wanted
from tests.factories import sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_api_orders import pay
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def paid_order() -> tuple[Order, OrderItem]:
    shop_rates()
    _, order = place(sellable(), quantity=3)
    pay(order)
    return order, order.items.get()


def test_of_six_clerks_who_ship_two_of_three_units_one_succeeds():
    order, item = paid_order()
    results = together([lambda: fulfilment.ship(order_id=order.pk, wanted=[Wanted(item.pk, 2)])] * 6)
    assert Counter(type(each).__name__ for each in results) == {"list": 1, "ExceedsOpenQuantity": 5}
    item.refresh_from_db()
    assert (item.shipped_quantity, ShipmentLine.objects.aggregate(n=Sum("quantity"))["n"]) == (2, 2)


def test_without_lock_and_guard_the_same_clerks_would_ship_more_than_there_is(monkeypatch):
    """Positive control: look, wait, write."""
    order, item = paid_order()

    def taken_without_guard(item_id, quantity):
        seen = OrderItem.objects.get(pk=item_id).shipped_quantity
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        OrderItem.objects.filter(pk=item_id).update(shipped_quantity=seen + quantity)

    monkeypatch.setattr(lifecycle, "locked", lambda order_id: Order.objects.get(pk=order_id))
    monkeypatch.setattr(fulfilment, "_take", taken_without_guard)

    def pack() -> None:
        with transaction.atomic():
            fulfilment.make_parcels(
                Order.objects.get(pk=order.pk), [Wanted(item.pk, 2)], fulfilment.Label(), actor=None
            )

    together([pack] * 4)
    assert ShipmentLine.objects.aggregate(n=Sum("quantity"))["n"] > 3
