"""Steps that tests of returns begin with."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.orders.models import Order, OrderItem, Return
from apps.orders.services import transitions
from apps.products.models import ProductVariant
from apps.users.models import User
from tests.client import ApiClient
from tests.contracts import schema_truth
from tests.factories import sellable
from tests.orders.steps import place
from tests.orders.test_api_orders import pay, staff_client


def desk() -> ApiClient:
    """Staff who may do everything with returns."""
    return staff_client("view_return", "add_return", "change_return", "view_order", "change_order")


def delivered(
    quantity: int = 3, *, user: User | None = None, variant: ProductVariant | None = None
) -> tuple[ApiClient, Order, OrderItem]:
    """An order of one line, paid and delivered; its price is 19.99 a unit, its stock 10 before."""
    client, order = place(variant or sellable(price="19.99"), quantity=quantity, user=user)
    pay(order)
    for to in ("shipped", "delivered"):
        transitions.transition(order_id=order.pk, to=to)
    order.refresh_from_db()
    return client, order, order.items.get()


def wish(item: OrderItem, quantity: int = 1, **more: Any) -> dict[str, Any]:
    """The body that asks for a return of some units."""
    return {"lines": [{"item": str(item.pk), "quantity": quantity, "reason": "damaged"}], **more}


def asked(client: ApiClient, order: Order, item: OrderItem, quantity: int = 1, **more: Any) -> dict[str, Any]:
    """A return that the buyer has asked for."""
    answer = client.post(f"/orders/{order.pk}/returns/", wish(item, quantity, **more))
    assert answer.status_code == 201, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def approved(client: ApiClient, order: Order, item: OrderItem, quantity: int = 1, **more: Any) -> str:
    """The id of an approved return."""
    found = asked(client, order, item, quantity, **more)["id"]
    assert desk().post(f"/admin/returns/{found}/approve/", {}).status_code == 200
    return str(found)


def arrive(return_id: str, item: OrderItem, **units: int) -> Any:
    """Staff take units in, by condition."""
    lines = [{"item": str(item.pk), "quantity": count, "condition": name} for name, count in units.items()]
    return desk().post(f"/admin/returns/{return_id}/receive/", {"lines": lines})


def received(client: ApiClient, order: Order, item: OrderItem, quantity: int = 1, **more: Any) -> str:
    """The id of a return whose goods have arrived, all resellable."""
    found = approved(client, order, item, quantity, **more)
    assert arrive(found, item, resellable=quantity).status_code == 200
    return found


def status(return_id: str) -> str:
    return Return.objects.values_list("status", flat=True).get(pk=return_id)


def picture(kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (600, 300), "red").save(out, kind)
    return out.getvalue()


def upload(client: ApiClient, return_id: str, content: bytes) -> Any:
    file = SimpleUploadedFile("a.jpg", content, content_type="image/jpeg")
    response = Client(raise_request_exception=False).post(
        f"/api/v1/returns/{return_id}/photos/", {"file": file}, headers=client.headers
    )
    schema_truth.check("post", response)
    return response
