"""Wishlists and stores through HTTP, and the low-stock check."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connections, transaction

from apps.common.models import Event
from apps.products.models import Product, StockLevel, Store, Warehouse, Wishlist, WishlistItem
from apps.products.services import stock, wishlists
from apps.products.services.listing import current_version
from apps.products.services.stores import is_open
from apps.products.tasks import check_low_stock_products, invalidate_product_cache
from tests.client import ApiClient, code
from tests.factories import ProductFactory, UserFactory, sellable
from tests.races.threads import together

pytestmark = pytest.mark.django_db


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_adding_adds_and_never_toggles():
    ProductFactory(slug="x", price=Decimal("20.00"))
    client = ApiClient(UserFactory())
    assert client.post("/products/x/wishlist/").status_code == 201
    assert client.post("/products/x/wishlist/").status_code == 200
    Product.objects.update(price=Decimal("15.00"), in_stock=True)
    [item] = client.get("/wishlist/").json()["results"]
    assert item["product"] == {"slug": "x", "name": item["product"]["name"], "price": usd("15.00")} | {
        "thumbnail": None,
        "in_stock": True,
    }
    assert (item["price_when_added"], item["price_dropped"]) == (usd("20.00"), True)
    assert client.delete("/products/x/wishlist/").status_code == 204
    assert client.delete("/products/x/wishlist/").status_code == 204
    assert client.get("/wishlist/").json()["count"] == 0


def test_a_wishlist_is_its_owners_alone(api):
    ProductFactory(slug="x")
    ApiClient(UserFactory()).post("/products/x/wishlist/")
    other = ApiClient(UserFactory())
    assert other.get("/wishlist/").json()["count"] == 0
    other.delete("/products/x/wishlist/")
    assert WishlistItem.objects.count() == 1
    for response in (
        api.get("/wishlist/"),
        api.post("/products/x/wishlist/"),
        api.delete("/products/x/wishlist/"),
    ):
        assert code(response) == (401, "authentication_required")
    assert code(other.post("/products/never/wishlist/")) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_ten_first_wishes_at_once_make_one_list_and_one_item():
    ProductFactory(slug="x")
    client = ApiClient(UserFactory())
    statuses = together([lambda: client.post("/products/x/wishlist/").status_code] * 10)
    assert sorted(statuses) == [200] * 9 + [201]
    assert (Wishlist.objects.count(), WishlistItem.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_wish_that_waited_for_its_twin_is_not_told_that_it_was_new():
    ProductFactory(slug="x")
    user = UserFactory()
    wishlists.add(user=user, product_slug=ProductFactory().slug)
    inserted, done, told = threading.Event(), threading.Event(), []

    def first() -> None:
        with transaction.atomic():
            told.append(wishlists.add(user=user, product_slug="x")[1])
            inserted.set()
            done.wait(timeout=1)
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert inserted.wait(timeout=10)
    told.append(wishlists.add(user=user, product_slug="x")[1])
    done.set()
    thread.join(timeout=30)
    assert told == [True, False]
    assert WishlistItem.objects.count() == 2


def test_a_product_that_left_the_shop_leaves_the_list_and_is_not_added():
    ProductFactory(slug="x")
    client = ApiClient(UserFactory())
    client.post("/products/x/wishlist/")
    Product.objects.update(status="archived")
    assert client.get("/wishlist/").json()["count"] == 0
    assert code(client.post("/products/x/wishlist/")) == (404, "not_found")
    assert WishlistItem.objects.count() == 1


def test_adding_again_keeps_the_first_price():
    ProductFactory(slug="x", price=Decimal("20.00"))
    client = ApiClient(UserFactory())
    client.post("/products/x/wishlist/")
    Product.objects.update(price=Decimal("25.00"))
    again = client.post("/products/x/wishlist/")
    assert (again.status_code, again.json()["price_when_added"]) == (200, usd("20.00"))
    assert again.json()["price_dropped"] is False


@pytest.fixture
def stores() -> None:
    hours = {"sat": [["09:00", "18:00"]]}
    for slug, latitude, longitude, zone in (
        ("new-york", "40.75000", "-73.99000", "America/New_York"),
        ("newark", "40.73000", "-74.17000", "America/New_York"),
        ("tokyo", "35.68000", "139.76000", "Asia/Tokyo"),
        ("fiji", "-17.80000", "179.90000", "UTC"),
    ):
        Store.objects.create(
            slug=slug,
            name=slug.title(),
            line1="1 Street",
            city=slug.title(),
            country="US",
            latitude=Decimal(latitude),
            longitude=Decimal(longitude),
            timezone=zone,
            hours=hours,
        )
    Store.objects.create(
        slug="closed", name="Closed", line1="x", city="x", country="US", latitude=40, longitude=-74, is_active=False
    )


@pytest.mark.usefixtures("stores")
def test_stores_are_listed_and_read(api):
    body = api.get("/stores/").json()
    assert [row["slug"] for row in body["results"]] == ["fiji", "new-york", "newark", "tokyo"]
    response = api.get("/stores/tokyo/")
    assert (response.json()["latitude"], response.json()["longitude"]) == (35.68, 139.76)
    assert response["Cache-Control"] == "public, max-age=60"
    assert api.get("/stores/tokyo/", If_None_Match=response["ETag"]).status_code == 304
    assert code(api.get("/stores/closed/")) == (404, "not_found")


@pytest.fixture
def pole_store(stores) -> None:
    Store.objects.create(
        slug="pole", name="Pole", line1="x", city="x", country="NO", latitude=Decimal("89.5"), longitude=Decimal("80")
    )


@pytest.mark.usefixtures("pole_store")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"lat": 40.75, "lng": -73.99, "radius_km": 30}, [("new-york", 0.0), ("newark", 15.3)]),
        ({"lat": 40.75, "lng": -73.99, "radius_km": 1}, [("new-york", 0.0)]),
        ({"lat": -17.8, "lng": -179.9, "radius_km": 50}, [("fiji", 21.2)]),
        ({"lat": -17.8, "lng": -180, "radius_km": 50}, [("fiji", 10.6)]),
        ({"lat": 89.99, "lng": 0, "radius_km": 50}, []),
        # Across the pole: 0.6 and 0.5 degrees of latitude, half the world of longitude.
        ({"lat": 89.4, "lng": -100, "radius_km": 130}, [("pole", 122.3)]),
        ({"lat": 90, "lng": 12, "radius_km": 60}, [("pole", 55.6)]),
    ],
)
def test_stores_near_a_point_nearest_first(api, query, expected):
    rows = api.get("/stores/nearby/", query).json()["results"]
    assert [(row["slug"], row["distance_km"]) for row in rows] == expected


@pytest.mark.usefixtures("stores")
def test_open_now_goes_by_the_stores_own_clock(api):
    everywhere = {"lat": 0, "lng": 0, "radius_km": 20000}
    # Saturday 02:00 UTC is Saturday 11:00 in Tokyo and Friday 21:00 in New York.
    with time_machine.travel(datetime(2026, 11, 21, 2, tzinfo=UTC), tick=False):
        rows = api.get("/stores/nearby/", everywhere | {"open_now": "true"}).json()["results"]
        closed = api.get("/stores/nearby/", everywhere | {"open_now": "false"}).json()["results"]
    assert [row["slug"] for row in rows] == ["tokyo"]
    assert {row["slug"] for row in closed} == {"new-york", "newark", "fiji"}


def test_a_shop_that_closes_after_midnight_is_open_until_then():
    bar = Store(timezone="UTC", hours={"fri": [["20:00", "02:00"]], "sat": [["12:00", "24:00"]]})
    friday = datetime(2026, 11, 20, tzinfo=UTC)
    hours_open = [hour for hour in range(72) if is_open(bar, friday + timedelta(hours=hour))]
    assert hours_open == [*range(20, 26), *range(36, 48)]


@pytest.mark.usefixtures("stores")
def test_stores_nearby_may_be_cached_and_revalidated(api):
    query = {"lat": 40.75, "lng": -73.99}
    response = api.get("/stores/nearby/", query)
    assert response["Cache-Control"] == "public, max-age=60"
    assert api.get("/stores/nearby/", query, If_None_Match=response["ETag"]).status_code == 304
    Store.objects.filter(slug="newark").update(phone="+12125550123")
    assert api.get("/stores/nearby/", query, If_None_Match=response["ETag"]).status_code == 200


@pytest.mark.parametrize(
    "query", ["lat=91&lng=0", "lat=0&lng=181", "lng=0", "lat=x&lng=0", "lat=nan&lng=0", "lat=0&lng=0&radius_km=0"]
)
def test_a_point_off_the_earth_is_refused(api, query):
    assert code(api.get("/stores/nearby/", query)) == (400, "validation_error")


def test_low_stock_is_told_once_per_crossing():
    sellable(stock=6, sku="A-1")
    level = StockLevel.objects.get()
    assert check_low_stock_products() == 0
    stock.adjust(level_id=level.pk, delta=-1, reason="sold in the shop")
    assert Event.objects.get(type="stock.low").data == {"sku": "A-1", "warehouse": "main", "available": 5}
    assert check_low_stock_products() == 0
    stock.adjust(level_id=level.pk, delta=10, reason="delivery")
    assert check_low_stock_products() == 0
    stock.adjust(level_id=level.pk, delta=-12, reason="sold in the shop")
    assert check_low_stock_products() == 0
    assert Event.objects.filter(type="stock.low").count() == 2
    StockLevel.objects.update(low_stock_threshold=1)
    assert check_low_stock_products() == 0
    StockLevel.objects.update(low_stock_threshold=3)
    assert check_low_stock_products() == 1


def test_a_level_may_have_its_own_threshold():
    sellable(stock=6)
    StockLevel.objects.update(low_stock_threshold=6)
    assert check_low_stock_products() == 1


def test_a_closed_warehouse_runs_low_unheard():
    sellable(stock=1)
    Warehouse.objects.update(is_active=False)
    assert check_low_stock_products() == 0


@pytest.mark.django_db(transaction=True)
def test_checks_at_once_tell_of_each_level_once():
    for _ in range(5):
        sellable(stock=1)
    assert sum(together([check_low_stock_products] * 4)) == 5
    assert Event.objects.filter(type="stock.low").values("target_id").distinct().count() == 5
    assert Event.objects.filter(type="stock.low").count() == 5


@pytest.mark.django_db(transaction=True)
def test_the_check_never_waits_for_a_buyer():
    """Waiting while it holds other levels, out of key order, could deadlock with a checkout."""
    sellable(stock=9)
    StockLevel.objects.update(low_stock_alerted_at=datetime(2026, 1, 1, tzinfo=UTC))
    held, done = threading.Event(), threading.Event()

    def buy() -> None:
        try:
            with transaction.atomic():
                list(StockLevel.objects.lock(StockLevel.objects.values_list("pk", flat=True)))
                held.set()
                done.wait(timeout=30)
        finally:
            connections.close_all()

    buyer = threading.Thread(target=buy)
    buyer.start()
    try:
        assert held.wait(timeout=10)
        assert check_low_stock_products() == 0
        assert StockLevel.objects.get().low_stock_alerted_at is not None
    finally:
        done.set()
        buyer.join(timeout=30)
    check_low_stock_products()
    assert StockLevel.objects.get().low_stock_alerted_at is None


def test_the_cache_can_be_invalidated_by_hand():
    before = current_version()
    assert invalidate_product_cache() > before
