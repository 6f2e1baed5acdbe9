"""Bookings of staff: many movements of many levels, all or none, with their ledger rows.

The one way in which transfers, counts, adjustments and imports change what is on hand.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.common.errors import Conflict
from apps.products.models import StockLevel, StockMovement
from apps.products.services.stock_changes import Change, NegativeStock, apply

# As many as a problem document lists.
MAX_ITEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement to come: units in (positive) or out (negative) of a level."""

    level_id: UUID
    kind: str
    quantity: int
    reason: str = ""


def ensure_levels(*, warehouse_id: UUID, variant_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The levels of variants in a warehouse, by variant; missing ones are made, empty."""
    wanted = sorted(set(variant_ids))
    found = StockLevel.objects.filter(warehouse_id=warehouse_id, variant_id__in=wanted)
    levels = dict(found.values_list("variant_id", "pk"))
    missing = [variant_id for variant_id in wanted if variant_id not in levels]
    if missing:
        StockLevel.objects.bulk_create(
            [StockLevel(variant_id=variant_id, warehouse_id=warehouse_id) for variant_id in missing],
            ignore_conflicts=True,
        )
        levels = dict(found.values_list("variant_id", "pk"))
    return levels


def locked(level_ids: Iterable[UUID]) -> dict[UUID, StockLevel]:
    """These levels by key, locked in primary key order (docs/locking.md)."""
    rows = StockLevel.objects.filter(pk__in=set(level_ids)).select_related("variant", "warehouse")
    return {level.pk: level for level in rows.order_by("pk").select_for_update(of=("self",))}


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def post(
    *,
    postings: Sequence[Posting],
    levels: Mapping[UUID, StockLevel],
    reference: UUID | None = None,
    actor_id: UUID | None = None,
    shortage: type[Conflict] = NegativeStock,
    from_the_shelf: bool = False,
) -> list[StockMovement]:
    """Book the movements on `levels` that the caller has locked; those of nothing are left out. What is taken
    `from_the_shelf` must be there: units that may be sold before they arrive do not count.

    Raises `shortage`, with the SKUs, when a level would hold less than it has promised; then nothing is booked.
    """
    moves = [posting for posting in postings if posting.quantity]
    if not moves:
        return []
    net: dict[UUID, int] = defaultdict(int)
    for posting in moves:
        net[posting.level_id] += posting.quantity
    _refuse_shortage(net, levels, shortage, from_the_shelf=from_the_shelf)
    balance = {level_id: levels[level_id].on_hand for level_id in net}
    apply([Change(levels[level_id], on_hand=delta) for level_id, delta in net.items() if delta])
    rows = []
    for posting in moves:
        balance[posting.level_id] += posting.quantity
        rows.append(
            StockMovement(
                level=levels[posting.level_id],
                kind=posting.kind,
                quantity=posting.quantity,
                on_hand_after=balance[posting.level_id],
                reason=posting.reason[:200],
                reference=reference,
                actor_id=actor_id,
            )
        )
    return StockMovement.objects.bulk_create(rows)


def _refuse_shortage(
    net: Mapping[UUID, int], levels: Mapping[UUID, StockLevel], shortage: type[Conflict], *, from_the_shelf: bool
) -> None:
    free = {level_id: _takeable(levels[level_id], from_the_shelf=from_the_shelf) for level_id in net}
    short = [level_id for level_id, delta in net.items() if free[level_id] + delta < 0]
    if short:
        items = [
            {
                "sku": levels[level_id].variant.sku,
                "requested": -net[level_id],
                "available": max(0, free[level_id]),
            }
            for level_id in short[:MAX_ITEMS]
        ]
        raise shortage(extra={"items": sorted(items, key=lambda item: str(item["sku"]))})


def _takeable(level: StockLevel, *, from_the_shelf: bool) -> int:
    """Units that staff may take away: all that is not promised, safety stock included."""
    return level.on_hand + (0 if from_the_shelf else level.backorder_limit) - level.reserved
