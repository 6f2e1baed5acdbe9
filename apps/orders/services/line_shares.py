"""What some units of an order line cost: their share of its total, discount and tax.

A unit's share is fixed by the largest remainder over all its line's units, so however a line is taken apart, the parts
add up to it exactly. Cancellations take a line's units from its beginning, refunds from its end.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.cart.pricing.spreading import spread
from apps.common.errors import Conflict, Invalid
from apps.common.money import ZERO
from apps.orders.models import Order, OrderItem
from apps.orders.services.fulfilment import Wanted


class ExceedsRefundableUnits(Conflict):
    code = "exceeds_refundable_quantity"
    detail = "This is more than what is neither cancelled nor refunded of the line."


@dataclass(frozen=True, slots=True)
class LineShare:
    """So many units of a line and what they cost, in the order's currency; `amount` is what the buyer paid for them."""

    item: OrderItem
    quantity: int
    line_total: Decimal
    discount: Decimal
    tax: Decimal
    amount: Decimal


def share(amount: Decimal, *, units: int, before: int, taken: int, currency: str) -> Decimal:
    """The part of an amount that belongs to the `taken` units after the first `before` of `units`."""
    shares = spread(amount, dict.fromkeys(range(units), Decimal(1)), currency)
    return sum((shares[index] for index in range(before, before + taken)), ZERO)


def first_units(order: Order, item: OrderItem, *, before: int, units: int) -> LineShare:
    """What `units` of a line cost that come after the first `before`."""
    parts = {
        name: share(getattr(item, name), units=item.quantity, before=before, taken=units, currency=order.currency)
        for name in ("line_total", "discount", "tax")
    }
    added_tax = ZERO if order.tax_included else parts["tax"]
    return LineShare(item=item, quantity=units, amount=parts["line_total"] - parts["discount"] + added_tax, **parts)


def last_units(order: Order, item: OrderItem, *, units: int) -> LineShare:
    """What the last `units` of a line cost that are not refunded yet."""
    return first_units(order, item, before=item.quantity - item.refunded_quantity - units, units=units)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def take_refunded(order: Order, wanted: Sequence[Wanted]) -> list[LineShare]:
    """Count units of a locked order as refunded; returns what they cost, line by line.

    Raises Invalid (not a line of the order) or ExceedsRefundableUnits, whose `items` say what is left.
    """
    items = {item.pk: item for item in order.items.all()}
    units: dict[UUID, int] = defaultdict(int)
    for index, line in enumerate(wanted):
        if line.item_id not in items:
            raise Invalid.field(f"/lines/{index}/item", "does_not_exist", "The order has no such line.")
        units[line.item_id] += line.quantity
    short = [items[key] for key, count in units.items() if count > refundable_units(items[key])]
    if short:
        left = [{"sku": each.sku, "requested": units[each.pk], "available": refundable_units(each)} for each in short]
        raise ExceedsRefundableUnits(extra={"items": left})
    shares = [last_units(order, items[key], units=count) for key, count in sorted(units.items())]
    for part in shares:
        OrderItem.objects.filter(pk=part.item.pk).update(
            refunded_quantity=F("refunded_quantity") + part.quantity, updated_at=timezone.now()
        )
    return shares


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def give_back_refunded(units: Mapping[UUID, int]) -> None:
    """The refund of these units (by line of a locked order) has failed: they may be refunded again."""
    for item_id, count in sorted(units.items()):
        OrderItem.objects.filter(pk=item_id).update(
            refunded_quantity=Greatest(F("refunded_quantity") - count, 0), updated_at=timezone.now()
        )


def refundable_units(item: OrderItem) -> int:
    """Units that are neither cancelled nor refunded."""
    return max(item.quantity - item.cancelled_quantity - item.refunded_quantity, 0)
