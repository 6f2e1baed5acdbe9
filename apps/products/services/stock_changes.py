"""The one statement that changes levels, and what follows: the catalogue's columns and the news of crossings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.common.errors import Conflict
from apps.common.events import record
from apps.products.models import ProductVariant, StockLevel
from apps.products.models.stock import available_of
from apps.products.services import listing

_APPLY = """
UPDATE products_stocklevel AS level SET
    on_hand = level.on_hand + change.on_hand, reserved = level.reserved + change.reserved, updated_at = now()
FROM unnest(%s::uuid[], %s::int[], %s::int[]) AS change (id, on_hand, reserved)
WHERE level.id = change.id
  AND level.reserved + change.reserved >= 0
  AND level.on_hand + change.on_hand + level.backorder_limit >= level.reserved + change.reserved
"""


class NegativeStock(Conflict):
    code = "negative_stock"
    detail = "This would leave less stock than is already promised."


@dataclass(frozen=True, slots=True)
class Change:
    """What a locked level (loaded with variant and warehouse) gains or loses."""

    level: StockLevel
    on_hand: int = 0
    reserved: int = 0


def apply(changes: Sequence[Change]) -> None:
    """Change levels that this transaction has locked, in the database and in the given objects.

    Raises NegativeStock when one of them would promise more than there is; then nothing has changed.
    """
    merged = _by_level(changes)
    with connection.cursor() as cursor:
        cursor.execute(
            _APPLY,
            [
                [change.level.pk for change in merged],
                [change.on_hand for change in merged],
                [change.reserved for change in merged],
            ],
        )
        if cursor.rowcount != len(merged):
            raise NegativeStock
    before = {change.level.pk: change.level.available for change in merged}
    for change in merged:
        change.level.on_hand += change.on_hand
        change.level.reserved += change.reserved
    _tell_crossings(merged, before)
    _show_bands(merged, before)


def _by_level(changes: Sequence[Change]) -> list[Change]:
    """One change per level: the UPDATE would take only one of two."""
    sums: dict[UUID, Change] = {}
    for change in changes:
        known = sums.get(change.level.pk, Change(change.level))
        sums[change.level.pk] = Change(known.level, known.on_hand + change.on_hand, known.reserved + change.reserved)
    return list(sums.values())


def _tell_crossings(changes: Sequence[Change], before: dict[UUID, int]) -> None:
    """`stock.low`, `stock.out`, `stock.back` when a level crosses the line, not at every change beyond it."""
    fallen = []
    for change in changes:
        level, was, now = change.level, before[change.level.pk], change.level.available
        low = settings.LOW_STOCK_THRESHOLD if level.low_stock_threshold is None else level.low_stock_threshold
        crossed = "out" if now <= 0 < was else "back" if was <= 0 < now else "low" if now <= low < was else ""
        if crossed:
            data = {"sku": level.variant.sku, "warehouse": level.warehouse.code, "available": now}
            record(f"stock.{crossed}", target=level, data=data)
            fallen += [level.pk] if crossed != "back" else []
    if fallen:  # told: the hourly check has nothing to add
        StockLevel.objects.filter(pk__in=fallen).update(low_stock_alerted_at=timezone.now())


def _show_bands(changes: Sequence[Change], before: dict[UUID, int]) -> None:
    """Refresh products whose availability band may have changed; nothing is written while bands stay the same."""
    moved: dict[UUID, int] = defaultdict(int)
    for change in changes:
        moved[change.level.variant_id] += change.level.available - before[change.level.pk]
    moved = {variant_id: delta for variant_id, delta in moved.items() if delta}
    if not moved:
        return
    products = {change.level.variant_id: change.level.variant.product_id for change in changes}
    rows = ProductVariant.objects.filter(pk__in=moved).order_by().annotate(units=available_of("pk"))
    after = dict(rows.values_list("pk", "units"))
    crossed = {products[v] for v, delta in moved.items() if _band(after[v]) != _band(after[v] - delta)}
    listing.refresh(crossed)


def _band(available: int) -> int:
    """0 out of stock, 1 low, 2 plenty."""
    return 0 if available <= 0 else 1 if available <= settings.LOW_STOCK_THRESHOLD else 2
