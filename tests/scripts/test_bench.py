"""The benchmark's arithmetic, and that its flows are what a shopper can really do."""

import itertools
from typing import Any

import pytest
from django.utils import timezone

from apps.cart.models import ShippingMethod
from apps.orders.models import Order
from apps.products.models import StockLevel, Warehouse
from scripts.bench import flows, report
from scripts.bench.__main__ import write
from scripts.bench.load import Load, run
from scripts.bench.statements import InProcess, count
from scripts.seed.catalogue import seed_categories
from scripts.seed.scale import seed_scale

BY_NAME = {(flow.name, flow.mode): flow for flow in flows.FLOWS}


def test_percentiles_are_times_that_were_measured():
    load = Load(tuple(n / 1000 for n in range(1, 101)), seconds=2.0)
    assert (load.count, load.rate) == (100, 50.0)
    assert (load.percentile(0.5), load.percentile(0.95), Load((0.2,), 1).percentile(0.95)) == (0.05, 0.095, 0.2)


def test_a_row_names_its_statements_per_request_and_what_was_not_measured():
    load = Load((0.010, 0.020), seconds=0.5)
    row = report.Row(
        flow=BY_NAME["whole checkout", "-"],
        statements=[8, 19],
        cpu={"web": 19.44, "database": 123.4, "cache": None},
        single=load,
        many=load,
    )
    assert report.table([row]).splitlines()[-1] == (
        "| whole checkout | - | 27 (8 + 19) | 19.4 | 123 | - | 4.0 | 10.0 | 20.0 | 4.0 | 10.0 | 20.0 |"
    )


def test_the_table_replaces_the_one_in_the_document(tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    write(document, "| new \\1 |")
    write(document, "| newer |")
    assert document.read_text() == "before\n<!-- measured -->\n| newer |\n<!-- end -->\nafter\n"


@pytest.fixture
def bulk_shop(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty bulk products and a way to ship."""
    monkeypatch.setattr(flows, "product_count", lambda: 40)
    Warehouse.objects.create(code="only", name="Only")
    ShippingMethod.objects.create(code="standard", name="Standard", price=5)
    seed_categories()
    seed_scale(40, now=timezone.now())


@pytest.mark.parametrize("flow", flows.FLOWS, ids=lambda flow: f"{flow.name} {flow.mode}")
def test_every_flow_works_and_is_counted_per_request(bulk_shop, stripe, flow):
    counts = count(flow, itertools.count(1))
    requests = {"whole checkout": 2, "checkout and payment": 4}.get(flow.name, 1)
    assert len(counts) == requests
    assert (sum(counts) == 0) is (flow.name.startswith("bare"))
    if flow.mode == "cold":
        warm = count(BY_NAME[flow.name, "warm"], itertools.count(1))
        assert sum(warm) < sum(counts)
    assert Order.objects.count() == (2 if requests > 1 else 0)


def test_every_number_is_a_sku_with_stock(bulk_shop):
    stocked = set(StockLevel.objects.filter(on_hand__gt=0).values_list("variant__sku", flat=True))
    assert {flows.sku_in_stock(number) for number in range(200)} <= stocked


def test_a_flow_that_is_refused_ends_the_measurement(bulk_shop):
    ShippingMethod.objects.all().delete()
    with pytest.raises(flows.UnexpectedAnswer, match="POST /api/v1/orders/ answered 409"):
        BY_NAME["whole checkout", "-"].run(InProcess(), 1)


def test_the_load_client_keeps_connections_and_stops_at_an_error(live_server, monkeypatch):
    monkeypatch.setenv("BENCH_PRODUCTS", "40")
    load = run(
        BY_NAME["bare view (/healthz)", "-"],
        url=live_server.url,
        connections=3,
        seconds=0.3,
        numbers=itertools.count(1),
    )
    assert load.count > 3
    assert 0.3 <= load.seconds < 5
    with pytest.raises(flows.UnexpectedAnswer, match="answered 404"):
        run(
            BY_NAME["product detail", "cold"],
            url=live_server.url,
            connections=2,
            seconds=30,
            numbers=itertools.count(1),
        )
