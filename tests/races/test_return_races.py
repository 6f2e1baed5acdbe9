"""Two returns of the same units at the same moment, from two connections."""

from collections import Counter

import pytest
from django.db import connection

from apps.orders.models import Order, OrderItem, Return
from apps.orders.services import fulfilment, lifecycle, return_moves, return_receipts, returns, stock_audit
from apps.orders.services.fulfilment import Wanted
from apps.orders.services.return_receipts import Arrived
from apps.orders.services.returns import Asked
from apps.products.models import StockLevel
from tests.factories import sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_api_orders import pay
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def sent(quantity: int, *, leaving: int) -> tuple[Order, OrderItem]:
    """An order of which some units have left and the others are packed."""
    shop_rates()
    _, order = place(sellable(stock=10), quantity=quantity)
    pay(order)
    item = order.items.get()
    fulfilment.ship(order_id=order.pk, wanted=[Wanted(item.pk, leaving)], is_leaving=True)
    if leaving < quantity:
        fulfilment.ship(order_id=order.pk, wanted=None)
    return order, item


def ask(order: Order, item: OrderItem) -> Return:
    return returns.request_return(order_id=order.pk, lines=[Asked(item.pk, 1, "damaged")])


def test_of_eight_returns_of_one_unit_as_many_are_made_as_were_sent(capsys):
    order, item = sent(5, leaving=3)
    results = Counter(type(each).__name__ for each in together([lambda: ask(order, item)] * 8))
    item.refresh_from_db()
    with capsys.disabled():
        print(f"\nreturns: 8 callers, 3 units sent: {dict(results)}, {item.returned_quantity} counted")
    assert results == {"Return": 3, "ExceedsReturnable": 5}
    assert (item.returned_quantity, Return.objects.count()) == (3, 3)


def test_without_the_lock_more_than_was_sent_would_come_back(monkeypatch):
    """Positive control: the order is read, not locked; two callers see the one unit that has left."""
    order, item = sent(2, leaving=1)
    monkeypatch.setattr(lifecycle, "locked", lambda order_id: Order.objects.get(pk=order_id))
    looked = returns.returnable_units

    def slowly(order: Order):
        found = looked(order)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        return found

    monkeypatch.setattr(returns, "returnable_units", slowly)
    # Events of one order have one sequence: without the lock they collide, which is not what is looked at here.
    monkeypatch.setattr(return_moves, "tell", lambda *args, **kwargs: None)
    together([lambda: ask(order, item)] * 2)
    item.refresh_from_db()
    assert item.returned_quantity == 2


def test_goods_are_received_once(capsys):
    order, item = sent(2, leaving=2)
    rma = ask(order, item)
    return_moves.approve(return_id=rma.pk)
    arrived = [Arrived(item.pk, 1, "resellable")]
    results = together([lambda: return_receipts.receive(return_id=rma.pk, arrived=arrived)] * 6)
    counts = Counter(type(each).__name__ for each in results)
    with capsys.disabled():
        print(f"receipts: 6 callers, one parcel: {dict(counts)}")
    assert counts == {"Return": 1, "InvalidTransition": 5}
    assert (StockLevel.objects.get().on_hand, stock_audit.audit()) == (9, [])


def test_a_withdrawal_against_a_receipt_ends_in_one_of_them():
    order, item = sent(2, leaving=2)
    for _ in range(2):
        rma = ask(order, item)
        return_moves.approve(return_id=rma.pk)
        before = StockLevel.objects.get().on_hand
        together(
            [
                lambda key=rma.pk: return_moves.cancel(return_id=key),
                lambda key=rma.pk: return_receipts.receive(return_id=key, arrived=[Arrived(item.pk, 1, "resellable")]),
            ]
        )
        rma.refresh_from_db()
        back = StockLevel.objects.get().on_hand - before
        assert (rma.status, back) in (("received", 1), ("cancelled", 0))
    assert stock_audit.audit() == []
