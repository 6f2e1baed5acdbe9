"""Cancelling some units of an order: stock and their share of the money go back, the rest goes on.

A unit's share of a line's total, discount and tax is fixed by the largest remainder over all its units, so however a
line is cancelled in parts, the parts add up to it exactly.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.common import events
from apps.common.money import ZERO
from apps.orders.models import LineCancellation, Order, OrderItem
from apps.orders.services import fulfilment, lifecycle, line_shares, parcels
from apps.orders.services.actors import actor_key, actor_label
from apps.orders.services.fulfilment import ExceedsOpenQuantity, Wanted
from apps.products.services.stock_parts import restock_part

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

S = Order.Status


@transaction.atomic
def cancel_lines(*, order_id: UUID, wanted: Sequence[Wanted], actor: "Actor" = None, reason: str = "") -> Order:
    """Cancel units that are in no parcel yet; all that there is cancels the order.

    The payments app refunds the share once this commits. An unpaid order is cancelled as a whole or not at all. Raises
    NotFound, NotCancellable, Invalid (a line that is not the order's) or ExceedsOpenQuantity; then nothing has changed.
    """
    order = lifecycle.locked(order_id)
    items = list(order.items.all())
    units = fulfilment.units_wanted(items, wanted)
    everything = all(units.get(each.pk, 0) == each.quantity - each.cancelled_quantity for each in items)
    if everything and lifecycle.is_cancellable(order):
        return lifecycle.cancel_locked(order, actor=actor, reason=reason)
    if order.status not in (S.CONFIRMED, S.PROCESSING):
        raise lifecycle.NotCancellable
    rows = [_cancel(order, item, units[item.pk], actor, reason) for item in items if item.pk in units]
    restock_part(reference=order.pk, units=_places(order, items, units))
    amount = sum((row.amount for row in rows), ZERO)
    Order.objects.filter(pk=order.pk).update(cancelled_total=F("cancelled_total") + amount, updated_at=timezone.now())
    order.refresh_from_db(fields=["cancelled_total"])
    _record(order, rows, actor, reason)
    parcels.settle(order, actor=actor, reason="the rest was cancelled")
    return order


def _cancel(order: Order, item: OrderItem, quantity: int, actor: "Actor", reason: str) -> LineCancellation:
    taken = OrderItem.objects.filter(
        pk=item.pk, quantity__gte=F("shipped_quantity") + F("cancelled_quantity") + quantity
    ).update(cancelled_quantity=F("cancelled_quantity") + quantity, updated_at=timezone.now())
    if not taken:
        raise ExceedsOpenQuantity
    part = line_shares.first_units(order, item, before=item.cancelled_quantity, units=quantity)
    return LineCancellation.objects.create(
        order=order,
        item=item,
        quantity=quantity,
        line_total=part.line_total,
        discount=part.discount,
        tax=part.tax,
        amount=part.amount,
        reason=reason[:200],
        actor=actor_label(actor, owner_id=order.user_id),
        actor_id=actor_key(actor),
    )


def _places(order: Order, items: list[OrderItem], units: dict[UUID, int]) -> dict[tuple[UUID, UUID], int]:
    """Which warehouses get the units back: those that hold some of them in no parcel."""
    wanted: dict[UUID, int] = defaultdict(int)
    for item in items:
        wanted[item.variant_id] += units.get(item.pk, 0)
    back: dict[tuple[UUID, UUID], int] = {}
    for place, held in sorted(fulfilment.units_held(order, items).items()):
        part = min(held, wanted[place[0]])
        if part > 0:
            back[place] = part
            wanted[place[0]] -= part
    return back


def _record(order: Order, rows: list[LineCancellation], actor: "Actor", reason: str) -> None:
    """`amount` is what goes back now: units whose price staff had refunded before get nothing a second time."""
    back = {row.pk: _not_refunded(order, row) for row in rows}
    data = {
        "number": order.number,
        "by": actor_label(actor, owner_id=order.user_id),
        "reason": reason[:200],
        "amount": str(sum(back.values(), ZERO)),
        "currency": order.currency,
        "lines": [
            {"item": str(row.item_id), "sku": row.item.sku, "quantity": row.quantity, "amount": str(back[row.pk])}
            for row in rows
        ],
    }
    events.record("order.lines_cancelled", target=order, actor=actor, data=data)


def _not_refunded(order: Order, row: LineCancellation) -> Decimal:
    """The share of those cancelled units that were not refunded: refunds take a line's units from its end."""
    item = row.item  # as it was before: its counters do not contain this cancellation
    open_units = max(item.quantity - item.refunded_quantity - item.cancelled_quantity, 0)
    if open_units >= row.quantity:
        return row.amount
    return line_shares.first_units(order, item, before=item.cancelled_quantity, units=open_units).amount
