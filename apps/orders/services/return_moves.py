"""How a return moves. One table says which moves exist; every move writes its history and an event of the order."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.common import events
from apps.common.errors import NotFound
from apps.orders.models import Order, OrderItem, Return, ReturnHistory
from apps.orders.services.actors import actor_key, actor_label
from apps.orders.services.lifecycle import InvalidTransition

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

S = Return.Status
MOVES: Final[dict[str, tuple[str, ...]]] = {
    S.REQUESTED: (S.APPROVED, S.REJECTED, S.CANCELLED),
    S.APPROVED: (S.IN_TRANSIT, S.RECEIVED, S.CANCELLED),
    S.IN_TRANSIT: (S.RECEIVED, S.CANCELLED),
    S.RECEIVED: (S.COMPLETED,),
    S.REJECTED: (),
    S.COMPLETED: (),
    S.CANCELLED: (),
}
# The buyer may take the wish back until the goods are on their way.
WITHDRAWABLE: Final = (S.REQUESTED, S.APPROVED)
_STAMPS: Final = {
    S.APPROVED: "approved_at",
    S.RECEIVED: "received_at",
    S.REJECTED: "closed_at",
    S.COMPLETED: "closed_at",
    S.CANCELLED: "closed_at",
}


def allowed_moves(rma: Return) -> list[str]:
    """Where staff may move the return now."""
    return [str(status) for status in MOVES[rma.status]]


def locked(return_id: UUID) -> tuple[Order, Return]:
    """A return and its order, the order locked first. Raises NotFound."""
    order_id = Return.objects.filter(pk=return_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    rma = Return.objects.lock().get(pk=return_id)
    rma.order = order
    return order, rma


def require(rma: Return, to: str) -> None:
    """Raises InvalidTransition unless the table has this move."""
    if to not in MOVES[rma.status]:
        raise InvalidTransition("The return cannot make this move now.", extra={"allowed": allowed_moves(rma)})


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def move(rma: Return, to: str, *, actor: "Actor", reason: str = "", data: Mapping[str, Any] | None = None) -> None:
    """Move a locked return along the table and save it. Raises InvalidTransition off the table."""
    require(rma, to)
    before, rma.status = rma.status, to
    if stamp := _STAMPS.get(S(to)):
        setattr(rma, stamp, timezone.now())
    rma.save()
    tell(rma, before, actor=actor, reason=reason, data=data)


def tell(rma: Return, before: str, *, actor: "Actor", reason: str = "", data: Mapping[str, Any] | None = None) -> None:
    """The history row and the event of a status just reached."""
    by = actor_label(actor, owner_id=rma.order.user_id)
    ReturnHistory.objects.create(
        rma=rma,
        from_status=before,
        to_status=rma.status,
        actor=by,
        actor_id=actor_key(actor),
        reason=reason[:500],
    )
    about = {
        "order_id": str(rma.order_id),
        "number": rma.order.number,
        "return_id": str(rma.pk),
        "return_number": rma.number,
        "by": by,
        "reason": reason[:200],
        "lines": [
            {
                "item": str(line.item_id),
                "sku": line.item.sku,
                "quantity": line.quantity,
                "received": line.received_quantity,
            }
            for line in rma.lines.select_related("item")
        ],
    }
    events.record(f"return.{rma.status}", target=rma, actor=actor, data={**about, **(data or {})})


@transaction.atomic
def approve(*, return_id: UUID, warehouse_id: UUID | None = None, reply: str = "", actor: "Actor" = None) -> Return:
    """Let the buyer send the goods, to a warehouse if one is named. Raises NotFound or InvalidTransition."""
    _, rma = locked(return_id)
    rma.warehouse_id = warehouse_id or rma.warehouse_id
    rma.reply = reply or rma.reply
    move(rma, S.APPROVED, actor=actor, reason=reply)
    return rma


@transaction.atomic
def reject(*, return_id: UUID, reply: str, actor: "Actor" = None) -> Return:
    """Refuse a return; the buyer is told why. Raises NotFound or InvalidTransition."""
    _, rma = locked(return_id)
    rma.reply = reply
    require(rma, S.REJECTED)
    give_back_units(rma)
    move(rma, S.REJECTED, actor=actor, reason=reply)
    return rma


@transaction.atomic
def mark_sent(*, return_id: UUID, carrier: str = "", tracking_number: str = "", actor: "Actor" = None) -> Return:
    """The goods are on their way back; told by the buyer or by staff. Raises NotFound or InvalidTransition."""
    _, rma = locked(return_id)
    rma.carrier, rma.tracking_number = carrier, tracking_number
    move(rma, S.IN_TRANSIT, actor=actor, data={"carrier": carrier, "tracking_number": tracking_number})
    return rma


@transaction.atomic
def cancel(*, return_id: UUID, reason: str = "", actor: "Actor" = None, by_staff: bool = False) -> Return:
    """Give a return up; the buyer only until the goods are on their way. Repeatable.

    Raises NotFound or InvalidTransition.
    """
    _, rma = locked(return_id)
    if rma.status == S.CANCELLED:
        return rma
    if not by_staff and rma.status not in WITHDRAWABLE:
        raise InvalidTransition("The return can no longer be withdrawn.", extra={"allowed": []})
    require(rma, S.CANCELLED)
    give_back_units(rma)
    move(rma, S.CANCELLED, actor=actor, reason=reason)
    return rma


def give_back_units(rma: Return) -> None:
    """The units of a locked return that ends without goods may be returned another time."""
    for line in rma.lines.order_by("item"):
        OrderItem.objects.filter(pk=line.item_id).update(
            returned_quantity=Greatest(F("returned_quantity") - line.quantity, 0), updated_at=timezone.now()
        )
