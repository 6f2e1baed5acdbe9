"""Making parcels of what was ordered: from the warehouses that hold the order's units, never more than is left."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, Invalid
from apps.orders.models import Order, OrderItem, Shipment, ShipmentLine
from apps.orders.services import lifecycle, parcels
from apps.orders.services.actors import actor_label
from apps.orders.services.tracking_links import tracking_url
from apps.products.models import StockReservation, Warehouse

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor


class ExceedsOpenQuantity(Conflict):
    code = "exceeds_open_quantity"
    detail = "This is more than is left of the line."


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many units of an order line."""

    item_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on a parcel; the address to follow it is made up for known carriers."""

    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What goes out of one warehouse: units by order line."""

    warehouse: Warehouse | None
    units: dict[UUID, int]


def open_parcels(order: Order) -> list[Parcel]:
    """What is left to ship, split by the warehouses that hold it: the parcels that shipping everything makes."""
    items = list(order.items.all())
    return _split(order, {item.pk: item.open_quantity for item in items if item.open_quantity}, items)


@transaction.atomic
def ship(
    *,
    order_id: UUID,
    wanted: Sequence[Wanted] | None,
    label: Label | None = None,
    is_leaving: bool = False,
    actor: "Actor" = None,
) -> list[Shipment]:
    """Make parcels of these units (None: of all that is left), one for each warehouse that holds some of them.

    They are `ready`; with `is_leaving` they are handed to the carrier at once (or wait in the store). Raises NotFound,
    OrderOnHold, InvalidTransition, Invalid (a line that is not the order's) or ExceedsOpenQuantity; then no parcel is
    made.
    """
    order = lifecycle.locked(order_id)
    made = make_parcels(order, wanted, label or Label(), actor=actor)
    if is_leaving:
        for shipment in made:
            parcels.move(order, shipment, _leaving(shipment), actor=actor)
    for shipment in made:
        parcels.adopt(shipment)
    parcels.settle(order, actor=actor)
    return made


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def ship_the_rest(order: Order, label: Label, *, actor: "Actor", reason: str) -> None:
    """All that is left leaves, in the waiting parcels and in new ones: the order is shipped then.

    The order is locked. Raises InvalidTransition when it is collected in a store, which takes the parcel's code.
    """
    if order.pickup_store is not None:
        raise lifecycle.InvalidTransition(
            "The order is collected in a store: hand it over with its code.",
            extra={"allowed": lifecycle.allowed_moves(order)},
        )
    if any(item.open_quantity for item in order.items.all()):
        make_parcels(order, None, label, actor=actor)
    for shipment in order.shipments.filter(status=Shipment.Status.READY).select_for_update():
        if not shipment.tracking_number and label.tracking_number:
            parcels.label(
                shipment, carrier=label.carrier, tracking_number=label.tracking_number, url=label.tracking_url or None
            )
        parcels.move(order, shipment, Shipment.Status.SHIPPED, actor=actor)
        parcels.adopt(shipment)
    parcels.settle(order, actor=actor, reason=reason)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def deliver_all(order: Order, *, actor: "Actor", reason: str) -> None:
    """Every parcel of a locked, shipped order has arrived."""
    for shipment in (
        order.shipments.exclude(status__in=Shipment.ARRIVED)
        .exclude(status=Shipment.Status.CANCELLED)
        .select_for_update()
    ):
        parcels.note(order, shipment, Shipment.Status.DELIVERED, actor=actor)
    parcels.settle(order, actor=actor, reason=reason)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def make_parcels(order: Order, wanted: Sequence[Wanted] | None, label: Label, *, actor: "Actor") -> list[Shipment]:
    """The ready parcels of these units, the order locked."""
    lifecycle.require_shippable(order)
    items = list(order.items.all())
    units = units_wanted(items, wanted)
    made = []
    for parcel in _split(order, units, items):
        url = label.tracking_url or tracking_url(label.carrier, label.tracking_number)
        shipment = Shipment.objects.create(
            order=order,
            warehouse=parcel.warehouse,
            is_pickup=order.pickup_store is not None,
            carrier=label.carrier,
            tracking_number=label.tracking_number,
            tracking_url=url,
        )
        for item_id, quantity in parcel.units.items():
            _take(item_id, quantity)
            ShipmentLine.objects.create(shipment=shipment, item_id=item_id, quantity=quantity)
        data = {
            "order_id": str(order.pk),
            "number": order.number,
            "shipment_id": str(shipment.pk),
            "by": actor_label(actor, owner_id=order.user_id),
        }
        events.record("shipment.created", target=shipment, actor=actor, data=data)
        made.append(shipment)
    return made


def units_wanted(items: list[OrderItem], wanted: Sequence[Wanted] | None) -> dict[UUID, int]:
    """Units by line, None meaning all that is left. Raises Invalid (not a line of these) or ExceedsOpenQuantity."""
    by_id = {item.pk: item for item in items}
    if wanted is None:
        units = {item.pk: item.open_quantity for item in items if item.open_quantity}
        if not units:
            raise ExceedsOpenQuantity("Nothing is left to ship.")
        return units
    units = defaultdict(int)
    for index, line in enumerate(wanted):
        if line.item_id not in by_id:
            raise Invalid.field(f"/lines/{index}/item", "does_not_exist", "The order has no such line.")
        units[line.item_id] += line.quantity
    short = [by_id[key] for key, quantity in units.items() if quantity > by_id[key].open_quantity]
    if short:
        raise ExceedsOpenQuantity(
            extra={
                "items": [
                    {"sku": item.sku, "requested": units[item.pk], "available": item.open_quantity} for item in short
                ]
            }
        )
    return dict(units)


def _take(item_id: UUID, quantity: int) -> None:
    """Count units as put into a parcel. The condition and the table's constraint hold even without the order's lock."""
    taken = OrderItem.objects.filter(
        pk=item_id, quantity__gte=F("shipped_quantity") + F("cancelled_quantity") + quantity
    ).update(shipped_quantity=F("shipped_quantity") + quantity, updated_at=timezone.now())
    if not taken:
        raise ExceedsOpenQuantity


def _split(order: Order, units: dict[UUID, int], items: list[OrderItem]) -> list[Parcel]:
    """By warehouse: from the one that can send most of a line's units first, so that parcels stay few."""
    held = units_held(order, items)
    warehouses = Warehouse.objects.in_bulk({key for _, key in held})
    parcels_by: dict[UUID | None, dict[UUID, int]] = defaultdict(dict)
    for item in items:
        left = units.get(item.pk, 0)
        here = {key: min(count, left) for (variant, key), count in held.items() if variant == item.variant_id}
        ranked = sorted((-count, warehouses[key].priority, key) for key, count in here.items())
        for _, _, key in ranked:
            part = min(here[key], left)
            if part > 0:
                held[item.variant_id, key] -= part
                parcels_by[key][item.pk] = part
                left -= part
        if left:  # stock that no reservation names any more: it goes out all the same
            parcels_by[None][item.pk] = left
    return [Parcel(warehouses[key] if key else None, units) for key, units in parcels_by.items()]


def units_held(order: Order, items: list[OrderItem]) -> dict[tuple[UUID, UUID], int]:
    """Units of the order that lie in each warehouse and are in no parcel yet, by variant and warehouse."""
    reserved = (
        StockReservation.objects.filter(reference=order.pk)
        .exclude(status=StockReservation.Status.RELEASED)
        .values_list("level__variant_id", "level__warehouse_id", "quantity")
    )
    held: dict[tuple[UUID, UUID], int] = defaultdict(int)
    for variant_id, warehouse_id, quantity in reserved:
        held[variant_id, warehouse_id] += quantity
    variants = {item.pk: item.variant_id for item in items}
    packed = (
        ShipmentLine.objects.filter(shipment__order=order)
        .exclude(shipment__status=Shipment.Status.CANCELLED)
        .values_list("item_id", "shipment__warehouse_id")
        .annotate(units=Sum("quantity"))
    )
    for item_id, warehouse_id, quantity in packed:
        if warehouse_id is not None:
            held[variants[item_id], warehouse_id] -= quantity
    return held


def _leaving(shipment: Shipment) -> Shipment.Status:
    return Shipment.Status.READY_FOR_PICKUP if shipment.is_pickup else Shipment.Status.SHIPPED
