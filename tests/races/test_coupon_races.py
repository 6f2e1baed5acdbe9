"""Coupons and offers under many orders at once, with real connections; without the guards the faults appear."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from apps.cart.models import Coupon, Promotion, PromotionUse
from apps.cart.services import promotion_use
from apps.orders.models import Order
from apps.orders.services import lifecycle
from tests.cart.offers import coupon, offer
from tests.client import ApiClient
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def buyers(number: int, code: str = "TEN") -> list[ApiClient]:
    """Guests' carts of 20.00 with a coupon each."""
    variant = sellable(stock=number, price="20.00")
    clients = [cart_with(variant) for _ in range(number)]
    for client in clients:
        assert client.post("/cart/coupons/", {"code": code}).status_code == 200
    return clients


def placing(client: ApiClient, **body: Any) -> Callable[[], tuple[int, str, str]]:
    def place() -> tuple[int, str, str]:
        response = client.post("/orders/", order_body(**body))
        answer = response.json()
        return response.status_code, answer.get("code", "placed"), answer.get("reason", "")

    return place


def assert_uses_are_live_orders() -> None:
    """Uses == live orders that carry the promotion; counters == uses wherever there is a limit."""
    live = Order.objects.exclude(status="cancelled")
    carried = Counter(live.values_list("discounts__promotion_id", flat=True).exclude(discounts=None))
    used = Counter(PromotionUse.objects.live().values_list("promotion_id", flat=True))
    assert used == carried
    for promotion in Promotion.objects.exclude(usage_limit=None):
        assert promotion.used_count == used[promotion.pk] <= promotion.usage_limit
    for each in Coupon.objects.exclude(usage_limit=None):
        assert each.used_count == each.uses.live().count() <= each.usage_limit


@pytest.mark.parametrize("where", ["promotion", "coupon"])
def test_fifty_orders_of_a_ten_use_coupon_end_in_exactly_ten_that_carry_it(where):
    shop_rates()
    limits = {"promotion": ({"usage_limit": 10}, {}), "coupon": ({}, {"usage_limit": 10})}[where]
    coupon("TEN", promotion=offer(needs_coupon=True, **limits[0]), **limits[1])
    answers = Counter(together([placing(client) for client in buyers(50)]))
    print(f"50 orders, 10 uses by {where}: {dict(answers)}")
    reason = {"promotion": "usage_limit_reached", "coupon": "code_used"}[where]
    assert answers == {(201, "placed", ""): 10, (409, "coupon_expired", reason): 40}
    assert set(Order.objects.values_list("discount_total", flat=True)) == {Decimal("2.0000")}
    assert PromotionUse.objects.live().count() == 10
    assert_uses_are_live_orders()


def test_without_the_limit_in_the_update_the_same_coupon_is_used_too_often(monkeypatch):
    """Positive control: read, wait, write. The constraint lets the count pass, for each writes the same number."""
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, usage_limit=3))

    def naive(applied: Any, promotions: Any) -> None:
        for each in applied:
            seen = Promotion.objects.get(pk=each.key).used_count
            time.sleep(0.2)
            if seen >= 3:
                raise promotion_use.refused(code=each.code, name=each.name, reason="usage_limit_reached")
            Promotion.objects.filter(pk=each.key).update(used_count=seen + 1)

    monkeypatch.setattr(promotion_use, "_count_promotions", naive)
    answers = Counter(together([placing(client) for client in buyers(12)]))
    print(f"12 orders, 3 uses, no guard: {dict(answers)}")
    assert answers[201, "placed", ""] > 3
    assert PromotionUse.objects.live().count() > Promotion.objects.get().used_count


def test_the_constraint_alone_refuses_one_use_more_than_the_limit():
    ten = offer(needs_coupon=True, usage_limit=2)

    def unguarded() -> str:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE cart_promotion SET used_count = used_count + 1 WHERE id = %s", [ten.pk])
        return "used"

    results = together([unguarded] * 8)
    assert results.count("used") == 2
    assert {type(each).__name__ for each in results if each != "used"} == {"IntegrityError"}


def test_ten_orders_of_one_guest_use_a_once_per_customer_coupon_once():
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, per_customer_limit=1))
    answers = Counter(
        together([placing(client, email=address) for client, address in zip(buyers(10), spellings(), strict=True)])
    )
    print(f"10 orders of one guest, once per customer: {dict(answers)}")
    assert answers == {(201, "placed", ""): 1, (409, "coupon_not_applicable", "customer_limit_reached"): 9}
    assert_uses_are_live_orders()


def spellings() -> list[str]:
    return [address for _ in range(5) for address in ("someone@example.com", "SomeOne@Example.com")]


def test_an_account_and_guests_with_its_address_share_the_cap():
    shop_rates()
    user = UserFactory(email="carol@example.com")
    coupon("TEN", promotion=offer(needs_coupon=True, per_customer_limit=2))
    clients = buyers(5)
    mine = cart_with(sellable(price="20.00"), user=user)
    mine.post("/cart/coupons/", {"code": "TEN"})
    calls = [placing(client, email="carol@example.com") for client in clients]
    answers = Counter(together([*calls, placing(mine, email="other@example.com")]))
    assert answers == {(201, "placed", ""): 2, (409, "coupon_not_applicable", "customer_limit_reached"): 4}
    assert_uses_are_live_orders()


def test_without_the_customers_lock_the_cap_per_customer_leaks(monkeypatch):
    """Positive control: everybody counts, nobody waits."""
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, per_customer_limit=1))
    monkeypatch.setattr(promotion_use, "_wait_for_the_customers_other_orders", lambda *_: None)
    counted = promotion_use.used_by

    def slowly(*arguments: Any) -> Any:
        found = counted(*arguments)
        time.sleep(0.2)
        return found

    clients = buyers(6)
    monkeypatch.setattr(promotion_use, "used_by", slowly)
    answers = Counter(together([placing(client) for client in clients]))
    assert answers[201, "placed", ""] > 1


def test_two_first_orders_of_one_person_at_once_get_one_first_order_offer():
    shop_rates()
    coupon("FIRST", promotion=offer("First", needs_coupon=True, first_order=True))
    answers = Counter(together([placing(client) for client in buyers(6, "FIRST")]))
    assert answers[201, "placed", ""] == 1
    assert sum(answers.values()) == 6
    assert PromotionUse.objects.live().count() == 1


def test_cancelling_and_ordering_at_once_keep_uses_and_orders_equal():
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, usage_limit=4), usage_limit=4)
    clients = buyers(12)
    first, rest = clients[:4], clients[4:]
    assert {placing(client)()[0] for client in first} == {201}
    placed = list(Order.objects.values_list("id", flat=True))
    cancelling = [lambda order_id=order_id: lifecycle.cancel(order_id=order_id).status for order_id in placed * 2]
    answers = together([*cancelling, *(placing(client) for client in rest)])
    assert answers[:8] == ["cancelled"] * 8
    assert {answer[0] for answer in answers[8:]} <= {201, 409}
    assert Order.objects.exclude(status="cancelled").count() <= 4
    assert_uses_are_live_orders()


def test_orders_with_the_same_two_capped_offers_do_not_deadlock():
    shop_rates()
    for name in ("A-CODE", "B-CODE"):
        coupon(name, promotion=offer(name, group="", needs_coupon=True, usage_limit=100), usage_limit=100)
    clients = buyers(16, "A-CODE")
    for client in clients:
        assert client.post("/cart/coupons/", {"code": "B-CODE"}).status_code == 200
    Promotion.objects.filter(name="B-CODE").update(priority=1)
    assert Counter(together([placing(client) for client in clients])) == {(201, "placed", ""): 16}
    assert_uses_are_live_orders()


def test_an_offer_switched_off_during_the_checkout_is_not_used():
    shop_rates()
    ten = offer(needs_coupon=True)
    coupon("TEN", promotion=ten)

    def switch_off() -> str:
        with transaction.atomic():
            Promotion.objects.lock().filter(pk=ten.pk).get()
            Promotion.objects.filter(pk=ten.pk).update(status="paused")
            before = PromotionUse.objects.count()
            time.sleep(0.3)
            assert PromotionUse.objects.count() == before
        return "off"

    clients = buyers(8)
    answers = Counter(together([switch_off, *(placing(client) for client in clients)]))
    assert set(answers) <= {"off", (201, "placed", ""), (409, "coupon_expired", "not_running")}
    assert answers["off"] == 1
    assert_uses_are_live_orders()


def test_a_limit_that_is_set_while_orders_come_counts_every_live_use():
    ten = offer(needs_coupon=True)
    references = [uuid.uuid4() for _ in range(6)]

    def order(reference: uuid.UUID) -> str:
        applied = [promotion_use.AppliedPromotion(ten.pk, ten.name, "", Decimal(1), Decimal(0))]
        with transaction.atomic():
            promotion_use.use(
                reference=reference, applied=applied, customer=promotion_use.Customer(), email="a@example.com"
            )
            time.sleep(0.1)
        return "used"

    def limit() -> str:
        time.sleep(0.03)
        with transaction.atomic():
            Promotion.objects.lock().filter(pk=ten.pk).get()
            Promotion.objects.filter(pk=ten.pk).update(usage_limit=100, used_count=ten.uses.live().count())
        return "limited"

    results = together([limit, *(lambda reference=reference: order(reference) for reference in references)])
    assert results == ["limited"] + ["used"] * 6
    ten.refresh_from_db()
    assert ten.used_count == ten.uses.live().count() == 6
