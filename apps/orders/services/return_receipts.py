"""Taking returned goods in: counted as they are, looked at, and back on the shelf when they can be sold again."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.common.errors import Invalid
from apps.orders.models import Order, OrderItem, Return, ReturnLine, ReturnReceipt
from apps.orders.services import lifecycle, return_moves, returns
from apps.orders.services.actors import actor_key
from apps.products.models import StockMovement
from apps.products.services import stock_parts, stock_posting

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor


@dataclass(frozen=True, slots=True)
class Arrived:
    """Units of an order line that arrived in one condition."""

    item_id: UUID
    quantity: int
    condition: str


@transaction.atomic
def receive(
    *, return_id: UUID, arrived: Sequence[Arrived], warehouse_id: UUID | None = None, actor: "Actor" = None
) -> Return:
    """Take in what has arrived: fewer units than announced, or more as long as they had been sent.

    Resellable units go on hand in the warehouse. An order of which every unit is back is `returned`. Raises NotFound,
    InvalidTransition, Invalid (a line that is not the return's) or ExceedsReturnable; then nothing has changed.
    """
    order, rma = return_moves.locked(return_id)
    return_moves.require(rma, Return.Status.RECEIVED)
    lines = {line.item_id: line for line in rma.lines.select_related("item")}
    units = _by_condition(lines, arrived)
    _count(order, lines, units)
    rma.warehouse_id = warehouse_id or rma.warehouse_id
    receipts = [
        ReturnReceipt(
            line=lines[item_id],
            condition=condition,
            quantity=count,
            is_restocked=condition in ReturnReceipt.RESTOCKED and rma.warehouse_id is not None,
            warehouse_id=rma.warehouse_id,
        )
        for (item_id, condition), count in units.items()
    ]
    ReturnReceipt.objects.bulk_create(receipts)
    _restock(rma, receipts, actor)
    return_moves.move(rma, Return.Status.RECEIVED, actor=actor)
    _end_order(order, actor)
    return rma


def _by_condition(lines: dict[UUID, ReturnLine], arrived: Sequence[Arrived]) -> dict[tuple[UUID, str], int]:
    units: dict[tuple[UUID, str], int] = defaultdict(int)
    for index, each in enumerate(arrived):
        if each.item_id not in lines:
            raise Invalid.field(f"/lines/{index}/item", "does_not_exist", "The return has no such line.")
        units[each.item_id, each.condition] += each.quantity
    return dict(units)


def _count(order: Order, lines: dict[UUID, ReturnLine], units: dict[tuple[UUID, str], int]) -> None:
    """Write what arrived of each line, and make the order's lines count that instead of what was announced."""
    arrived: dict[UUID, int] = defaultdict(int)
    for (item_id, _), count in units.items():
        arrived[item_id] += count
    more = {key: arrived[key] - line.quantity for key, line in lines.items() if arrived[key] > line.quantity}
    returns.take_units(order, more)
    for item_id, line in sorted(lines.items()):
        missing = line.quantity - arrived[item_id]
        if missing > 0:
            OrderItem.objects.filter(pk=item_id).update(
                returned_quantity=Greatest(F("returned_quantity") - missing, 0), updated_at=timezone.now()
            )
        line.received_quantity = arrived[item_id]
        line.save(update_fields=["received_quantity"])


def _restock(rma: Return, receipts: Sequence[ReturnReceipt], actor: "Actor") -> None:
    if rma.warehouse_id is None:
        return
    units: dict[UUID, int] = defaultdict(int)
    for receipt in receipts:
        if receipt.is_restocked:
            units[receipt.line.item.variant_id] += receipt.quantity
    level_of = stock_posting.ensure_levels(warehouse_id=rma.warehouse_id, variant_ids=units)
    kind = StockMovement.Kind.RETURN
    stock_posting.post(
        postings=[stock_posting.Posting(level_of[key], kind, count, rma.number) for key, count in units.items()],
        levels=stock_posting.locked(level_of.values()),
        reference=rma.pk,
        actor_id=actor_key(actor),
    )


def _end_order(order: Order, actor: "Actor") -> None:
    """An order of which all that was kept has come back is over; so are its stock's promises."""
    back = ReturnLine.objects.filter(
        rma__order=order, rma__status__in=(Return.Status.RECEIVED, Return.Status.COMPLETED)
    ).aggregate(units=Sum("received_quantity"))["units"]
    kept = order.items.aggregate(units=Sum(F("quantity") - F("cancelled_quantity")))["units"]
    if (back or 0) < (kept or 0) or Order.Status.RETURNED not in lifecycle.MOVES[order.status]:
        return
    stock_parts.close_sale(reference=order.pk)
    order.fulfilment_status = Order.FulfilmentStatus.RETURNED
    lifecycle.move(order, Order.Status.RETURNED, actor=actor, reason="everything came back")
