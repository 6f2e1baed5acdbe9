"""What staff do beside moving an order: hold it back, write notes, tag it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import NotFound
from apps.orders.models import Order, OrderNote
from apps.orders.services.actors import actor_key, actor_label
from apps.orders.services.lifecycle import MOVES, InvalidTransition, allowed_moves, locked

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

MAX_TAGS = 20


@transaction.atomic
def hold(*, order_id: UUID, reason: str, actor: "Actor" = None) -> Order:
    """Hold an order back: it is neither processed nor shipped until released; it may be cancelled. A second hold
    changes the reason. Raises NotFound, or InvalidTransition for an order that has ended.
    """
    order = locked(order_id)
    place_hold(order=order, reason=reason, actor=actor)
    return order


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def place_hold(*, order: Order, reason: str, actor: "Actor" = None) -> None:
    """Hold a locked order back. Raises InvalidTransition for an order that has ended."""
    if not MOVES[order.status]:
        raise InvalidTransition("The order has ended.", extra={"allowed": allowed_moves(order)})
    if order.held_at is not None and order.hold_reason == reason[:200]:
        return
    order.held_at = order.held_at or timezone.now()
    order.hold_reason = reason[:200]
    order.save(update_fields=["held_at", "hold_reason", "updated_at"])
    _record("order.held", order, actor, reason)


@transaction.atomic
def release(*, order_id: UUID, reason: str = "", actor: "Actor" = None) -> Order:
    """Let a held order go on. Repeatable. Raises NotFound."""
    order = locked(order_id)
    release_hold(order=order, reason=reason, actor=actor)
    return order


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def release_hold(*, order: Order, reason: str = "", actor: "Actor" = None) -> None:
    """Let a locked order go on; nothing happens to one that is not held."""
    if order.held_at is None:
        return
    order.held_at, order.hold_reason = None, ""
    order.save(update_fields=["held_at", "hold_reason", "updated_at"])
    _record("order.released", order, actor, reason)


@transaction.atomic
def add_note(*, order_id: UUID, text: str, is_customer_visible: bool, actor: "Actor" = None) -> OrderNote:
    """Write a remark, for staff alone or also for the buyer's timeline. Raises NotFound."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return OrderNote.objects.create(
        order=order,
        text=text,
        is_customer_visible=is_customer_visible,
        actor=actor_label(actor, owner_id=order.user_id),
        actor_id=actor_key(actor),
    )


@transaction.atomic
def set_tags(
    *,
    order_id: UUID,
    tags: Sequence[str],
    actor: "Actor" = None,
    precondition: Callable[[Order], None] | None = None,
) -> Order:
    """Replace an order's tags (slugs; doubles are dropped). `precondition` sees the locked order and may refuse.

    Raises NotFound and what the precondition raises.
    """
    order = locked(order_id)
    if precondition is not None:
        precondition(order)
    wanted = sorted(set(tags))
    if wanted != order.tags:
        order.tags = wanted
        order.save(update_fields=["tags", "updated_at"])
        events.record("order.tagged", target=order, actor=actor, data={"number": order.number, "tags": wanted})
    return order


def _record(event_type: str, order: Order, actor: "Actor", reason: str) -> None:
    by = actor_label(actor, owner_id=order.user_id)
    data = {"number": order.number, "by": by, "reason": reason[:200]}
    events.record(event_type, target=order, actor=actor, data=data)
