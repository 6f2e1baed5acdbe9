"""Stock under many hands at once, with real connections; each race prints its figures."""

import time
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.orders.models import Order
from apps.products.models import StockLevel, StockMovement, StockReservation
from apps.products.services import stock
from tests.factories import WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place
from tests.payments.ledger import assert_books_agree, confirm, intent_for
from tests.products.test_stock_rules import run_out
from tests.races.test_checkout_races import assert_ledger_adds_up, place_with
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_fifty_buyers_of_ten_units_over_two_warehouses():
    shop_rates()
    variant = sellable(stock=4)
    receive(variant, 6, warehouse=WarehouseFactory(code="second", name="Second", priority=1))
    buyers = [cart_with(variant) for _ in range(50)]
    answers = Counter(together([lambda buyer=buyer: place_with(buyer) for buyer in buyers]))
    print(f"50 buyers, 10 units in 2 warehouses: {dict(answers)}")
    assert answers == {(201, "placed"): 10, (409, "insufficient_stock"): 40}
    assert sorted(StockLevel.objects.values_list("on_hand", "reserved")) == [(4, 4), (6, 6)]
    assert_ledger_adds_up()


def test_without_locks_the_same_buyers_are_promised_too_much():
    """Positive control: the levels are read without a lock and the sum is written back; the last guard is off, too."""
    variant = sellable(stock=2)
    StockLevel.objects.update(backorder_limit=100, safety_stock=100)

    def naive() -> bool:
        with transaction.atomic():
            level = StockLevel.objects.get(variant=variant)
            if level.available < 1:
                return False
            time.sleep(0.2)
            StockLevel.objects.filter(pk=level.pk).update(reserved=level.reserved + 1)
            return True

    sold = together([naive] * 6).count(True)
    print(f"without locks 6 buyers of 2 units: {sold} promises")
    assert sold > 2


def test_payment_against_the_end_of_the_hold_sells_each_unit_once(stripe):
    shop_rates()
    variant = sellable(stock=3)
    late = [place(variant) for _ in range(3)]
    payments = [(client, intent_for(client, order)["id"]) for client, order in late]
    for _, order in late:
        run_out(order)
    others = [cart_with(variant) for _ in range(6)]
    together(
        [
            *(
                lambda client=client, payment=payment: confirm(client, payment).status_code
                for client, payment in payments
            ),
            *(lambda buyer=buyer: buyer.post("/orders/", order_body()).status_code for buyer in others),
        ]
    )
    held = sum(StockReservation.objects.filter(status="held").values_list("quantity", flat=True))
    sold = sum(StockReservation.objects.filter(status="committed").values_list("quantity", flat=True))
    print(f"3 late payments against 6 buyers of 3 units: {sold} sold, {held} held")
    assert sold + held == 3
    assert Order.objects.filter(status="confirmed").count() == sold
    refunded = Order.objects.filter(pk__in=[order.pk for _, order in late], status="cancelled")
    assert set(refunded.values_list("payment_status", flat=True)) <= {"refunded"}
    assert refunded.count() == 3 - sold
    assert StockLevel.objects.values_list("on_hand", "reserved").get() == (3 - sold, held)
    assert_ledger_adds_up()
    assert_books_agree(stripe)


def test_adjustments_against_reservations_never_promise_what_was_taken_away():
    variant = sellable(stock=10)
    level = StockLevel.objects.get()

    def reserve() -> str:
        with transaction.atomic():
            stock.reserve(
                reference=uuid.uuid4(),
                lines=[stock.StockLine(variant.pk, 1)],
                expires_at=timezone.now() + timedelta(minutes=5),
            )
        return "reserved"

    results = Counter(
        str(each) if isinstance(each, str) else type(each).__name__
        for each in together(
            [reserve] * 12
            + [lambda: stock.adjust(level_id=level.pk, delta=-1, reason="broken").on_hand and "adjusted"] * 12
        )
    )
    level.refresh_from_db()
    print(f"12 reservations against 12 write-offs of 10 units: {dict(results)}, {level.on_hand} - {level.reserved}")
    assert level.on_hand == 10 + sum(StockMovement.objects.filter(quantity__lt=0).values_list("quantity", flat=True))
    assert 0 <= level.reserved <= level.on_hand
    assert level.on_hand - level.reserved == 0
    assert_ledger_adds_up()


def test_without_locks_an_adjustment_and_a_reservation_take_the_same_unit():
    """Positive control: both read, wait and write back the numbers they computed; the table's guard is widened."""
    sellable(stock=11)
    StockLevel.objects.update(backorder_limit=10, safety_stock=20)

    def naive_reserve() -> bool:
        level = StockLevel.objects.get()
        time.sleep(0.2)
        return level.available > 0 and bool(StockLevel.objects.update(reserved=level.reserved + 1))

    def naive_write_off() -> bool:
        level = StockLevel.objects.get()
        time.sleep(0.2)
        return level.available > 0 and bool(StockLevel.objects.update(on_hand=level.on_hand - 1))

    both = together([naive_reserve, naive_write_off])
    level = StockLevel.objects.get()
    left = level.on_hand + level.backorder_limit - level.safety_stock - level.reserved
    print(f"without locks a reservation and a write-off of the last unit: {both}, {left} left to sell")
    assert (both, left) == ([True, True], -1)


def test_without_the_clock_under_the_lock_a_late_payment_would_sell_what_another_holds():
    """Positive control: the payment believes in its hold because it once read it; a buyer has taken the unit since."""
    variant = sellable(stock=1)
    mine = uuid.uuid4()
    lines = [stock.StockLine(variant.pk, 1)]
    with transaction.atomic():
        stock.reserve(reference=mine, lines=lines, expires_at=timezone.now() + timedelta(milliseconds=300))

    def naive_payment() -> bool:
        is_mine = StockReservation.objects.filter(reference=mine, status="held").exists()
        time.sleep(0.8)
        if is_mine:
            StockLevel.objects.update(on_hand=0)
        return is_mine

    def buyer() -> bool:
        time.sleep(0.4)
        with transaction.atomic():
            soon = timezone.now() + timedelta(minutes=5)
            stock.reserve(reference=uuid.uuid4(), lines=lines, expires_at=soon)
        return True

    results = together([naive_payment, buyer])
    print(f"a payment that trusts what it read, against a buyer of the same unit: {results}")
    # Only the table's own constraint is left, and it refuses.
    assert (type(results[0]).__name__, results[1]) == ("IntegrityError", True)
    assert StockLevel.objects.values_list("on_hand", "reserved").get() == (1, 1)


def test_reservations_that_replace_each_other_in_opposite_order_do_not_deadlock():
    first, second = sellable(stock=100), sellable(stock=100)
    soon = timezone.now() + timedelta(minutes=5)

    def churn(order: list) -> int:
        reference = uuid.uuid4()
        for _ in range(5):
            with transaction.atomic():
                lines = [stock.StockLine(variant.pk, 1) for variant in order]
                stock.reserve(reference=reference, lines=lines[:1], expires_at=soon, replaces=[reference])
            with transaction.atomic():
                stock.reserve(reference=reference, lines=lines, expires_at=soon, replaces=[reference])
        return 1

    results = together([lambda: churn([first, second]), lambda: churn([second, first])] * 6)
    print(f"12 carts that change their holds 10 times in opposite order: {results.count(1)} done")
    assert results == [1] * 12
    assert set(StockLevel.objects.values_list("reserved", flat=True)) == {12}
    assert_ledger_adds_up()
