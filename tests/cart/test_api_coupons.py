"""Coupons over HTTP: entered, shown with what became of them, refused with the reason, never guessed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.cart.models import CartCoupon
from tests.cart.offers import coupon, offer
from tests.client import ApiClient, code
from tests.factories import ADDRESS, CategoryFactory, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place

pytestmark = pytest.mark.django_db
PAST, FUTURE = timedelta(days=-1), timedelta(days=1)


def enter(client: ApiClient, text: str = "TEN") -> Any:
    return client.post("/cart/coupons/", {"code": text})


def refusal(response: Any) -> tuple[int, str, str]:
    return response.status_code, response.json()["code"], response.json()["reason"]


def test_a_code_in_any_case_takes_its_discount_and_taking_it_off_gives_it_up():
    coupon("TEN")
    client = cart_with(sellable(price="20.00"), quantity=2)
    cart = enter(client, " ten ").json()
    assert cart["coupons"] == [{"code": "TEN", "promotion": "Offer of TEN", "applied": True, "reason": None}]
    assert [(each["code"], each["discount"]["amount"]) for each in cart["promotions"]] == [("TEN", "4.00")]
    assert cart["totals"]["discount"]["amount"] == "4.00"
    assert enter(client).json() == client.get("/cart/").json()
    assert CartCoupon.objects.count() == 1
    cart = client.delete("/cart/coupons/ten/").json()
    assert (cart["coupons"], cart["totals"]["discount"]["amount"]) == ([], "0.00")
    assert code(client.delete("/cart/coupons/TEN/")) == (404, "not_found")


@pytest.mark.parametrize("text", ["NOPE", "DRAFTED", "ASLEEP"])
def test_an_unknown_a_drafted_and_a_switched_off_code_look_the_same(text):
    coupon("DRAFTED", promotion=offer("Drafted", status="draft", needs_coupon=True))
    coupon("ASLEEP", is_active=False)
    client = cart_with(sellable())
    response = enter(client, text)
    assert code(response) == (400, "coupon_invalid")
    assert response.json()["errors"] == [
        {"pointer": "/code", "code": "coupon_invalid", "detail": "There is no such code."}
    ]
    assert not CartCoupon.objects.exists()


@pytest.mark.parametrize(
    ("fields", "of_the_offer", "status"),
    [
        ({"ends_at": PAST}, {}, "coupon_expired code_expired"),
        ({"starts_at": FUTURE}, {}, "coupon_not_applicable code_not_started"),
        ({"usage_limit": 2, "used_count": 2}, {}, "coupon_expired code_used"),
        ({}, {"ends_at": PAST}, "coupon_expired ended"),
        ({}, {"starts_at": FUTURE}, "coupon_not_applicable not_started"),
        ({}, {"status": "paused"}, "coupon_expired not_running"),
        ({}, {"usage_limit": 3, "used_count": 3}, "coupon_expired usage_limit_reached"),
        ({}, {"minimum_subtotal": Decimal("50")}, "coupon_not_applicable minimum_subtotal_not_reached"),
        ({}, {"minimum_quantity": 2}, "coupon_not_applicable minimum_quantity_not_reached"),
        ({}, {"brands": ["Halden"]}, "coupon_not_applicable no_covered_products"),
        ({}, {"currencies": ["EUR"]}, "coupon_not_applicable wrong_currency"),
        ({}, {"channels": ["app"]}, "coupon_not_applicable wrong_channel"),
    ],
)
def test_a_code_that_does_not_apply_is_refused_with_the_reason_and_leaves_nothing(fields, of_the_offer, status):
    def dated(row: dict[str, Any]) -> dict[str, Any]:
        return {key: timezone.now() + value if isinstance(value, timedelta) else value for key, value in row.items()}

    coupon("TEN", promotion=offer(needs_coupon=True, **dated(of_the_offer)), **dated(fields))
    client = cart_with(sellable(price="20.00"))
    kind, reason = status.split()
    assert refusal(enter(client)) == (409, kind, reason)
    assert not CartCoupon.objects.exists()


def test_a_code_needs_something_in_the_cart():
    coupon("TEN")
    assert refusal(enter(ApiClient())) == (409, "coupon_not_applicable", "no_covered_products")
    client = cart_with(sellable())
    client.post("/cart/clear/")
    assert refusal(enter(client)) == (409, "coupon_not_applicable", "no_covered_products")


def test_a_code_that_loses_to_a_better_offer_is_taken_and_says_so():
    offer("Half price", value=Decimal("50"))
    coupon("TEN")
    client = cart_with(sellable(price="20.00"))
    cart = enter(client).json()
    assert cart["coupons"][0] == {
        "code": "TEN",
        "promotion": "Offer of TEN",
        "applied": False,
        "reason": "better_offer_in_group",
    }
    (warning,) = cart["warnings"]
    assert (warning["code"], warning["detail"], warning["item"], warning["facts"]["reason"]) == (
        "coupon_not_applicable",
        "Another offer saves more.",
        "TEN",
        "better_offer_in_group",
    )
    assert cart["totals"]["discount"]["amount"] == "10.00"
    shop_rates()
    assert client.post("/orders/", order_body()).status_code == 201


def test_a_code_that_stops_to_apply_stays_and_warns_and_hinders_an_order_until_its_price_is_accepted():
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, minimum_quantity=2))
    client = cart_with(sellable(price="20.00"), quantity=2)
    item = enter(client).json()["items"][0]["id"]
    cart = client.put(f"/cart/items/{item}/", {"quantity": 1}).json()
    assert (cart["coupons"][0]["applied"], cart["coupons"][0]["reason"]) == (False, "minimum_quantity_not_reached")
    assert [each["code"] for each in cart["warnings"]] == ["coupon_not_applicable"]
    refused = client.post("/orders/", order_body())
    assert refusal(refused) == (409, "coupon_not_applicable", "minimum_quantity_not_reached")
    assert refused.json()["coupon"] == "TEN"
    assert refused.json()["diff"] == [
        {
            "line": None,
            "field": "coupon",
            "old": "TEN",
            "new": None,
            "cause": "coupon_not_applicable",
            "reason": "minimum_quantity_not_reached",
        }
    ]
    total = refused.json()["total"]
    assert total == {"amount": "27.22", "currency": "USD"}
    assert client.post("/orders/", order_body(expected_total=total)).status_code == 201


def test_shipping_free_by_code_waits_for_a_method():
    shop_rates()
    coupon("SHIP", promotion=offer("Ship", kind="free_shipping", value=Decimal(0), needs_coupon=True))
    client = cart_with(sellable(price="20.00"))
    cart = enter(client, "SHIP").json()
    assert cart["coupons"][0]["reason"] == "shipping_not_chosen"
    cart = client.patch("/cart/", {"shipping_address": ADDRESS, "shipping_method": "express"}).json()
    assert (cart["coupons"][0]["applied"], cart["totals"]["shipping"]["amount"]) == (True, "0.00")
    assert cart["promotions"][0]["shipping"]["amount"] == "15.00"


def test_an_offer_for_a_country_waits_for_the_address_and_is_refused_for_another():
    shop_rates()
    coupon("TEN", promotion=offer(needs_coupon=True, countries=["DE"]))
    client = cart_with(sellable(price="20.00"))
    assert enter(client).json()["coupons"][0]["reason"] == "wrong_country"
    client.patch("/cart/", {"shipping_address": ADDRESS})
    assert refusal(enter(client)) == (409, "coupon_not_applicable", "wrong_country")
    assert refusal(client.post("/orders/", order_body())) == (409, "coupon_not_applicable", "wrong_country")
    berlin = {
        **ADDRESS,
        "city": "Berlin",
        "region": "",
        "postal_code": "10435",
        "country": "DE",
        "phone": "+493012345678",
    }
    cart = client.patch("/cart/", {"shipping_address": berlin}).json()
    assert cart["coupons"][0]["applied"] is True


def test_two_codes_of_one_offer_do_not_go_together_and_there_is_a_limit():
    ten = offer(needs_coupon=True)
    for number in range(2):
        coupon(f"TEN-{number}", promotion=ten)
    client = cart_with(sellable(price="20.00"))
    assert enter(client, "TEN-0").status_code == 200
    assert refusal(enter(client, "TEN-1")) == (409, "coupon_not_applicable", "same_promotion")
    for number in range(4):
        coupon(f"ADD-{number}", promotion=offer(f"Add {number}", group="", needs_coupon=True, value=Decimal(1)))
        assert enter(client, f"ADD-{number}").status_code == 200
    coupon("SIXTH", promotion=offer("Sixth", group="", needs_coupon=True))
    assert refusal(enter(client, "SIXTH")) == (409, "coupon_not_applicable", "too_many_codes")


def test_guessing_codes_is_throttled_per_caller_and_a_throttled_one_can_still_read(settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "coupon": (3, 60)}
    coupon("TEN")
    client, other = cart_with(sellable()), cart_with(sellable(), user=UserFactory())
    assert [enter(client, f"GUESS-{number}").status_code for number in range(3)] == [400] * 3
    assert code(enter(client, "TEN")) == (429, "throttled")
    assert client.get("/cart/").json()["coupons"] == []
    assert enter(other, "TEN").status_code == 200


def test_signing_in_brings_the_guests_codes_along():
    coupon("TEN")
    variant = sellable(price="20.00")
    guest = cart_with(variant)
    enter(guest)
    customer = ApiClient(UserFactory())
    cart = customer.post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert [(each["code"], each["applied"]) for each in cart["coupons"]] == [("TEN", True)]
    again = customer.post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert again["coupons"] == cart["coupons"]


def test_offers_for_groups_and_first_orders_know_who_is_buying():
    shop_rates()
    wholesale, _ = Group.objects.get_or_create(name="Wholesale")
    coupon("GROUP", promotion=offer("Group", needs_coupon=True, customer_groups=[wholesale]))
    coupon("FIRST", promotion=offer("First", needs_coupon=True, first_order=True))
    variant, user = sellable(price="20.00", stock=50), UserFactory()
    client = cart_with(variant, user=user)
    assert refusal(enter(client, "GROUP")) == (409, "coupon_not_applicable", "wrong_customer_group")
    user.groups.add(wholesale)
    assert enter(client, "GROUP").json()["coupons"][0]["applied"] is True
    client.delete("/cart/coupons/GROUP/")
    assert enter(client, "FIRST").json()["coupons"][0]["applied"] is True
    place(variant, user=user)
    again = cart_with(variant, user=user)
    assert refusal(enter(again, "FIRST")) == (409, "coupon_not_applicable", "customer_limit_reached")
    other = cart_with(variant)
    other.patch("/cart/", {"email": user.email.upper()})
    assert refusal(enter(other, "FIRST"))[2] == "customer_limit_reached"


def test_a_first_order_offer_is_gone_after_an_order_without_it():
    shop_rates()
    coupon("FIRST", promotion=offer("First", needs_coupon=True, first_order=True))
    variant, user = sellable(price="20.00"), UserFactory()
    client, order = place(variant, user=user)
    assert refusal(enter(cart_with(variant, user=user), "FIRST"))[2] == "not_first_order"
    client.post(f"/orders/{order.pk}/cancel/", {})
    assert enter(client, "FIRST").status_code == 200


def test_a_category_offer_covers_what_lies_below_it():
    top = CategoryFactory()
    below = CategoryFactory(parent=top)
    coupon("TEN", promotion=offer(needs_coupon=True, categories=[top]))
    client = cart_with(sellable(price="20.00", product__category=below))
    client.post("/cart/items/", {"sku": sellable(price="30.00").sku})
    cart = enter(client).json()
    assert [item["discount"]["amount"] for item in cart["items"]] == ["2.00", "0.00"]


def test_a_gift_by_code_is_a_line_of_its_own_while_there_are_any():
    shop_rates()
    mug = sellable(sku="MUG", stock=1)
    coupon("GIFT", promotion=offer("Mug", kind="gift", value=Decimal(0), gift=mug, needs_coupon=True))
    client, other = (cart_with(sellable(price="20.00", stock=9)) for _ in range(2))
    for each in (client, other):
        assert [gift["sku"] for gift in enter(each, "GIFT").json()["gifts"]] == ["MUG"]
    assert client.post("/orders/", order_body()).status_code == 201
    assert other.get("/cart/").json()["coupons"][0]["reason"] == "gift_unavailable"
    assert refusal(other.post("/orders/", order_body())) == (409, "coupon_not_applicable", "gift_unavailable")


def test_a_guest_is_the_same_customer_in_every_spelling_of_his_address():
    shop_rates()
    coupon("ONCE", promotion=offer("Once", needs_coupon=True, per_customer_limit=1))
    variant = sellable(stock=9)
    first = cart_with(variant)
    enter(first, "ONCE")
    assert first.post("/orders/", order_body(email="Jo@M\u00fcller.example")).status_code == 201
    for address in ("jo@m\u00fcller.example", "JO@xn--mller-kva.example", "jo@M\u00dcLLER.example"):
        client = cart_with(variant)
        assert enter(client, "ONCE").status_code == 200
        assert refusal(client.post("/orders/", order_body(email=address)))[2] == "customer_limit_reached"
    assert client.post("/orders/", order_body(email="jo@mueller.example")).status_code == 201


def test_a_carts_price_takes_the_same_statements_for_a_hundred_lines_and_fifty_offers():
    def statements(client: ApiClient) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/cart/").status_code == 200
        return len(captured)

    tee = CategoryFactory()
    group = Group.objects.create(name="Wholesale")
    user = UserFactory()
    everything = {"categories": [tee], "customer_groups": [group], "first_order": True}
    gift = sellable()

    def offers(numbers: range) -> None:
        for number in numbers:
            offer(f"Offer {number}", **everything, per_customer_limit=2)
            offer(f"Gift {number}", kind="gift", value=Decimal(0), gift=gift, minimum_quantity=number)
            tiered = offer(f"Tiers {number}", kind="tiered", value=Decimal(0))
            tiered.tiers.create(threshold=number, value=5)

    client = cart_with(sellable(product__category=tee), user=user)
    offers(range(1))
    coupon("CODE-0", promotion=offer("With code 0", needs_coupon=True, group=""))
    assert enter(client, "CODE-0").status_code == 200
    few = statements(client)
    cart = user.carts.get()
    variants = [sellable(product__category=tee) for _ in range(99)]
    cart.items.bulk_create(
        type(cart.items.get())(cart=cart, variant=variant, quantity=1, unit_price=variant.price) for variant in variants
    )
    offers(range(1, 17))
    coupon("CODE-1", promotion=offer("With code 1", needs_coupon=True, group=""))
    assert enter(client, "CODE-1").status_code == 200
    assert len(client.get("/cart/").json()["items"]) == 100
    assert statements(client) == few


def test_a_gift_of_what_is_in_the_cart_too_is_taken_from_what_the_cart_leaves():
    shop_rates()
    mug = sellable(sku="MUG", stock=2, price="20.00")
    coupon("GIFT", promotion=offer("Mug", kind="gift", value=Decimal(0), gift=mug, needs_coupon=True))
    both = cart_with(mug, quantity=2)
    assert refusal(enter(both, "GIFT")) == (409, "coupon_not_applicable", "gift_unavailable")
    client = cart_with(mug)
    assert enter(client, "GIFT").json()["gifts"][0]["quantity"] == 1
    order = client.post("/orders/", order_body()).json()
    assert [(item["sku"], item["quantity"], item["unit_price"]["amount"]) for item in order["items"]] == [
        ("MUG", 1, "20.00"),
        ("MUG", 1, "0.00"),
    ]
    level = mug.stock_levels.get()
    assert (level.on_hand, level.reserved) == (2, 2)
