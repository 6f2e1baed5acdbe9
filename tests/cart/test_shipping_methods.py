"""Shipping methods: which serve an address, by which tariff, and how staff keep them over HTTP."""

from typing import Any

import pytest

from apps.cart.models import ShippingBand, ShippingHoliday, ShippingMethod, ShippingZone
from apps.products.models import Store
from tests.cart.staff import promotion_staff
from tests.client import ApiClient, code
from tests.factories import ADDRESS, sellable
from tests.orders.steps import cart_with, order_body
from tests.products.money_steps import sells_in

pytestmark = pytest.mark.django_db
_MODELS = ("shippingzone", "shippingmethod", "shippingholiday")
HONOLULU = ADDRESS | {"city": "Honolulu", "region": "HI", "postal_code": "96813"}


@pytest.fixture
def clerk() -> ApiClient:
    return promotion_staff(*(f"{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in _MODELS))


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def make(clerk: ApiClient, key: str, **fields: Any) -> Any:
    body = {"code": key, "name": key.title(), "price": usd("5.00")} | fields
    made = clerk.post("/admin/shipping-methods/", body)
    assert made.status_code == 201, made.json()
    return made


def offered(cart: ApiClient, place: dict[str, str] | None = None) -> dict[str, str]:
    found = cart.post("/cart/shipping-rates/", place or {"country": "US", "region": "NY", "postal_code": "10118"})
    assert found.status_code == 200, found.json()
    return {row["code"]: row["price"]["amount"] for row in found.json()["results"]}


def refused(cart: ApiClient, place: dict[str, Any]) -> dict[str, str]:
    answer = cart.post("/cart/shipping-rates/", place | {"include_unavailable": True}).json()
    return {row["code"]: row["reason"] for row in answer["unavailable"]}


def fault(response: Any) -> tuple[int, str, str]:
    error = response.json()["errors"][0]
    return response.status_code, error["pointer"], error["code"]


def test_a_method_is_made_read_changed_and_deleted(clerk):
    body = {
        "code": "by-weight",
        "name": "By weight",
        "kind": "weight",
        "zone": None,
        "price": usd("3.00"),
        "per_kilogram": usd("1.00"),
        "free_over": usd("100.00"),
        "parcel_grams": 10000,
        "max_grams": 30000,
        "carrier": "",
        "service": "",
        "stores": [],
        "min_days": 2,
        "max_days": 4,
        "cutoff_hour": 14,
        "position": 3,
        "is_active": True,
        "bands": [{"country": "", "postal_prefix": "", "threshold": "5000", "price": usd("2.50")}],
    }
    made = clerk.post("/admin/shipping-methods/", body)
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/admin/shipping-methods/by-weight/")
    assert made.json() == body
    path = "/admin/shipping-methods/by-weight/"
    etag = clerk.get(path).headers["ETag"]
    changed = clerk.patch(path, {"bands": [], "price": usd("4.00")}, If_Match=etag)
    assert changed.json() == body | {"bands": [], "price": usd("4.00")}
    assert code(clerk.patch(path, {"price": usd("9.00")}, If_Match=etag)) == (412, "precondition_failed")
    assert clerk.delete(path).status_code == 204
    assert (ShippingMethod.objects.count(), ShippingBand.objects.count()) == (0, 0)


def test_each_tariff_has_its_price(clerk):
    zone = clerk.post("/admin/shipping-zones/", {"code": "usa", "name": "USA", "countries": ["US"]})
    assert zone.status_code == 201
    make(clerk, "flat", zone="usa")
    make(clerk, "heavy", kind="weight", price=usd("3.00"), per_kilogram=usd("1.00"), parcel_grams=10000)
    worth = [{"price": usd("8.00")}, {"threshold": "50", "price": usd("2.00")}]
    make(clerk, "worth", kind="price", price=usd("0.00"), bands=worth)
    table = [
        {"country": "US", "price": usd("7.00")},
        {"country": "US", "postal_prefix": "967", "price": usd("20.00")},
        {"country": "US", "postal_prefix": "968", "price": usd("30.00")},
    ]
    make(clerk, "table", kind="table", price=usd("1.00"), bands=table)
    make(clerk, "free", free_over=usd("40.00"))
    cart = cart_with(sellable(price="20.00", weight_grams=2500), quantity=2)
    assert offered(cart) == {"flat": "5.00", "free": "0.00", "heavy": "8.00", "table": "8.00", "worth": "8.00"}
    hawaii = {"country": "US", "region": "HI", "postal_code": "96813"}
    assert offered(cart, hawaii)["table"] == "31.00"
    # A country without rows, and a zone that does not hold it.
    abroad = {"country": "FR", "postal_code": "75001"}
    assert refused(cart, abroad) == {"flat": "not_served", "table": "no_rate"}


def test_limits_of_weight_refuse_and_say_why(clerk):
    make(clerk, "light", max_grams=3000)
    make(clerk, "small", parcel_grams=2000)
    cart = cart_with(sellable(weight_grams=2500), quantity=2)
    assert refused(cart, {"country": "US"}) == {"light": "too_heavy", "small": "item_too_heavy"}
    answer = cart.post("/orders/", order_body(shipping_method="light"))
    assert (*code(answer), answer.json()["reason"]) == (409, "shipping_unavailable", "too_heavy")


def test_the_most_specific_zone_has_all_the_say(clerk):
    for key, parts in {
        "world": {},
        "usa": {"countries": ["US"]},
        "islands": {"countries": ["US"], "regions": ["HI", "AK"]},
        "honolulu": {"countries": ["US"], "postal_prefixes": ["968"]},
    }.items():
        assert clerk.post("/admin/shipping-zones/", {"code": key, "name": key, **parts}).status_code == 201
        make(clerk, f"to-{key}", zone=key)
    cart = cart_with(sellable())
    assert list(offered(cart, {"country": "FR", "postal_code": "75001"})) == ["to-world"]
    assert list(offered(cart)) == ["to-usa"]
    assert list(offered(cart, {"country": "US", "region": "HI", "postal_code": "96704"})) == ["to-islands"]
    assert list(offered(cart, {"country": "US", "region": "HI", "postal_code": "96813"})) == ["to-honolulu"]


def test_goods_are_picked_up_in_a_store_and_taxed_there(clerk):
    where = {"latitude": 40.7, "longitude": -74.0, "country": "US", "region": "NY", "postal_code": "10118"}
    downtown = Store.objects.create(slug="downtown", name="Downtown", line1="1 Broad St", city="New York", **where)
    Store.objects.create(slug="uptown", name="Uptown", line1="2 High St", city="New York", **where)
    make(clerk, "collect", kind="pickup", price=usd("0.00"), stores=["downtown"])
    cart = cart_with(sellable())
    found = cart.post("/cart/shipping-rates/", {"country": "US"}).json()["results"]
    assert [[store["slug"] for store in row["stores"]] for row in found] == [["downtown"]]
    without = cart.post("/orders/", order_body(shipping_method="collect"))
    assert fault(without)[:2] == (400, "/pickup_store")
    closed = cart.post("/orders/", order_body(shipping_method="collect", pickup_store="uptown"))
    assert (*code(closed), closed.json()["reason"]) == (409, "shipping_unavailable", "no_store")
    placed = cart.post("/orders/", order_body(shipping_method="collect", pickup_store="downtown"))
    assert placed.status_code == 201, placed.json()
    assert downtown.is_active


@pytest.mark.parametrize(
    ("changes", "pointer", "why"),
    [
        ({"price": {"amount": "5.00", "currency": "EUR"}}, "/price", "unsupported_currency"),
        ({"price": usd("-1.00")}, "/price", "min_value"),
        ({"price": usd("1.005")}, "/price", "too_precise"),
        ({"kind": "rocket"}, "/kind", "invalid_choice"),
        ({"zone": "mars"}, "/zone", "does_not_exist"),
        ({"min_days": 3, "max_days": 2}, "", "invalid"),
        ({"cutoff_hour": 25}, "/cutoff_hour", "max_value"),
        ({"parcel_grams": 0}, "/parcel_grams", "min_value"),
        ({"kind": "carrier", "carrier": "nobody"}, "/carrier", "does_not_exist"),
        ({"kind": "carrier"}, "", "invalid"),
        ({"bands": [{"price": usd("1.00")}]}, "/bands", "invalid"),
        ({"kind": "weight", "bands": [{"country": "US", "price": usd("1.00")}]}, "/bands/0/country", "invalid"),
        ({"kind": "table", "bands": [{"postal_prefix": "1", "price": usd("1.00")}]}, "/bands/0", "invalid"),
        ({"kind": "weight", "bands": [{"price": usd("1.00")}, {"price": usd("2.00")}]}, "/bands", "unique"),
        ({"stores": ["downtown"]}, "/stores", "invalid"),
        ({"kind": "pickup", "stores": ["nowhere"]}, "/stores/0", "does_not_exist"),
        ({"code": "taken"}, "/code", "unique"),
    ],
)
def test_a_method_that_makes_no_sense_is_refused(clerk, changes, pointer, why):
    make(clerk, "taken")
    Store.objects.create(slug="downtown", name="Downtown", latitude=40.7, longitude=-74.0, country="US")
    answer = clerk.post("/admin/shipping-methods/", {"code": "new", "name": "New", "price": usd("5.00")} | changes)
    assert fault(answer) == (400, pointer, why)
    assert (ShippingMethod.objects.count(), ShippingBand.objects.count()) == (1, 0)


def test_a_method_keeps_its_currency(clerk):
    make(clerk, "flat")
    sells_in("EUR", usd="0.9")
    euro = {"amount": "1.00", "currency": "EUR"}
    assert fault(clerk.patch("/admin/shipping-methods/flat/", {"price": euro})) == (400, "/price", "invalid")
    mixed = {"code": "mixed", "name": "Mixed", "price": usd("1.00"), "free_over": euro}
    assert fault(clerk.post("/admin/shipping-methods/", mixed)) == (400, "/free_over", "invalid")
    made = make(clerk, "euro", price=euro)
    assert (made.json()["price"], made.json()["per_kilogram"]["currency"]) == (euro, "EUR")


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"countries": ["US", "CA"], "regions": ["NY"]}, "/countries"),
        ({"postal_prefixes": ["967"]}, "/countries"),
        ({"countries": ["USA"]}, "/countries/0"),
        ({"countries": "US"}, "/countries"),
        ({"countries": ["US"], "postal_prefixes": ["96 7"]}, "/postal_prefixes/0"),
        ({"countries": ["US"], "regions": [""]}, "/regions/0"),
    ],
)
def test_a_zone_that_makes_no_sense_is_refused(clerk, parts, pointer):
    answer = clerk.post("/admin/shipping-zones/", {"code": "new", "name": "New", **parts})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert ShippingZone.objects.count() == 0


def test_a_zone_with_methods_is_not_deleted(clerk):
    clerk.post("/admin/shipping-zones/", {"code": "usa", "name": "USA", "countries": ["US"]})
    make(clerk, "flat", zone="usa")
    assert code(clerk.delete("/admin/shipping-zones/usa/")) == (409, "still_used")
    assert [row["code"] for row in clerk.get("/admin/shipping-methods/", "zone=usa").json()["results"]] == ["flat"]
    clerk.patch("/admin/shipping-methods/flat/", {"zone": None, "is_active": False})
    assert clerk.get("/admin/shipping-methods/", "is_active=true").json()["count"] == 0
    assert clerk.delete("/admin/shipping-zones/usa/").status_code == 204


def test_holidays_are_kept_per_country_and_day(clerk):
    body = {"country": "US", "day": "2030-07-04", "name": "Independence Day"}
    made = clerk.post("/admin/shipping-holidays/", body)
    assert (made.status_code, {name: made.json()[name] for name in body}) == (201, body)
    assert fault(clerk.post("/admin/shipping-holidays/", body)) == (400, "", "unique")
    path = f"/admin/shipping-holidays/{made.json()['id']}/"
    assert clerk.patch(path, {"name": "Fourth of July"}).json()["name"] == "Fourth of July"
    assert fault(clerk.patch(path, {"day": "2030-07-05"})) == (400, "/day", "unknown_field")
    assert clerk.get("/admin/shipping-holidays/", "country=DE").json()["count"] == 0
    assert clerk.delete(path).status_code == 204
    assert ShippingHoliday.objects.count() == 0
