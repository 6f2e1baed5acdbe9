"""What can be sold of a level: one definition, so shoppers and staff always read the same number; and what it costs."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from apps.products.models import ProductVariant, StockAlert, StockLevel, StockReservation
from apps.products.models.stock import available_of_level
from apps.products.services import inventory, low_stock, stock
from tests.client import ApiClient
from tests.factories import UserFactory, WarehouseFactory, receive, sellable

pytestmark = pytest.mark.django_db


def promise(level: StockLevel, units: int, *, minutes: int) -> None:
    """A hold that ends in so many minutes; below zero it has run out, and no job has noticed yet."""
    StockReservation.objects.create(
        reference=uuid.uuid4(), level=level, quantity=units, expires_at=timezone.now() + timedelta(minutes=minutes)
    )
    StockLevel.objects.filter(pk=level.pk).update(reserved=StockLevel.objects.get(pk=level.pk).reserved + units)


@pytest.fixture
def boss() -> ApiClient:
    return ApiClient(UserFactory(is_staff=True, is_superuser=True))


@pytest.mark.parametrize(
    ("on_hand", "safety", "ahead", "held", "run_out", "expected"),
    [
        (5, 0, 0, 0, 0, 5),
        (5, 2, 0, 1, 0, 2),
        (5, 2, 0, 3, 2, 2),
        (5, 9, 0, 0, 0, 0),
        (0, 0, 3, 1, 0, 2),
        (4, 0, 0, 4, 4, 4),
    ],
)
def test_every_place_that_tells_it_tells_the_same(boss, api, on_hand, safety, ahead, held, run_out, expected):
    variant = sellable(stock=on_hand)
    StockLevel.objects.update(safety_stock=safety, backorder_limit=ahead)
    level = StockLevel.objects.get()
    if run_out:
        promise(level, run_out, minutes=-1)
    if held > run_out:
        promise(level, held - run_out, minutes=10)
    StockAlert.objects.create(level=level, kind="low", available=9, crossed_at=timezone.now())
    row = StockLevel.objects.to_show().annotate(left=available_of_level()).get()
    staff = boss.get(f"/admin/inventory/{variant.sku}/").json()
    told = {
        "the row": row.available,
        "the expression": row.left,
        "shoppers": stock.availability([variant.pk])[variant.pk],
        "staff": staff["available"],
        "staff, by level": staff["levels"][0]["available"],
        "alerts": boss.get("/admin/inventory/alerts/").json()["results"][0]["available"],
    }
    assert told == dict.fromkeys(told, expected)
    assert bool(expected) is (api.get(f"/inventory/{variant.sku}/").json()["availability"] != "out_of_stock")
    assert inventory.stocked(out_of_stock=True).exists() is (expected == 0)
    assert inventory.stocked(low_stock=True).exists() is (expected <= 5)


def test_a_hold_that_ran_out_keeps_nothing_from_being_found_and_alerts_nobody(boss):
    variant = sellable(stock=20)
    promise(StockLevel.objects.get(), 20, minutes=-1)
    found = boss.get("/admin/inventory/", "out_of_stock=true").json()
    assert found["count"] == 0
    assert low_stock.check() == 0
    page = Client()
    page.force_login(UserFactory(is_staff=True, is_superuser=True))
    out = page.get("/admin/products/stocklevel/?state=out").content.decode()
    everything = page.get("/admin/products/stocklevel/").content.decode()
    assert variant.sku not in out
    assert 'class="field-available' in everything
    cell = everything.split('class="field-available')[1].split("</td>")[0]
    assert strip_tags(f'<td class="{cell}').strip() == "20"


def test_of_a_large_catalogue_only_the_asked_levels_and_their_holds_are_read():
    """3,000 levels with 6,000 holds: the plan reads the holds of a level by their index."""
    places = [WarehouseFactory(code=f"w{number}", name=f"W{number}") for number in range(3)]
    variant = sellable(stock=1)
    for place in places:
        receive(variant, 2, warehouse=place)
    now = timezone.now()
    variants = ProductVariant.objects.bulk_create(
        ProductVariant(product=variant.product, sku=f"BULK-{number}", price=1) for number in range(3000)
    )
    levels = StockLevel.objects.bulk_create(
        StockLevel(variant=each, warehouse=places[0], on_hand=9, reserved=2) for each in variants
    )
    StockReservation.objects.bulk_create(
        StockReservation(reference=uuid.uuid4(), level=level, quantity=1, expires_at=now + timedelta(minutes=minutes))
        for level in levels
        for minutes in (-1, 9)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_stocklevel, products_stockreservation, products_productvariant")
    asked = StockLevel.objects.filter(variant=variant).order_by("pk").annotate(left=available_of_level())
    plan = json.loads(asked.explain(format="json", analyze=True))[0]
    assert sorted(level.left for level in asked) == [1, 2, 2, 2]
    assert "held_of_level" in str(plan)
    assert "Seq Scan" not in str(plan)
    print(f"available of 4 levels among 3,004: {plan['Execution Time']} ms")
    assert plan["Execution Time"] < 50
