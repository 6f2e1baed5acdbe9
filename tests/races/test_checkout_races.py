"""Many shoppers at once, with real connections. Each protection is shown to matter: without it the fault appears."""

import random
import time
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.cart.models import Cart
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.products.models import Product, StockLevel, StockMovement, StockReservation
from apps.products.services import stock
from apps.products.services.stock_changes import NegativeStock
from tests.client import ApiClient
from tests.factories import UserFactory, WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def place_with(client: ApiClient, **headers: str) -> tuple[int, str]:
    response = client.post("/orders/", order_body(), **headers)
    return response.status_code, response.json().get("code", "placed")


def assert_ledger_adds_up() -> None:
    for level in StockLevel.objects.all():
        moved = sum(StockMovement.objects.filter(level=level).values_list("quantity", flat=True))
        held = sum(StockReservation.objects.filter(level=level, status="held").values_list("quantity", flat=True))
        assert (level.on_hand, level.reserved) == (moved, held)


def test_forty_buyers_of_ten_units_end_in_exactly_ten_orders():
    shop_rates()
    variant = sellable(stock=10)
    buyers = [cart_with(variant) for _ in range(40)]
    answers = Counter(together([lambda buyer=buyer: place_with(buyer) for buyer in buyers]))
    assert answers == {(201, "placed"): 10, (409, "insufficient_stock"): 30}
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved) == (10, 10)
    assert (Order.objects.count(), StockReservation.objects.count()) == (10, 10)
    assert Product.objects.get().in_stock is False
    assert Cart.objects.filter(status="open").count() == 30
    assert_ledger_adds_up()


def test_buyers_of_the_last_units_over_two_warehouses_never_oversell():
    shop_rates()
    variant = sellable(stock=3)
    receive(variant, 4, warehouse=WarehouseFactory(code="second", name="Second", priority=1))
    buyers = [cart_with(variant, quantity=2) for _ in range(12)]
    answers = Counter(together([lambda buyer=buyer: place_with(buyer) for buyer in buyers]))
    assert answers == {(201, "placed"): 3, (409, "insufficient_stock"): 9}
    assert sum(StockLevel.objects.values_list("reserved", flat=True)) == 6
    assert_ledger_adds_up()


def test_without_the_guard_the_same_race_sells_one_unit_twice():
    """Positive control: read, wait, write. The window that `reserve` does not have."""
    variant = sellable(stock=1)

    def naive() -> bool:
        with transaction.atomic():
            level = StockLevel.objects.get(variant=variant)
            time.sleep(0.2)
            if level.available < 1:
                return False
            StockReservation.objects.create(
                reference=uuid.uuid4(), level=level, quantity=1, expires_at=timezone.now() + timedelta(minutes=1)
            )
            StockLevel.objects.filter(pk=level.pk).update(reserved=level.reserved + 1)
            return True

    assert together([naive] * 4).count(True) > 1
    assert StockReservation.objects.count() > StockLevel.objects.get().on_hand


def test_the_constraint_alone_refuses_to_promise_what_is_not_there():
    """The last line of defence: no lock, no check in the UPDATE, the table itself says no."""
    variant = sellable(stock=1)

    def unguarded() -> str:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE products_stocklevel SET reserved = reserved + 1 WHERE variant_id = %s", [variant.id])
        return "promised"

    results = together([unguarded] * 8)
    assert results.count("promised") == 1
    assert [type(each).__name__ for each in results if each != "promised"] == ["IntegrityError"] * 7
    assert StockLevel.objects.get().reserved == 1


def test_the_constraint_alone_lets_units_be_sold_ahead_up_to_the_limit_and_none_below_zero():
    variant = sellable(stock=1)
    StockLevel.objects.update(backorder_limit=3)

    def unguarded(units: int) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE products_stocklevel SET reserved = reserved + %s WHERE variant_id = %s", [units, variant.id]
            )
        return "done"

    results = together([lambda: unguarded(1)] * 8)
    print(f"8 promises of 1 unit with 3 to be sold ahead, constraint alone: {results.count('done')} made")
    assert (results.count("done"), StockLevel.objects.get().reserved) == (4, 4)
    back = together([lambda: unguarded(-1)] * 8)
    assert (back.count("done"), StockLevel.objects.get().reserved) == (4, 0)
    assert {type(each).__name__ for each in results + back if each != "done"} == {"IntegrityError"}


def test_without_the_order_of_locks_the_same_carts_deadlock():
    """Positive control: levels locked as the carts name them, not by primary key."""
    first, second = (receive(sellable(stock=1), 9).pk for _ in range(2))

    def naive(order: list[uuid.UUID]) -> str:
        with transaction.atomic():
            for pk in order:
                StockLevel.objects.select_for_update().get(pk=pk)
                time.sleep(0.2)
        return "done"

    results = together([lambda: naive([first, second]), lambda: naive([second, first])])
    print(f"2 carts in opposite order, locks as named: {[str(each).splitlines()[0] for each in results]}")
    assert any("deadlock" in str(each) for each in results)


def test_carts_that_name_the_same_skus_in_opposite_order_do_not_deadlock():
    shop_rates()
    variants = [sellable(stock=1000) for _ in range(6)]
    buyers = []
    for _ in range(16):
        shuffled = random.sample(variants, k=len(variants))
        client = cart_with(shuffled[0])
        for variant in shuffled[1:]:
            client.post("/cart/items/", {"sku": variant.sku})
        buyers.append(client)
    answers = Counter(together([lambda buyer=buyer: place_with(buyer) for buyer in buyers]))
    assert answers == {(201, "placed"): 16}
    assert set(StockLevel.objects.values_list("reserved", flat=True)) == {16}


def test_forty_identical_posts_with_one_key_make_one_order_and_one_answer():
    shop_rates()
    client = cart_with(sellable(stock=50), user=UserFactory())

    def post() -> tuple[int, str, bool]:
        response = client.post("/orders/", order_body(), Idempotency_Key="one")
        return response.status_code, response.json().get("id"), "Idempotent-Replayed" in response

    answers = together([post] * 40)
    assert {answer[:2] for answer in answers} == {(201, str(Order.objects.get().id))}
    assert sum(answer[2] for answer in answers) == 39
    assert StockLevel.objects.get().reserved == 1


def test_forty_posts_without_a_key_still_make_one_order_per_cart():
    shop_rates()
    client = cart_with(sellable(stock=50))
    answers = Counter(together([lambda: place_with(client)] * 40))
    assert answers == {(201, "placed"): 1, (409, "cart_already_ordered"): 39}
    assert (Order.objects.count(), StockLevel.objects.get().reserved) == (1, 1)


def test_a_customers_first_two_adds_make_one_cart():
    variant, user = sellable(stock=100), UserFactory()
    client = ApiClient(user)
    statuses = together([lambda: client.post("/cart/items/", {"sku": variant.sku}).status_code] * 12)
    assert statuses == [201] * 12
    assert Cart.objects.filter(user=user).count() == 1
    assert client.get("/cart/").json()["item_count"] == 12


def test_payment_and_expiry_at_the_same_moment_end_in_one_of_them():
    shop_rates()
    for _ in range(5):
        variant = sellable(stock=2)
        client = cart_with(variant)
        order = Order.objects.get(id=client.post("/orders/", order_body()).json()["id"])
        Order.objects.filter(id=order.id).update(expires_at=timezone.now() - timedelta(seconds=1))

        def pay(order_id: uuid.UUID = order.id) -> str:
            with transaction.atomic():
                lifecycle.mark_paid(order=Order.objects.lock().get(pk=order_id))
            return "paid"

        paid, expired = together([pay, lifecycle.cancel_expired])
        order.refresh_from_db()
        if paid == "paid":
            assert (order.status, expired) == ("confirmed", 0)
        else:
            assert isinstance(paid, lifecycle.InvalidTransition)
            assert (order.status, expired) == ("cancelled", 1)
        assert_ledger_adds_up()


def test_an_adjustment_and_a_reservation_cannot_both_take_the_last_unit():
    for _ in range(10):
        variant = sellable(stock=1)
        level = StockLevel.objects.get(variant=variant)

        def reserve(variant_id: uuid.UUID = variant.id) -> str:
            with transaction.atomic():
                stock.reserve(
                    reference=uuid.uuid4(),
                    lines=[stock.StockLine(variant_id, 1)],
                    expires_at=timezone.now() + timedelta(minutes=5),
                )
            return "reserved"

        def adjust(level_id: uuid.UUID = level.pk) -> str:
            stock.adjust(level_id=level_id, delta=-1, reason="damaged")
            return "adjusted"

        results = together([reserve, adjust])
        level.refresh_from_db()
        assert (level.on_hand, level.reserved) in {(1, 1), (0, 0)}
        assert sum(isinstance(each, stock.InsufficientStock | NegativeStock) for each in results) == 1
