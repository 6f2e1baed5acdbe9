"""Promotions over HTTP: made, changed and deleted by staff, listed for shoppers, refused where they do not fit."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from apps.cart.models import Promotion, PromotionTier
from apps.common.models import Currency, Event
from tests.cart.offers import coupon, offer
from tests.cart.staff import promotion_staff
from tests.client import ApiClient, code
from tests.factories import CategoryFactory, ProductFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


@pytest.fixture
def editor() -> ApiClient:
    return promotion_staff()


def make(editor: ApiClient, benefit: dict[str, Any], **fields: Any) -> Any:
    return editor.post("/admin/promotions/", {"name": "Offer", "benefit": benefit, **fields})


def faults(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400, response.json()
    return sorted((error["pointer"], error["code"]) for error in response.json()["errors"])


EVERY_CONDITION: dict[str, Any] = {
    "minimum_subtotal": usd("50.00"),
    "minimum_quantity": 2,
    "products": ["pack"],
    "categories": ["bags"],
    "brands": ["Halden"],
    "customer_groups": ["Wholesale"],
    "first_order": True,
    "countries": ["DE", "US"],
    "currencies": ["USD"],
    "channels": ["web"],
    "starts_at": "2030-01-01T00:00:00Z",
    "ends_at": "2030-02-01T00:00:00Z",
    "weekdays": [4, 5],
    "from_time": "22:00:00",
    "until_time": "02:00:00",
}


def test_a_promotion_with_every_condition_is_made_read_and_found_again(editor):
    CategoryFactory(slug="bags"), ProductFactory(slug="pack"), Group.objects.create(name="Wholesale")
    rest = {
        "description": "For the night",
        "status": "active",
        "is_public": True,
        "needs_coupon": True,
        "priority": 7,
        "group": "nights",
        "exclusive": True,
        "usage_limit": 100,
        "per_customer_limit": 1,
    }
    made = make(
        editor, {"kind": "percent", "percent": "12.50", "maximum": usd("30.00")}, conditions=EVERY_CONDITION, **rest
    )
    assert made.status_code == 201
    body = made.json()
    assert made.headers["Location"] == f"/api/v1/admin/promotions/{body['id']}/"
    assert body["conditions"] == EVERY_CONDITION
    assert {name: body[name] for name in rest} == rest
    assert body["benefit"] == {
        "kind": "percent",
        "percent": "12.50",
        "amount": None,
        "maximum": usd("30.00"),
        "buy": None,
        "get": None,
        "get_products": [],
        "tiers": [],
        "gift": None,
    }
    assert (body["summary"], body["uses"]) == ("12.5 % off, at most $30.00", 0)
    assert editor.get(f"/admin/promotions/{body['id']}/").json() == body
    assert editor.get("/admin/promotions/", {"search": "offe", "status": "active"}).json()["results"] == [body]
    assert editor.get("/admin/promotions/", {"kind": "gift"}).json()["results"] == []
    assert Event.objects.filter(type="promotion.created", target_id=body["id"]).count() == 1


BENEFITS = [
    ({"kind": "amount", "amount": usd("5.00")}, "$5.00 off"),
    ({"kind": "fixed_price", "amount": usd("9.99")}, "$9.99 each"),
    ({"kind": "buy_x_get_y", "buy": 2}, "buy 2, get 1 free"),
    (
        {"kind": "buy_x_get_y", "buy": 1, "get": 2, "percent": "50.00", "get_products": ["pack"]},
        "buy 1, get 2 50 % off",
    ),
    ({"kind": "cheapest_free"}, "the cheapest unit free"),
    ({"kind": "cheapest_free", "get": 2}, "the 2 cheapest units free"),
    ({"kind": "free_shipping"}, "free shipping"),
    ({"kind": "gift", "gift": "MUG", "get": 2}, "2 x MUG as a gift"),
    (
        {
            "kind": "tiered",
            "tiers": [{"from_quantity": 3, "percent": "5.00"}, {"from_quantity": 6, "percent": "10.00"}],
        },
        "from 3 units: 5 % off; from 6 units: 10 % off",
    ),
    (
        {"kind": "tiered", "tiers": [{"from_subtotal": usd("100.00"), "amount": usd("15.00")}]},
        "from $100.00: $15.00 off",
    ),
]


@pytest.mark.parametrize(("benefit", "summary"), BENEFITS, ids=lambda part: part if isinstance(part, str) else "")
def test_each_kind_of_benefit_comes_back_as_it_was_given_and_can_be_sent_again(editor, benefit, summary):
    ProductFactory(slug="pack"), sellable(sku="MUG")
    body = make(editor, benefit).json()
    told = body["benefit"]
    for name, value in benefit.items():
        if name == "tiers":
            told["tiers"] = [{key: part for key, part in tier.items() if part is not None} for tier in told["tiers"]]
        assert told[name] == value
    assert body["summary"] == summary
    again = editor.patch(f"/admin/promotions/{body['id']}/", {"benefit": told})
    assert (again.status_code, again.json()["summary"]) == (200, summary)


@pytest.mark.parametrize(
    ("benefit", "expected"),
    [
        ({"kind": "percent"}, [("/benefit/percent", "required")]),
        ({"kind": "percent", "percent": "0"}, [("/benefit/percent", "min_value")]),
        ({"kind": "percent", "percent": "100.01"}, [("/benefit/percent", "max_value")]),
        ({"kind": "percent", "percent": 10}, [("/benefit/percent", "wrong_type")]),
        (
            {"kind": "amount", "percent": "10", "buy": 1},
            [("/benefit/amount", "required"), ("/benefit/buy", "unknown_field"), ("/benefit/percent", "unknown_field")],
        ),
        ({"kind": "free_shipping", "amount": usd("5.00")}, [("/benefit/amount", "unknown_field")]),
        ({"kind": "buy_x_get_y", "get": 1}, [("/benefit/buy", "required")]),
        ({"kind": "gift", "gift": "NOPE"}, [("/benefit/gift", "does_not_exist")]),
        ({"kind": "tiered", "tiers": []}, [("/benefit/tiers", "required")]),
        ({"kind": "tiered", "tiers": [{"from_quantity": 1}]}, [("/benefit/tiers/0", "invalid")]),
        (
            {
                "kind": "tiered",
                "tiers": [{"from_quantity": 1, "percent": "5"}, {"from_subtotal": usd("9.00"), "percent": "6"}],
            },
            [("/benefit/tiers/1", "invalid")],
        ),
        (
            {"kind": "tiered", "tiers": [{"from_quantity": 1, "percent": "5"}, {"from_quantity": 1, "percent": "6"}]},
            [("/benefit/tiers/1/from_quantity", "unique")],
        ),
        ({"kind": "magic"}, [("/benefit/kind", "invalid_choice")]),
        ({"kind": "cheapest_free", "get_products": ["nope"]}, [("/benefit/get_products/0", "does_not_exist")]),
        ({"kind": "cheapest_free", "luck": 1}, [("/benefit/luck", "unknown_field")]),
    ],
)
def test_a_benefit_takes_exactly_the_parameters_of_its_kind(editor, benefit, expected):
    assert faults(make(editor, benefit)) == expected
    assert not Promotion.objects.exists()


@pytest.mark.parametrize(
    ("conditions", "pointer", "why"),
    [
        ({"products": ["nope"]}, "/conditions/products/0", "does_not_exist"),
        ({"customer_groups": ["Nobody"]}, "/conditions/customer_groups/0", "does_not_exist"),
        ({"weekdays": [7]}, "/conditions/weekdays/0", "max_value"),
        ({"countries": ["Germany"]}, "/conditions/countries/0", "max_length"),
        ({"from_time": "09:00", "until_time": "09:00"}, "/conditions/until_time", "invalid"),
        (
            {"starts_at": "2030-02-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"},
            "/conditions/ends_at",
            "invalid",
        ),
        ({"minimum_subtotal": usd("10.00"), "currencies": ["USD", "EUR"]}, "/conditions/currencies", "invalid"),
        ({"minimum_subtotal": {"amount": "-1.00", "currency": "USD"}}, "/conditions/minimum_subtotal", "min_value"),
        ({"first_order": "yes"}, "/conditions/first_order", "wrong_type"),
        ({"moon": "full"}, "/conditions/moon", "unknown_field"),
        ({"brands": ["a\nb"]}, "/conditions/brands/0", "control_character"),
    ],
)
def test_conditions_that_do_not_fit_are_named(editor, conditions, pointer, why):
    assert (pointer, why) in faults(make(editor, {"kind": "free_shipping"}, conditions=conditions))
    assert not Promotion.objects.exists()


def test_names_are_unique(editor):
    offer("Offer")
    assert faults(make(editor, {"kind": "free_shipping"})) == [("/name", "unique")]
    other = make(editor, {"kind": "free_shipping"}, name="Other").json()["id"]
    assert faults(editor.patch(f"/admin/promotions/{other}/", {"name": "Offer"})) == [("/name", "unique")]


def test_only_the_given_members_change_and_an_old_etag_loses(editor):
    made = make(editor, {"kind": "percent", "percent": "10"}, conditions={"minimum_quantity": 2, "weekdays": [0]})
    address = f"/admin/promotions/{made.json()['id']}/"
    etag = editor.get(address).headers["ETag"]
    changed = editor.patch(address, {"status": "active", "conditions": {"weekdays": []}}, If_Match=etag)
    assert changed.status_code == 200
    body = changed.json()
    assert (body["status"], body["conditions"]["weekdays"], body["conditions"]["minimum_quantity"]) == ("active", [], 2)
    assert body["benefit"] == made.json()["benefit"]
    assert changed.headers["ETag"] == editor.get(address).headers["ETag"] != etag
    assert code(editor.patch(address, {"priority": 3}, If_Match=etag)) == (412, "precondition_failed")
    assert code(editor.delete(address, If_Match=etag)) == (412, "precondition_failed")
    assert Promotion.objects.get().priority == 0
    assert editor.get(address, If_None_Match=changed.headers["ETag"]).status_code == 304


def test_a_benefit_is_replaced_with_all_its_rows(editor):
    tiers = [{"from_quantity": 3, "percent": "5.00"}]
    made = make(editor, {"kind": "tiered", "tiers": tiers}).json()
    address = f"/admin/promotions/{made['id']}/"
    body = editor.patch(address, {"benefit": {"kind": "amount", "amount": usd("5.00")}}).json()
    assert (body["benefit"]["tiers"], body["summary"]) == ([], "$5.00 off")
    assert not PromotionTier.objects.exists()


def test_amounts_that_stay_keep_their_currency(editor):
    Currency.objects.create(code="EUR")
    made = make(editor, {"kind": "amount", "amount": usd("5.00")}).json()
    address, euros = f"/admin/promotions/{made['id']}/", {"amount": "20.00", "currency": "EUR"}
    response = editor.patch(address, {"conditions": {"minimum_subtotal": euros}})
    assert faults(response) == [("/conditions/minimum_subtotal", "invalid")]
    both = {"benefit": {"kind": "amount", "amount": usd("5.00")}, "conditions": {"minimum_subtotal": euros}}
    assert faults(editor.patch(address, both)) == [("/benefit/amount", "invalid")]
    both["benefit"]["amount"] = euros
    body = editor.patch(address, both).json()
    assert (body["benefit"]["amount"], body["conditions"]["minimum_subtotal"]) == (euros, euros)


def used_once() -> Promotion:
    shop_rates()
    promotion = offer(needs_coupon=True)
    coupon("TEN", promotion=promotion)
    client = cart_with(sellable(price="20.00"))
    client.post("/cart/coupons/", {"code": "TEN"})
    assert client.post("/orders/", order_body()).status_code == 201
    return promotion


def test_a_used_promotion_is_neither_deleted_nor_drafted_but_paused(editor):
    address = f"/admin/promotions/{used_once().pk}/"
    assert editor.get(address).json()["uses"] == 1
    assert code(editor.delete(address)) == (409, "in_use")
    assert code(editor.patch(address, {"status": "draft"})) == (409, "in_use")
    assert editor.patch(address, {"status": "paused"}).json()["status"] == "paused"


def test_a_limit_set_later_starts_from_the_uses_so_far(editor):
    promotion = used_once()
    address = f"/admin/promotions/{promotion.pk}/"
    assert editor.patch(address, {"usage_limit": 1}).status_code == 200
    promotion.refresh_from_db()
    assert (promotion.usage_limit, promotion.used_count) == (1, 1)
    assert editor.patch(address, {"usage_limit": None}).json()["usage_limit"] is None
    promotion.uses.create(reference=promotion.pk, email="b@example.com", used_at=timezone.now())
    assert faults(editor.patch(address, {"usage_limit": 1})) == [("/usage_limit", "invalid")]


def test_an_unused_promotion_is_deleted_with_its_codes_and_leaves_carts(editor):
    promotion = offer(needs_coupon=True)
    coupon("TEN", promotion=promotion)
    client = cart_with(sellable())
    client.post("/cart/coupons/", {"code": "TEN"})
    assert editor.delete(f"/admin/promotions/{promotion.pk}/").status_code == 204
    assert client.get("/cart/").json()["coupons"] == []
    assert code(editor.delete(f"/admin/promotions/{promotion.pk}/")) == (404, "not_found")
    assert code(editor.patch(f"/admin/promotions/{promotion.pk}/", {})) == (404, "not_found")


def test_shoppers_see_the_public_offers_that_run_and_no_others(api):
    now = timezone.now()
    offer("Shown", is_public=True, priority=1, minimum_subtotal=Decimal("50"), description="For bags")
    offer("With code", is_public=True, needs_coupon=True, kind="free_shipping")
    offer("Hidden")
    offer("Drafted", is_public=True, status="draft")
    offer("Over", is_public=True, ends_at=now - timedelta(seconds=1))
    offer("To come", is_public=True, starts_at=now + timedelta(days=1))
    response = api.get("/promotions/")
    assert [
        (row["name"], row["summary"], row["needs_coupon"], row["minimum_subtotal"])
        for row in response.json()["results"]
    ] == [("Shown", "10 % off", False, usd("50.00")), ("With code", "free shipping", True, None)]
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert api.get("/promotions/", If_None_Match=response.headers["ETag"]).status_code == 304


def test_an_offer_made_over_http_counts_in_carts(editor):
    shop_rates()
    CategoryFactory(slug="bags")
    make(
        editor,
        {"kind": "tiered", "tiers": [{"from_quantity": 2, "percent": "5"}, {"from_quantity": 3, "percent": "10"}]},
        status="active",
    )
    client = cart_with(sellable(price="20.00"), quantity=2)
    assert client.get("/cart/").json()["totals"]["discount"]["amount"] == "2.00"
    item = client.get("/cart/").json()["items"][0]["id"]
    assert client.put(f"/cart/items/{item}/", {"quantity": 3}).json()["totals"]["discount"]["amount"] == "6.00"
