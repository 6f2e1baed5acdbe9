"""The moves that staff make by naming the status an order shall have."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.orders.models import Order
from apps.orders.services import fulfilment, lifecycle
from apps.orders.services.fulfilment import Label
from apps.products.services import stock

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

S = Order.Status


@transaction.atomic
def transition(
    *,
    order_id: UUID,
    to: str,
    actor: "Actor" = None,
    reason: str = "",
    carrier: str = "",
    tracking_number: str = "",
    tracking_url: str = "",
) -> Order:
    """A move made by staff. Shipping sends all that is left with the given tracking; delivering, every parcel.

    Raises NotFound, OrderOnHold or InvalidTransition; then nothing has changed.
    """
    order = lifecycle.locked(order_id)
    lifecycle.require_move(order, to)
    match to:
        case S.CANCELLED:
            return lifecycle.cancel_locked(order, actor=actor, reason=reason)
        case S.SHIPPED:
            label = Label(carrier=carrier, tracking_number=tracking_number, tracking_url=tracking_url)
            fulfilment.ship_the_rest(order, label, actor=actor, reason=reason)
        case S.DELIVERED:
            fulfilment.deliver_all(order, actor=actor, reason=reason)
        case S.RETURNED:
            _require_no_returns(order)
            stock.restock(reference=order.pk)
            order.fulfilment_status = Order.FulfilmentStatus.RETURNED
            lifecycle.move(order, to, actor=actor, reason=reason)
        case _:
            lifecycle.move(order, to, actor=actor, reason=reason)
    return order


def _require_no_returns(order: Order) -> None:
    """What comes back by returns is counted and booked there; taking the whole order back would book it twice."""
    if order.items.filter(returned_quantity__gt=0).exists():
        allowed = [move for move in lifecycle.allowed_moves(order) if move != S.RETURNED]
        raise lifecycle.InvalidTransition("The order has returns: receive them.", extra={"allowed": allowed})
