"""Steps that many order tests begin with."""

from typing import Any

from apps.orders.models import Order
from apps.products.models import ProductVariant
from apps.users.models import User
from tests.client import ApiClient
from tests.factories import ADDRESS


def cart_with(variant: ProductVariant, *, quantity: int = 1, user: User | None = None) -> ApiClient:
    """A client holding a cart with one line."""
    client = ApiClient(user)
    cart = client.post("/cart/items/", {"sku": variant.sku, "quantity": quantity}).json()
    if user is None:
        client.headers["X-Cart-Token"] = cart["token"]
    return client


def order_body(**changes: Any) -> dict[str, Any]:
    """A guest's order by standard shipping to New York."""
    body = {"email": "guest@example.com", "shipping_address": ADDRESS, "shipping_method": "standard"}
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def place(variant: ProductVariant, *, quantity: int = 1, user: User | None = None) -> tuple[ApiClient, Order]:
    """A placed, unpaid order and the client that may see it."""
    client = cart_with(variant, quantity=quantity, user=user)
    response = client.post("/orders/", order_body(email=None) if user else order_body())
    assert response.status_code == 201, response.json()
    if user is None:
        client.headers["X-Order-Token"] = response.json()["order_token"]
    return client, Order.objects.get(id=response.json()["id"])
