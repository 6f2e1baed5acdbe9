"""Two part-cancellations of one line at the same time."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection

from apps.orders.models import LineCancellation, Order, OrderItem
from apps.orders.services import cancellation, lifecycle
from apps.orders.services.fulfilment import Wanted
from apps.products.models import StockLevel
from tests.factories import sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_api_orders import pay
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def paid_order() -> tuple[Order, OrderItem]:
    shop_rates()
    _, order = place(sellable(stock=10), quantity=5)
    pay(order)
    return order, order.items.get()


def test_of_four_cancellations_of_two_of_five_units_two_are_made():
    order, item = paid_order()
    OrderItem.objects.filter(pk=item.pk).update(tax="0.01")
    results = together([lambda: cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 2)])] * 4)
    assert Counter(type(each).__name__ for each in results) == {"Order": 2, "ExceedsOpenQuantity": 2}
    item.refresh_from_db()
    assert (item.cancelled_quantity, LineCancellation.objects.count(), StockLevel.objects.get().on_hand) == (4, 2, 9)
    assert sum(LineCancellation.objects.values_list("tax", flat=True)) == Decimal("0.01")


def test_without_the_lock_two_parts_would_get_the_same_units_share(monkeypatch):
    """Positive control: the order is read, not locked, and both take the first unit's cents."""
    order, item = paid_order()

    def seen(order_id):
        found = Order.objects.get(pk=order_id)
        list(found.items.all())
        return found

    monkeypatch.setattr(lifecycle, "locked", seen)
    units_wanted = cancellation.fulfilment.units_wanted

    def slowly(items, wanted):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        return units_wanted(items, wanted)

    monkeypatch.setattr(cancellation.fulfilment, "units_wanted", slowly)
    OrderItem.objects.filter(pk=item.pk).update(tax="0.01")
    together([lambda: cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])] * 2)
    # One cent over five units: the first unit carries it. Both callers believe to be the first.
    assert sum(LineCancellation.objects.values_list("tax", flat=True)) == Decimal("0.02")
