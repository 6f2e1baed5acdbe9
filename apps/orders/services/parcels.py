"""How a parcel moves, and what that makes of its order.

Every move is a tracking event: staff's, the counter's or the carrier's. Carriers tell late, twice and out of order, so
a parcel's status is derived from all its events: once delivered it stays so; else the latest event counts.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.common import events, ratelimit
from apps.common.errors import Invalid, NotFound
from apps.orders.models import Order, OrderItem, Shipment, ShipmentLine, TrackingEvent
from apps.orders.services import lifecycle
from apps.orders.services.actors import actor_label
from apps.orders.services.collection import is_code_of
from apps.orders.services.lifecycle import InvalidTransition
from apps.orders.services.tracking_links import tracking_url

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

S = Shipment.Status
MOVES: Final[dict[str, tuple[str, ...]]] = {
    S.READY: (S.SHIPPED, S.READY_FOR_PICKUP, S.CANCELLED),
    S.SHIPPED: (S.IN_TRANSIT, S.DELIVERED, S.FAILED),
    S.IN_TRANSIT: (S.DELIVERED, S.FAILED),
    S.FAILED: (S.IN_TRANSIT, S.DELIVERED),
    S.READY_FOR_PICKUP: (S.PICKED_UP, S.CANCELLED),
    S.DELIVERED: (),
    S.PICKED_UP: (),
    S.CANCELLED: (),
}
# What a carrier may tell; anything else it says is kept and changes nothing.
CARRIER_STATUSES: Final = (S.IN_TRANSIT, S.DELIVERED, S.FAILED)
_LEAVING: Final = (S.SHIPPED, S.READY_FOR_PICKUP)
_FINAL: Final = (S.DELIVERED, S.PICKED_UP, S.CANCELLED)
_EVENT_NAMES: Final = {S.CANCELLED: "shipment.voided"}


class CodeInvalid(Invalid):
    code = "code_invalid"
    detail = "This is not the code of this parcel."


def allowed_moves(shipment: Shipment) -> list[str]:
    """Where staff may move the parcel now; it is collected by its code alone (`hand_over`)."""
    unfit = (S.SHIPPED,) if shipment.is_pickup else (S.READY_FOR_PICKUP,)
    return [str(status) for status in MOVES[shipment.status] if status not in (*unfit, S.PICKED_UP)]


@transaction.atomic
def change(
    *,
    shipment_id: UUID,
    status: str | None = None,
    carrier: str | None = None,
    tracking_number: str | None = None,
    tracking_url: str | None = None,
    actor: "Actor" = None,
) -> Shipment:
    """Note a parcel's carrier and tracking, and move it. The address to follow it is made up for known carriers.

    Raises NotFound, OrderOnHold or InvalidTransition; then nothing has changed.
    """
    order, shipment = locked(shipment_id)
    label(shipment, carrier=carrier, tracking_number=tracking_number, url=tracking_url)
    if status is not None and status != shipment.status:
        move(order, shipment, status, actor=actor)
    adopt(shipment)
    settle(order, actor=actor)
    shipment.refresh_from_db()
    return shipment


def hand_over(*, shipment_id: UUID, code: str, actor: "Actor" = None) -> Shipment:
    """Give a waiting parcel to whoever knows its code.

    Raises NotFound, Throttled after a few wrong codes, CodeInvalid or InvalidTransition.
    """
    if not Shipment.objects.filter(pk=shipment_id).exists():
        raise NotFound
    ratelimit.hit_durably("collection_code", str(shipment_id))
    if not is_code_of(shipment_id, code):
        raise CodeInvalid
    with transaction.atomic():
        order, shipment = locked(shipment_id)
        if shipment.status != S.PICKED_UP:
            if shipment.status != S.READY_FOR_PICKUP:
                raise InvalidTransition(extra={"allowed": allowed_moves(shipment)})
            note(order, shipment, S.PICKED_UP, actor=actor)
            settle(order, actor=actor)
    ratelimit.forget("collection_code", str(shipment_id))
    return shipment


def locked(shipment_id: UUID) -> tuple[Order, Shipment]:
    """A parcel and its order, the order locked first. Raises NotFound."""
    order_id = Shipment.objects.filter(pk=shipment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    return order, Shipment.objects.select_for_update(of=("self",)).get(pk=shipment_id)


def label(shipment: Shipment, *, carrier: str | None, tracking_number: str | None, url: str | None) -> None:
    """Note carrier and tracking of a locked parcel; what is None stays."""
    shipment.carrier = shipment.carrier if carrier is None else carrier
    shipment.tracking_number = shipment.tracking_number if tracking_number is None else tracking_number
    if url is not None:
        shipment.tracking_url = url
    elif carrier is not None or tracking_number is not None:
        shipment.tracking_url = tracking_url(shipment.carrier, shipment.tracking_number)
    shipment.save(update_fields=["carrier", "tracking_number", "tracking_url", "updated_at"])


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def move(order: Order, shipment: Shipment, to: str, *, actor: "Actor", now: datetime | None = None) -> None:
    """A move that staff make, order and parcel locked. Raises OrderOnHold or InvalidTransition."""
    if to not in allowed_moves(shipment):
        raise InvalidTransition(extra={"allowed": allowed_moves(shipment)})
    if to in _LEAVING:
        lifecycle.require_shippable(order)
    if to == S.CANCELLED:
        put_back_units([shipment])
        shipment.status = to
        shipment.save(update_fields=["status", "updated_at"])
        record_move(order, shipment, actor=actor)
        return
    note(order, shipment, to, actor=actor, now=now)


def put_back_units(shipments: Iterable[Shipment]) -> None:
    """Take the units of parcels that never left out of their lines' counts."""
    for line in ShipmentLine.objects.filter(shipment__in=[each.pk for each in shipments]).order_by("item"):
        OrderItem.objects.filter(pk=line.item_id).update(shipped_quantity=F("shipped_quantity") - line.quantity)


def note(order: Order, shipment: Shipment, to: str, *, actor: "Actor", now: datetime | None = None) -> None:
    """Write the tracking event of a move and apply it."""
    TrackingEvent.objects.create(
        shipment=shipment,
        source=TrackingEvent.Source.STAFF,
        status=to,
        tracking_number=shipment.tracking_number,
        occurred_at=now or timezone.now(),
    )
    apply(order, shipment, actor=actor)


def adopt(shipment: Shipment) -> None:
    """Take up what the carrier told before the tracking number was known."""
    if shipment.tracking_number:
        TrackingEvent.objects.filter(shipment=None, tracking_number=shipment.tracking_number).update(shipment=shipment)
        if shipment.status in Shipment.HANDED_OVER:
            apply(shipment.order, shipment, actor=None)


def apply(order: Order, shipment: Shipment, *, actor: "Actor") -> None:
    """Derive a locked parcel's status from its events. A parcel is moved out of the house by people alone."""
    before, derived = shipment.status, _derived(shipment)
    if derived is None or derived.status == before or before in _FINAL:
        return
    shipment.status = derived.status
    if shipment.shipped_at is None and derived.status in Shipment.HANDED_OVER:
        shipment.shipped_at = derived.occurred_at
    if derived.status in Shipment.ARRIVED:
        shipment.delivered_at = derived.occurred_at
    shipment.save(update_fields=["status", "shipped_at", "delivered_at", "updated_at"])
    record_move(order, shipment, actor=actor)


def _derived(shipment: Shipment) -> TrackingEvent | None:
    known = [event for event in shipment.tracking_events.order_by("occurred_at", "id") if event.status in S.values]
    final = [event for event in known if event.status in Shipment.ARRIVED]
    return final[0] if final else known[-1] if known else None


def record_move(order: Order, shipment: Shipment, *, actor: "Actor") -> None:
    """The event of a parcel's new status."""
    name = _EVENT_NAMES.get(S(shipment.status), f"shipment.{shipment.status}")
    data = {
        "order_id": str(order.pk),
        "number": order.number,
        "shipment_id": str(shipment.pk),
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "by": actor_label(actor, owner_id=order.user_id),
    }
    events.record(name, target=shipment, actor=actor, data=data)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def settle(order: Order, *, actor: "Actor" = None, reason: str = "") -> None:
    """Derive a locked order's fulfilment from its parcels, and move it along when all has left or arrived."""
    kept = order.items.aggregate(units=Sum(F("quantity") - F("cancelled_quantity")))["units"] or 0
    handed = _units(order, Shipment.HANDED_OVER)
    status = Order.FulfilmentStatus
    derived = status.UNFULFILLED if not handed else status.FULFILLED if handed >= kept else status.PARTLY_FULFILLED
    if order.fulfilment_status not in (derived, status.RETURNED):
        order.fulfilment_status = derived
        order.save(update_fields=["fulfilment_status", "updated_at"])
    if derived == status.PARTLY_FULFILLED and order.status == Order.Status.CONFIRMED:
        lifecycle.move(order, Order.Status.PROCESSING, actor=actor, reason=reason)
    if derived != status.FULFILLED:
        return
    if order.status in (Order.Status.CONFIRMED, Order.Status.PROCESSING):
        last = order.shipments.filter(status__in=Shipment.HANDED_OVER).last()
        data = {"shipment_id": str(last.pk)} if last else {}
        lifecycle.move(order, Order.Status.SHIPPED, actor=actor, reason=reason, data=data)
    if order.status == Order.Status.SHIPPED and _units(order, Shipment.ARRIVED) >= kept:
        lifecycle.move(order, Order.Status.DELIVERED, actor=actor, reason=reason)


def _units(order: Order, statuses: Iterable[str]) -> int:
    lines = ShipmentLine.objects.filter(shipment__order=order, shipment__status__in=list(statuses))
    return lines.aggregate(units=Sum("quantity"))["units"] or 0
