"""How many statements each endpoint costs, transaction control counted, against a committed table.

UPDATE_QUERY_COUNTS=1 .venv/bin/python -m pytest tests/contracts/test_query_counts.py      # writes the table anew
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.products.models import ProductVariant
from scripts.standin.server import StripeStandin
from tests import cache_keys
from tests.cart.offers import coupon, offer
from tests.cart.quiet_shop import be_quiet
from tests.client import ApiClient
from tests.contracts.endpoints import World, fill
from tests.factories import ADDRESS, PASSWORD, ProductFactory, UserFactory, sellable
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = Path(__file__).with_name("query_counts.json")
# What the design promises; the committed table may be better, never worse.
LIMITS = {
    "list products": 4,
    "search products": 4,
    "filter products": 4,
    "read a product": 6,
    "add a line, new guest cart": 12,
    "add a line, customer": 12,
    "place an order of 1 line": 30,
    "place an order of 40 lines": 30,
    "place an order with a capped coupon": 40,
}


def statements(call: Callable[[], Any], *, status: int) -> int:
    """Statements of one request through HTTP, BEGIN and COMMIT included."""
    with CaptureQueriesContext(connection) as captured:
        response = call()
    assert response.status_code == status, response.content
    return len(captured)


def reads(world: World) -> dict[str, int]:
    """Reads, with an empty cache before each: the catalogue's by a guest, and with a warm cache too; the rest by Alice,
    whose session is one statement."""
    paths = {
        "list products": "/products/",
        "search products": "/products/?search=Product",
        "filter products": "/products/?category={category}&in_stock=true&ordering=-price",
        "read a product": "/products/{slug}/",
        "list categories": "/products/categories/",
        "read the cart": "/cart/",
        "read the cart's totals": "/cart/totals/",
        "list my orders": "/orders/",
        "read an order": "/orders/{order_id}/",
        "read an order's timeline": "/orders/{order_id}/timeline/",
        "list my payments": "/payments/",
        "read a payment": "/payments/{payment_id}/",
        "list my notifications": "/notifications/",
        "read my profile": "/users/me/",
        "list my addresses": "/users/me/addresses/",
    }
    counts = {}
    for name, path in paths.items():
        cache_keys.forget_everything()
        client = ApiClient() if path.startswith("/products/") else world.alices
        counts[name] = statements(lambda path=path, client=client: client.get(fill(path, world.names)), status=200)
    for name in ("list products", "search products", "filter products", "read a product"):
        guest = ApiClient()
        guest.get(fill(paths[name], world.names))
        again = statements(lambda name=name, guest=guest: guest.get(fill(paths[name], world.names)), status=200)
        counts[f"{name}, warm cache"] = again
    return counts


def an_order_of(lines: int) -> int:
    """Statements of placing an order with this many different products."""
    client = ApiClient()
    for _ in range(lines):
        cart = client.post("/cart/items/", {"sku": sellable().sku, "quantity": 1})
        client.headers["X-Cart-Token"] = cart.json()["token"]
    return statements(lambda: client.post("/orders/", order_body()), status=201)


def writes(world: World, variant: ProductVariant) -> dict[str, int]:
    """Cart, checkout and sign-in."""
    customer = ApiClient(UserFactory(email="carol@example.com"))
    line = {"sku": variant.sku, "quantity": 1}
    counts = {
        "add a line, new guest cart": statements(lambda: ApiClient().post("/cart/items/", line), status=201),
        "add a line, customer": statements(lambda: customer.post("/cart/items/", line), status=201),
        "add a line, customer, again": statements(lambda: customer.post("/cart/items/", line), status=201),
    }
    item = customer.get("/cart/").json()["items"][0]["id"]
    counts["set a quantity"] = statements(lambda: customer.put(f"/cart/items/{item}/", {"quantity": 3}), status=200)
    counts["place an order of 1 line"] = an_order_of(1)
    counts["place an order of 40 lines"] = an_order_of(40)
    body = order_body(email=None)
    keyed = statements(lambda: customer.post("/orders/", body, Idempotency_Key="k1"), status=201)
    counts["place an order with an Idempotency-Key"] = keyed
    replayed = statements(lambda: customer.post("/orders/", body, Idempotency_Key="k1"), status=201)
    counts["replay the order's answer"] = replayed
    counts["cancel an order"] = statements(
        lambda: world.alices.post(f"/orders/{world.names['order_id']}/cancel/", {}), status=200
    )
    sign_in = {"email": "carol@example.com", "password": PASSWORD}
    login = {}
    counts["sign in"] = statements(
        lambda: login.setdefault("answer", ApiClient().post("/auth/login/", sign_in)), status=200
    )
    refresh = {"refresh": login["answer"].json()["refresh"]}
    counts["refresh the tokens"] = statements(lambda: ApiClient().post("/auth/refresh/", refresh), status=200)
    counts["add an address"] = statements(lambda: customer.post("/users/me/addresses/", ADDRESS), status=201)
    return counts


def with_a_coupon() -> dict[str, int]:
    """A single-use code of an offer with every cap: entered, seen, ordered with, given back."""
    limits = {"usage_limit": 5, "per_customer_limit": 1}
    coupon("CAPPED", promotion=offer("Capped", is_public=True, needs_coupon=True, **limits), usage_limit=1)
    client = cart_with(sellable(), user=UserFactory(email="erin@example.com"))
    code, body, placed = {"code": "CAPPED"}, order_body(email=None), {}
    counts = {
        "enter a coupon": statements(lambda: client.post("/cart/coupons/", code), status=200),
        "read a cart with a coupon": statements(lambda: client.get("/cart/"), status=200),
        "place an order with a capped coupon": statements(
            lambda: placed.setdefault("answer", client.post("/orders/", body)), status=201
        ),
    }
    cancel = f"/orders/{placed['answer'].json()['id']}/cancel/"
    counts["cancel an order with a capped coupon"] = statements(lambda: client.post(cancel, {}), status=200)
    counts["list running offers"] = statements(lambda: ApiClient().get("/promotions/"), status=200)
    return counts


def paying() -> dict[str, int]:
    """Create-intent and confirm, with the provider's stand-in answering."""
    client = ApiClient(UserFactory(email="dave@example.com"))
    client.post("/cart/items/", {"sku": sellable().sku, "quantity": 1})
    order = client.post("/orders/", order_body(email=None)).json()["id"]
    intent = {}
    counts = {
        "begin to pay": statements(
            lambda: intent.setdefault("answer", client.post("/payments/create-intent/", {"order": order})), status=201
        )
    }
    body = {"payment": intent["answer"].json()["id"], "payment_method": "pm_card_visa"}
    counts["confirm a payment"] = statements(lambda: client.post("/payments/confirm/", body), status=200)
    return counts


def test_each_endpoint_costs_what_the_table_says(stripe: StripeStandin, monkeypatch: Any) -> None:
    be_quiet(monkeypatch)
    world = World()
    for _ in range(25):
        ProductFactory(category=world.product.category)
    measured = {**reads(world), **writes(world, sellable()), **paying(), **with_a_coupon()}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        TABLE.write_text(json.dumps(measured, indent=2) + "\n")
    assert measured == json.loads(TABLE.read_text())


def test_the_table_keeps_the_promises() -> None:
    table = json.loads(TABLE.read_text())
    assert {name: table[name] for name in LIMITS if table[name] > LIMITS[name]} == {}
    assert table["place an order of 1 line"] == table["place an order of 40 lines"]


def test_transaction_control_is_counted() -> None:
    from django.db import transaction

    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        UserFactory._meta.model.objects.count()
    assert [query["sql"].split()[0] for query in captured] == ["BEGIN", "SELECT", "COMMIT"]
