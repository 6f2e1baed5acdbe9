"""Part of a sale comes back before it has left: some units of some levels, not all of a reference."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.products.models import StockLevel, StockMovement, StockReservation
from apps.products.services.stock import ReservationExpired
from apps.products.services.stock_changes import Change, apply


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def restock_part(*, reference: UUID, units: Mapping[tuple[UUID, UUID], int]) -> None:
    """Put sold units of `reference` back on hand, by (variant, warehouse); the rest stays sold.

    Raises ReservationExpired when so many are not sold from there.
    """
    rows = list(StockReservation.objects.filter(reference=reference, status=StockReservation.Status.COMMITTED).lock())
    levels = {
        level.pk: level
        for level in StockLevel.objects.lock(row.level_id for row in rows).select_related("variant", "warehouse")
    }
    by_place = {(levels[row.level_id].variant_id, levels[row.level_id].warehouse_id): row for row in rows}
    if any(place not in by_place or by_place[place].quantity < count for place, count in units.items()):
        raise ReservationExpired
    apply([Change(levels[by_place[place].level_id], on_hand=count) for place, count in units.items()])
    for place, count in units.items():
        row = by_place[place]
        left = StockReservation.objects.filter(pk=row.pk)
        if row.quantity == count:
            left.delete()  # nothing of it is promised or sold any more; the ledger keeps what happened
        else:
            left.update(quantity=row.quantity - count, updated_at=timezone.now())
    StockMovement.objects.bulk_create(
        StockMovement(
            level=levels[by_place[place].level_id],
            kind=StockMovement.Kind.RETURN,
            quantity=count,
            on_hand_after=levels[by_place[place].level_id].on_hand,
            reference=reference,
        )
        for place, count in units.items()
    )


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def close_sale(*, reference: UUID) -> None:
    """Nothing of `reference` is sold any more: what came back was booked by itself, so no level changes. Repeatable."""
    rows = StockReservation.objects.filter(reference=reference, status=StockReservation.Status.COMMITTED).lock()
    StockReservation.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=StockReservation.Status.RELEASED, updated_at=timezone.now()
    )
