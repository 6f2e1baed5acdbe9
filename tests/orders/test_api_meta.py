"""What the shop tells a client about itself."""

import pytest

from apps.common.models import Currency
from tests.client import ApiClient
from tests.factories import ADDRESS, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db


def test_a_client_learns_currencies_countries_limits_and_values(api, settings):
    settings.CHANNELS, settings.CART_MAX_LINES = ["web", "app"], 7
    Currency.objects.create(code="JPY"), Currency.objects.create(code="EUR", is_active=False)
    answer = api.get("/meta/")
    body = answer.json()
    assert body["currencies"] == [
        {"code": "JPY", "decimal_places": 0, "is_default": False},
        {"code": "USD", "decimal_places": 2, "is_default": True},
    ]
    assert body["languages"] == [{"code": "en", "name": "English"}]
    countries = {each["code"]: each for each in body["countries"]}
    assert (countries["DE"]["name"], countries["DE"]["regions"]) == ("Germany", [])
    assert {"code": "NY", "name": "New York"} in countries["US"]["regions"]
    assert [each["code"] for each in countries["CA"]["regions"]].count("BC") == 1
    assert body["channels"] == ["web", "app"]
    assert body["limits"] == {"cart_lines": 7, "cart_quantity": 999, "cart_coupons": 5, "page_size": 100}
    assert body["enums"]["order_status"][0] == "pending"
    assert "gift" in body["enums"]["promotion_kind"]
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert api.get("/meta/", If_None_Match=answer.headers["ETag"]).status_code == 304
    assert api.get("/meta/", "country=US").status_code == 400


def test_addresses_take_the_regions_that_it_lists(api: ApiClient):
    shop_rates()
    listed = {each["code"]: each for each in api.get("/meta/").json()["countries"]}
    region = listed["CA"]["regions"][0]["code"]
    canada = ADDRESS | {"country": "CA", "region": region, "city": "Calgary", "postal_code": "T2P 2M5", "phone": ""}
    assert cart_with(sellable()).post("/orders/", order_body(shipping_address=canada)).status_code == 201
    nowhere = canada | {"region": "Atlantis"}
    assert cart_with(sellable()).post("/orders/", order_body(shipping_address=nowhere)).status_code == 400
