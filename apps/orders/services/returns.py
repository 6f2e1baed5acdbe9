"""Asking for a return: what has left and has not come back, within the window, never more than was sent."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.common.errors import Conflict, Invalid, NotFound
from apps.orders.models import Order, OrderItem, Return, ReturnLine, Shipment, ShipmentLine
from apps.orders.services import exchanges, lifecycle, return_moves
from apps.orders.services.access import find_order
from apps.products.models import ProductVariant, Warehouse

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.orders.services.actors import Actor
    from apps.users.models import User

# As of order numbers: no vowels, nothing to misread.
_ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXZ"
_ENDED: Final = (Order.Status.CANCELLED, Order.Status.RETURNED)


class ReturnWindowClosed(Conflict):
    code = "return_window_closed"
    detail = "The time to return this order is over."


class ExceedsReturnable(Conflict):
    code = "exceeds_returnable_quantity"
    detail = "This is more than was sent and has not come back."


class CreditNeedsAccount(Conflict):
    code = "store_credit_needs_account"
    detail = "Store credit is for customers with an account."


@dataclass(frozen=True, slots=True)
class Asked:
    """So many units of an order line that the buyer wants to send back; `exchange_for` is the SKU to have instead."""

    item_id: UUID
    quantity: int
    reason: str
    comment: str = ""
    exchange_for: str = ""


@transaction.atomic
def request_return(
    *,
    order_id: UUID,
    lines: Sequence[Asked],
    outcome: str = Return.Outcome.REFUND,
    note: str = "",
    actor: "Actor" = None,
    by_staff: bool = False,
) -> Return:
    """Ask to send units back. Staff may after the window, too.

    Raises NotFound, ReturnWindowClosed, CreditNeedsAccount, Invalid (a line that is not the order's, or twice) or
    ExceedsReturnable.
    """
    order = lifecycle.locked(order_id)
    if not by_staff and is_window_closed(order):
        raise ReturnWindowClosed
    require_outcome(order, outcome)
    _count(order, lines)
    instead = _instead(order, lines, outcome)
    rma = Return.objects.create(
        order=order, number=new_number(), outcome=outcome, note=note, warehouse=_usual_warehouse(order)
    )
    ReturnLine.objects.bulk_create(
        ReturnLine(
            rma=rma,
            item_id=line.item_id,
            quantity=line.quantity,
            reason=line.reason,
            comment=line.comment,
            exchange_for=instead.get(line.item_id),
        )
        for line in lines
    )
    return_moves.tell(rma, "", actor=actor, data={"outcome": outcome})
    return rma


def require_outcome(order: Order, outcome: str) -> None:
    """Raises CreditNeedsAccount for store credit of a guest."""
    if outcome == Return.Outcome.STORE_CREDIT and order.user_id is None:
        raise CreditNeedsAccount


def is_window_closed(order: Order) -> bool:
    """Whether too many days have gone since all of the order had arrived."""
    if order.delivered_at is None:
        return False
    return bool(order.delivered_at + timedelta(days=settings.RETURN_WINDOW_DAYS) < timezone.now())


def returnable_units(order: Order) -> dict[UUID, int]:
    """Units that have left the house and are in no return, by line. Two statements."""
    if order.status in _ENDED:
        return {}
    left = (
        ShipmentLine.objects.filter(shipment__order=order, shipment__status__in=Shipment.HANDED_OVER)
        .values_list("item_id")
        .annotate(units=Sum("quantity"))
    )
    returned = dict(order.items.values_list("id", "returned_quantity"))
    return {item_id: units - returned[item_id] for item_id, units in left if units > returned[item_id]}


def find_return(*, return_id: UUID, user: "User | AnonymousUser", order_token: str | None) -> Return:
    """The return, if its order is the caller's. Raises NotFound for everybody else, whether it exists or not."""
    rma = Return.objects.filter(pk=return_id).first()
    if rma is None:
        raise NotFound
    rma.order = find_order(order_id=rma.order_id, user=user, order_token=order_token)
    return rma


def take_units(order: Order, units: dict[UUID, int]) -> None:
    """Count units of a locked order as returned. Raises ExceedsReturnable, whose `items` say what is left."""
    left = returnable_units(order)
    short = {item_id: count for item_id, count in units.items() if count > left.get(item_id, 0)}
    if short:
        skus = dict(OrderItem.objects.filter(pk__in=short).values_list("id", "sku"))
        items = [{"sku": skus[key], "requested": count, "available": left.get(key, 0)} for key, count in short.items()]
        raise ExceedsReturnable(extra={"items": items})
    for item_id, count in sorted(units.items()):
        # The condition and the table's constraint hold even without the order's lock.
        taken = OrderItem.objects.filter(pk=item_id, shipped_quantity__gte=F("returned_quantity") + count).update(
            returned_quantity=F("returned_quantity") + count, updated_at=timezone.now()
        )
        if not taken:
            raise ExceedsReturnable


def new_number() -> str:
    """A short number that cannot be guessed from another; the unique constraint watches over it."""
    return "RMA-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def _count(order: Order, lines: Sequence[Asked]) -> None:
    known = set(order.items.values_list("id", flat=True))
    units: dict[UUID, int] = {}
    for index, line in enumerate(lines):
        if line.item_id not in known:
            raise Invalid.field(f"/lines/{index}/item", "does_not_exist", "The order has no such line.")
        if line.item_id in units:
            raise Invalid.field(f"/lines/{index}/item", "unique", "Name each line once.")
        units[line.item_id] = line.quantity
    take_units(order, units)


def _instead(order: Order, lines: Sequence[Asked], outcome: str) -> dict[UUID, ProductVariant]:
    """What the buyer wants for each line. Raises Invalid when an exchange names nothing, or what is not to be had."""
    items = {item.pk: item for item in order.items.all()}
    found = {}
    for index, line in enumerate(lines):
        pointer = f"/lines/{index}/exchange_for"
        if line.exchange_for:
            found[line.item_id] = exchanges.wanted_variant(items[line.item_id], line.exchange_for, pointer=pointer)
        elif outcome == Return.Outcome.EXCHANGE:
            raise Invalid.field(pointer, "required", "Name the SKU to have instead.")
    return found


def _usual_warehouse(order: Order) -> Warehouse | None:
    """Where the goods came from, else where the shop's stock is."""
    sent = order.shipments.filter(status__in=Shipment.HANDED_OVER).exclude(warehouse=None).select_related("warehouse")
    first = sent.first()
    return first.warehouse if first is not None else Warehouse.objects.filter(is_active=True).first()
