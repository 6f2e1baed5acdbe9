"""The slip that goes into a parcel: what is in it and whose it is, without prices."""

from typing import Any, Final

from django.conf import settings

from apps.orders.models import Shipment
from apps.orders.pdf import typesetting
from apps.users.services.addresses import postal_lines

TEMPLATE: Final = "packing_slips/slip.typ"


def packing_slip(shipment: Shipment) -> bytes:
    """The PDF of a parcel's slip, as things are now."""
    return typesetting.pdf(TEMPLATE, _content(shipment), at=shipment.created_at)


def _content(shipment: Shipment) -> dict[str, Any]:
    order = shipment.order
    lines = list(shipment.lines.select_related("item"))
    facts = [
        ("Order", order.number),
        ("Placed on", f"{order.placed_at:%Y-%m-%d}"),
        ("Method", order.shipping_method_name),
    ]
    if shipment.warehouse is not None:
        facts.append(("From", shipment.warehouse.name))
    if shipment.carrier:
        facts.append(("Carrier", shipment.carrier))
    if shipment.tracking_number:
        facts.append(("Tracking", shipment.tracking_number))
    return {
        "shop": settings.SHOP_NAME,
        "footer": f"{settings.SHOP_NAME} · {settings.SUPPORT_EMAIL}",
        "number": order.number,
        "ship_to": _destination(shipment),
        "facts": facts,
        "lines": [
            {
                "sku": line.item.sku,
                "name": line.item.name,
                "options": ", ".join(str(value) for value in line.item.options.values()),
                "quantity": str(line.quantity),
                "of": str(line.item.quantity - line.item.cancelled_quantity),
                "note": line.item.note,
                "gift": "Gift wrap" if line.item.gift_wrap else "",
                "message": line.item.gift_message,
            }
            for line in lines
        ],
        "units": str(sum(line.quantity for line in lines)),
        "note": order.note,
    }


def _destination(shipment: Shipment) -> list[str]:
    order = shipment.order
    name = f"{order.shipping_address.get('first_name', '')} {order.shipping_address.get('last_name', '')}".strip()
    if shipment.is_pickup and order.pickup_store is not None:
        store = order.pickup_store
        return [name, f"Collection in {store['name']}", str(store.get("line1", "")), str(store.get("city", ""))]
    return list(postal_lines(order.shipping_address))
