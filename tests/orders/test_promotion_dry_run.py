"""What past orders would have paid under a draft: worked numbers, nothing changed, bounded."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.cart.models import Cart, Promotion
from apps.common import jobs
from apps.common.models import BackgroundJob, Currency
from apps.orders.models import Order
from tests.cart.offers import coupon, offer
from tests.cart.staff import promotion_staff
from tests.client import ApiClient, code
from tests.contracts.endpoints import fingerprint
from tests.factories import CategoryFactory, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place
from tests.products.money_steps import rate

pytestmark = pytest.mark.django_db(transaction=True)
# What a run itself writes.
OWN = {"common_backgroundjob", "common_event"}


@pytest.fixture
def manager() -> ApiClient:
    return promotion_staff("view_promotion", "view_order")


def try_on(manager: ApiClient, promotion: Promotion, **body: Any) -> dict[str, Any]:
    accepted = manager.post(f"/admin/promotions/{promotion.pk}/dry-run/", body)
    assert accepted.status_code == 202, accepted.json()
    before = fingerprint()
    assert jobs.run(accepted.json()["id"]) is True
    assert {table for table, rows in fingerprint().items() if rows != before[table]} <= OWN
    return manager.get(f"/admin/jobs/{accepted.json()['id']}/").json()["result"]


def money(row: dict[str, Any]) -> tuple[str, str, str]:
    return tuple(row[name]["amount"] for name in ("old_total", "new_total", "difference"))  # type: ignore[return-value]


def draft(**fields: Any) -> Promotion:
    return offer("Draft", status="draft", **fields)


def test_each_order_is_priced_again_with_the_draft_and_its_own_frozen_rates(manager):
    shop_rates()
    bags = CategoryFactory()
    _, bag = place(sellable(price="20.00", product__category=bags))
    _, book = place(sellable(price="10.00"))
    bag.items.get().variant.product.variants.update(price=Decimal("99.00"))
    found = try_on(manager, draft(categories=[bags], starts_at=timezone.now() + timedelta(days=9)))
    # 20.00 - 2.00 + 5.00 + 8.875 % of 18.00 and of 5.00 (1.60 + 0.44) = 25.04; it was 20.00 + 5.00 + 1.78 + 0.44
    assert [(row["number"], row["applied"], row["reason"], *money(row)) for row in found["rows"]] == [
        (bag.number, True, None, "27.22", "25.04", "-2.18"),
        (book.number, False, "no_covered_products", "16.33", "16.33", "0.00"),
    ]
    assert (found["orders"], found["affected"]) == (2, 1)
    assert [money(row) for row in found["sums"]] == [("43.55", "41.37", "-2.18")]


def test_what_the_order_carried_stays_and_competes(manager):
    shop_rates()
    five = offer("Five", kind="amount", value=Decimal("5"))
    place(sellable(price="40.00"))
    Promotion.objects.filter(pk=five.pk).update(value=Decimal("30"), status="paused")
    # 10 % of 40.00 is less than the 5.00 of then.
    lost = try_on(manager, draft())["rows"][0]
    assert (lost["applied"], lost["reason"], money(lost)[2]) == (False, "better_offer_in_group", "0.00")
    # Without a group it comes on top: 10 % of the 35.00 or of the 40.00, by priority.
    Promotion.objects.filter(name="Draft").update(group="", priority=-1)
    row = try_on(manager, Promotion.objects.get(name="Draft"))["rows"][0]
    assert (row["applied"], money(row)) == (True, ("43.55", "39.74", "-3.81"))


def test_an_order_that_carried_it_already_pays_the_same(manager):
    shop_rates()
    ten = offer("Ten")
    place(sellable(price="40.00"))
    row = try_on(manager, ten)["rows"][0]
    assert (row["applied"], money(row)[2]) == (True, "0.00")


def test_shipping_and_gifts_can_be_tried_too(manager):
    shop_rates()
    place(sellable(price="20.00"))
    ship = try_on(manager, draft(kind="free_shipping", value=Decimal(0)))["rows"][0]
    assert money(ship) == ("27.22", "21.78", "-5.44")
    gift = offer("Gift", status="draft", kind="gift", value=Decimal(0), gift=sellable(stock=0))
    row = try_on(manager, gift)["rows"][0]
    assert (row["applied"], money(row)[2]) == (True, "0.00")


def test_caps_and_first_orders_count_over_the_run_oldest_first(manager):
    shop_rates()
    variant, alice = sellable(price="20.00", stock=50), UserFactory()
    for user in (alice, alice, UserFactory(), UserFactory()):
        place(variant, user=user)
    first = try_on(manager, offer("First", status="draft", first_order=True))
    assert [row["applied"] for row in first["rows"]] == [True, False, True, True]
    once = try_on(manager, offer("Once", status="draft", per_customer_limit=1, usage_limit=2))
    assert [(row["applied"], row["reason"]) for row in once["rows"]] == [
        (True, None),
        (False, "customer_limit_reached"),
        (True, None),
        (False, "usage_limit_reached"),
    ]


def test_the_period_and_the_limit_bound_the_run_and_cancelled_orders_are_no_sales(manager):
    shop_rates()
    variant = sellable(price="20.00", stock=50)
    orders = [place(variant)[1] for _ in range(4)]
    now = timezone.now()
    for days, order in enumerate(reversed(orders)):
        Order.objects.filter(pk=order.pk).update(placed_at=now - timedelta(days=days))
    Order.objects.filter(pk=orders[3].pk).update(status="cancelled")
    promotion = draft()
    everything = try_on(manager, promotion)
    assert [row["number"] for row in everything["rows"]] == [order.number for order in orders[:3]]
    assert [row["number"] for row in try_on(manager, promotion, limit=2)["rows"]] == [o.number for o in orders[1:3]]
    period = {"from": (now - timedelta(days=3)).isoformat(), "to": (now - timedelta(days=1)).isoformat()}
    assert [row["number"] for row in try_on(manager, promotion, **period)["rows"]] == [o.number for o in orders[:2]]


def test_a_code_of_the_draft_is_taken_as_entered(manager):
    shop_rates()
    place(sellable(price="20.00"))
    promotion = draft(needs_coupon=True)
    coupon("TEN", promotion=promotion)
    assert try_on(manager, promotion)["affected"] == 1


def test_a_run_needs_both_rights_and_a_sound_request(manager):
    promotion = draft()
    address = f"/admin/promotions/{promotion.pk}/dry-run/"
    assert code(promotion_staff("view_promotion").post(address, {})) == (403, "permission_denied")
    backwards = manager.post(address, {"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"})
    assert [error["pointer"] for error in backwards.json()["errors"]] == ["/to"]
    assert manager.post(address, {"limit": 1001}).status_code == 400
    strange = "/admin/promotions/01890000-0000-7000-8000-000000000000/dry-run/"
    assert code(manager.post(strange, {})) == (404, "not_found")
    assert not BackgroundJob.objects.exists()


def test_a_promotion_deleted_meanwhile_fails_the_job(manager):
    promotion = draft()
    job = manager.post(f"/admin/promotions/{promotion.pk}/dry-run/", {}).json()["id"]
    promotion.delete()
    assert jobs.run(job) is False
    assert manager.get(f"/admin/jobs/{job}/").json()["failure"] == "not_found"


def test_the_number_of_statements_does_not_grow_with_the_orders(manager):
    shop_rates()
    variant = sellable(price="20.00", stock=50)

    def statements() -> int:
        job = manager.post(f"/admin/promotions/{promotion.pk}/dry-run/", {}).json()["id"]
        with CaptureQueriesContext(connection) as captured:
            assert jobs.run(job) is True
        return len(captured)

    promotion = draft()
    place(variant, user=UserFactory())
    few = statements()
    client = cart_with(variant, quantity=2)
    client.post("/orders/", order_body())
    for _ in range(3):
        place(variant, user=UserFactory())
    assert statements() == few


def test_carts_that_were_left_are_tried_as_they_cost_today(manager):
    shop_rates()
    bags = CategoryFactory()
    bag = sellable(price="20.00", product__category=bags)
    vips = Group.objects.create(name="Vips")
    alice = UserFactory(email="alice@example.com")
    alice.groups.add(vips)
    cart_with(bag, quantity=2, user=alice)
    cart_with(sellable(price="7.00"))
    bag.product.variants.update(price=Decimal("25.00"))
    first = draft(categories=[bags], customer_groups=[vips], first_order=True)
    found = try_on(manager, first)
    rows = [(row["order"], row["number"], row["applied"], row["reason"], *money(row)) for row in found["rows"]]
    assert rows == [
        (None, None, True, None, "50.00", "45.00", "-5.00"),
        (None, None, False, "wrong_customer_group", "7.00", "7.00", "0.00"),
    ]
    assert {row["cart"] for row in found["rows"]} == {str(pk) for pk in Cart.objects.values_list("pk", flat=True)}
    assert (found["orders"], found["carts"], found["affected"]) == (0, 2, 1)
    assert try_on(manager, first, carts=False)["rows"] == []
    old = timezone.now() - timedelta(days=9)
    Cart.objects.filter(user=alice).update(updated_at=old)
    later = try_on(manager, first, **{"from": (timezone.now() - timedelta(days=1)).isoformat()})
    assert [row["applied"] for row in later["rows"]] == [False]


def test_amounts_are_converted_for_orders_and_carts_in_other_currencies(manager):
    shop_rates()
    Currency.objects.create(code="EUR")
    rate("EUR", "0.5", base="USD", days_ago=1)
    variant = sellable(price="20.00")
    for places in (True, False):
        client = ApiClient()
        cart = client.post("/cart/items/", {"sku": variant.sku, "quantity": 1}, X_Currency="EUR").json()
        client.headers["X-Cart-Token"] = cart["token"]
        if places:
            assert client.post("/orders/", order_body()).status_code == 201
    # The order keeps the rate of its day.
    rate("EUR", "0.25", base="USD")
    four = draft(kind="amount", value=Decimal("4"), minimum_subtotal=Decimal("20"))
    found = try_on(manager, four)
    euros = [(row["applied"], row["old_total"]["currency"], *money(row)) for row in found["rows"]]
    # 10.00 - 2.00 + 2.50 + 8.875 % of 8.00 and 2.50; the cart has no address yet: 5.00 - 1.00.
    assert euros == [(True, "EUR", "13.61", "11.43", "-2.18"), (True, "EUR", "5.00", "4.00", "-1.00")]
    assert [money(row) for row in found["sums"]] == [("18.61", "15.43", "-3.18")]


def test_the_button_on_a_promotion_starts_a_run_and_shows_its_report():
    shop_rates()
    place(sellable(price="20.00"))
    page, url = Client(), f"/admin/cart/promotion/{draft().pk}/dry-run/"
    clerk = UserFactory(is_staff=True)
    page.force_login(clerk)
    assert page.get(url).status_code in (302, 403)
    rights = ("view_promotion", "change_promotion", "view_order")
    clerk.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert url in page.get(f"{url.removesuffix('dry-run/')}change/").content.decode()
    wrong = page.post(url, {"limit": "0"})
    assert (wrong.status_code, BackgroundJob.objects.count()) == (200, 0)
    started = page.post(url, {"limit": "50", "carts": "on"})
    job = BackgroundJob.objects.get()
    assert (started.status_code, started.headers["Location"]) == (302, f"{url}?job={job.pk}")
    assert 'http-equiv="refresh"' in page.get(started.headers["Location"]).content.decode()
    assert jobs.run(job.pk) is True
    report = page.get(started.headers["Location"]).content.decode()
    assert "1 orders, 0 carts; 1 of them would have paid another price" in report
    assert "<td>27.22</td><td>25.04</td><td>-2.18</td>" in report
