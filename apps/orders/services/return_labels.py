"""The label that goes onto and into a returned parcel: where it is sent, and its number, large enough to be seen."""

from typing import Any, Final

from django.conf import settings

from apps.common.errors import Conflict
from apps.orders.models import Return
from apps.orders.pdf import typesetting
from apps.users.services.addresses import postal_lines

TEMPLATE: Final = "packing_slips/return_label.typ"
# Approved, and until the goods have arrived.
PRINTABLE: Final = (Return.Status.APPROVED, Return.Status.IN_TRANSIT)


class LabelNotReady(Conflict):
    code = "not_ready"
    detail = "The label is there once the return is approved, until the goods have arrived."


def return_label(rma: Return) -> bytes:
    """The PDF of an approved return's label. Raises LabelNotReady."""
    if rma.status not in PRINTABLE:
        raise LabelNotReady
    return typesetting.pdf(TEMPLATE, _content(rma), at=rma.created_at)


def return_address(rma: Return) -> list[str]:
    """Where the goods are to be sent: the warehouse's address, else the shop's."""
    house = rma.warehouse
    if house is None or not house.line1:
        return [settings.SHOP_NAME, settings.SHOP_ADDRESS]
    town = " ".join(part for part in (house.city, house.region, house.postal_code) if part)
    return [line for line in (settings.SHOP_NAME, house.name, house.line1, house.line2, town, house.country) if line]


def _content(rma: Return) -> dict[str, Any]:
    order = rma.order
    lines = list(rma.lines.select_related("item"))
    return {
        "shop": settings.SHOP_NAME,
        "footer": f"{settings.SHOP_NAME} · {settings.SUPPORT_EMAIL}",
        "number": rma.number,
        "sender": list(postal_lines(order.shipping_address)),
        "ship_to": return_address(rma),
        "facts": [
            ("Return", rma.number),
            ("Order", order.number),
            ("Approved on", f"{rma.approved_at:%Y-%m-%d}" if rma.approved_at else ""),
        ],
        "lines": [
            {
                "sku": line.item.sku,
                "name": line.item.name,
                "options": ", ".join(str(value) for value in line.item.options.values()),
                "reason": line.get_reason_display(),
                "quantity": str(line.quantity),
            }
            for line in lines
        ],
        "units": str(sum(line.quantity for line in lines)),
    }
