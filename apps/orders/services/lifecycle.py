"""How an order moves. One table says which moves exist; every move locks the order, writes its history and an event.

`confirmed` is reached by a succeeded payment alone (`mark_paid`); everything else by people (`transitions.py`,
`cancel`), by parcels (`parcels.settle`) or by time (`cancel_expired`). An order that staff hold, or whose money has
gone back, moves nowhere but to `cancelled`. docs/order-states.md draws it.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.cart.services import promotion_use
from apps.common import events
from apps.common.errors import Conflict, NotFound
from apps.orders.models import Order, OrderStatusHistory, Shipment
from apps.orders.services.actors import actor_key, actor_label
from apps.products.services import listing, reviews, stock

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

S = Order.Status
MOVES: dict[str, tuple[str, ...]] = {
    S.PENDING: (S.CONFIRMED, S.CANCELLED),
    S.CONFIRMED: (S.PROCESSING, S.SHIPPED, S.CANCELLED),
    S.PROCESSING: (S.SHIPPED, S.CANCELLED),
    S.SHIPPED: (S.DELIVERED, S.RETURNED),
    S.DELIVERED: (S.RETURNED,),
    S.CANCELLED: (),
    S.RETURNED: (),
}
# What must not leave the house: the money is back with the buyer, or the bank asks for it.
UNSHIPPABLE: tuple[str, ...] = (Order.PaymentStatus.REFUNDED, Order.PaymentStatus.DISPUTED)
_FORWARD = (S.PROCESSING, S.SHIPPED)
_TIMESTAMPS = {
    S.CONFIRMED: "confirmed_at",
    S.SHIPPED: "shipped_at",
    S.DELIVERED: "delivered_at",
    S.CANCELLED: "cancelled_at",
}


class InvalidTransition(Conflict):
    code = "invalid_transition"
    detail = "The order cannot make this move now."


class OrderOnHold(Conflict):
    code = "order_on_hold"
    detail = "The order is on hold. Release it first."


class NotCancellable(Conflict):
    code = "not_cancellable"
    detail = "The order can no longer be cancelled."


def allowed_moves(order: Order) -> list[str]:
    """Where staff may move the order now. Only a payment confirms."""
    moves = [str(status) for status in MOVES[order.status] if status != S.CONFIRMED]
    if not is_cancellable(order):
        moves = [status for status in moves if status != S.CANCELLED]
    if order.held_at is not None:
        return [status for status in moves if status == S.CANCELLED]
    if order.payment_status in UNSHIPPABLE:
        return [status for status in moves if status not in _FORWARD]
    return moves


def is_cancellable(order: Order) -> bool:
    """Whether the whole order may be cancelled: nothing of it has left the house."""
    unfulfilled = order.fulfilment_status == Order.FulfilmentStatus.UNFULFILLED
    return unfulfilled and S.CANCELLED in MOVES[order.status]


def require_move(order: Order, to: str) -> None:
    """Raises OrderOnHold or InvalidTransition unless staff may move the locked order there now."""
    if to in allowed_moves(order):
        return
    refusal = OrderOnHold if order.held_at is not None and to in MOVES[order.status] else InvalidTransition
    raise refusal(extra={"allowed": allowed_moves(order)})


def require_shippable(order: Order) -> None:
    """Raises OrderOnHold or InvalidTransition unless goods of the locked order may leave the house."""
    if order.status not in (S.CONFIRMED, S.PROCESSING) or order.held_at is not None:
        require_move(order, S.SHIPPED)
    if order.payment_status in UNSHIPPABLE:
        raise InvalidTransition(extra={"allowed": allowed_moves(order)})


@transaction.atomic
def cancel(*, order_id: UUID, actor: "Actor" = None, reason: str = "") -> Order:
    """Cancel before shipping: stock goes back, and what was paid is refunded by the payments app once this commits.

    Repeatable: a cancelled order stays as it is. Raises NotFound or NotCancellable.
    """
    order = locked(order_id)
    if order.status == S.CANCELLED:
        return order
    if not is_cancellable(order):
        raise NotCancellable
    return cancel_locked(order, actor=actor, reason=reason)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def mark_paid(*, order: Order, actor: "Actor" = None, payment_status: str = Order.PaymentStatus.PAID) -> Order:
    """Confirm an order whose money is in, or promised by `payment_status`: the held stock becomes a sale.

    The caller holds the order's lock and has checked amount and currency. Raises InvalidTransition unless pending, and
    ReservationExpired when the hold had run out and others have taken the units.
    """
    if order.status != S.PENDING:
        raise InvalidTransition(extra={"allowed": allowed_moves(order)})
    stock.commit(reference=order.pk, late=True)
    order.payment_status = payment_status
    move(order, S.CONFIRMED, actor=actor)
    units: Counter[UUID] = Counter()
    for product_id, quantity in order.items.values_list("product_id", "quantity"):
        units[product_id] += quantity
    listing.count_sales(units)
    if order.user_id is not None:
        reviews.note_purchases(user_id=order.user_id, product_ids=list(units))
    return order


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def hold_until(*, order: Order, until: datetime) -> None:
    """Give a locked unpaid order, and the stock it holds, more time. Raises ReservationExpired."""
    order.expires_at, order.warned_at = until, None
    order.save(update_fields=["expires_at", "warned_at", "updated_at"])
    stock.extend(reference=order.pk, expires_at=until)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def set_payment_status(*, order: Order, status: str) -> None:
    """Store what payments derived from their ledger. The caller holds the order's lock."""
    if order.payment_status != status:
        order.payment_status = status
        order.save(update_fields=["payment_status", "updated_at"])


def cancel_expired(*, limit: int = 200) -> int:
    """Cancel unpaid orders whose hold has run out; returns how many. Safe to run twice at once."""
    due = Order.objects.filter(status=S.PENDING, expires_at__lte=timezone.now()).order_by("expires_at")
    return sum(_cancel_if_still_due(order_id) for order_id in list(due.values_list("id", flat=True)[:limit]))


@transaction.atomic
def _cancel_if_still_due(order_id: UUID) -> bool:
    order = (
        Order.objects.filter(pk=order_id, status=S.PENDING, expires_at__lte=timezone.now())
        .select_for_update(of=("self",), skip_locked=True)
        .first()
    )
    if order is None:
        return False
    cancel_locked(order, actor=None, reason="not paid in time")
    return True


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def cancel_locked(order: Order, *, actor: "Actor", reason: str) -> Order:
    """Cancel a locked order of which nothing has left the house; parcels that wait are unpacked."""
    promotion_use.give_back(reference=order.pk)
    stock.release(reference=order.pk)
    stock.restock(reference=order.pk)
    if order.shipments.filter(status__in=Shipment.WAITING).update(status=Shipment.Status.CANCELLED):
        order.items.update(shipped_quantity=0)
    move(order, S.CANCELLED, actor=actor, reason=reason, data={"reason": reason[:200]})
    return order


def locked(order_id: UUID) -> Order:
    """The order, locked. Raises NotFound."""
    order = Order.objects.lock().filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return order


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def move(
    order: Order, to: str, *, actor: "Actor" = None, reason: str = "", data: Mapping[str, str] | None = None
) -> None:
    """Move a locked order along the table, with its history row and event. Raises InvalidTransition off the table."""
    if to not in MOVES[order.status]:
        raise InvalidTransition(extra={"allowed": allowed_moves(order)})
    before, order.status = order.status, to
    changed = ["status", "payment_status", "fulfilment_status", "updated_at"]
    if stamp := _TIMESTAMPS.get(S(to)):
        setattr(order, stamp, timezone.now())
        changed.append(stamp)
    order.save(update_fields=changed)
    by = actor_label(actor, owner_id=order.user_id)
    OrderStatusHistory.objects.create(
        order=order,
        from_status=before,
        to_status=to,
        actor=by,
        actor_id=actor_key(actor),
        reason=reason[:200],
    )
    events.record(f"order.{to}", target=order, actor=actor, data={"number": order.number, "by": by, **(data or {})})
