"""Staff's settings of stock levels: when to warn, what to keep back. Quantities move by services/stock.py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction

from apps.common.errors import Invalid
from apps.common.events import Actor, record
from apps.products.models import StockLevel
from apps.products.services import inventory, listing
from apps.products.services.catalogue import accept
from apps.products.services.inventory import SkuStock
from apps.products.services.stock_changes import NegativeStock

SETTINGS = ("low_stock_threshold", "safety_stock", "backorder_limit", "next_restock_on")


@transaction.atomic
def change(
    *,
    sku: str,
    changes: Sequence[Mapping[str, Any]],
    actor: Actor | None,
    precondition: Callable[[SkuStock], None] = accept,
) -> SkuStock:
    """Change settings of a SKU's levels; each change names its `warehouse` by code and the settings to change.

    Raises NotFound for the SKU, Invalid for a warehouse that has no level of it or is named twice, NegativeStock when
    fewer units could then be sold ahead than are promised.
    """
    variant = inventory.variant_of(sku)
    levels = {
        level.warehouse.code: level
        for level in StockLevel.objects.filter(variant=variant)
        .select_related("warehouse")
        .order_by("pk")
        .select_for_update(of=("self",))
    }
    precondition(_as_it_is(sku))
    changed: dict[str, list[str]] = {}
    for index, wanted in enumerate(changes):
        level = levels.get(wanted["warehouse"])
        pointer = f"/levels/{index}/warehouse"
        if level is None:
            raise Invalid.field(pointer, "does_not_exist", "This warehouse has no level of the SKU.")
        if level.warehouse.code in changed:
            raise Invalid.field(pointer, "unique", "This warehouse is named twice.")
        changed[level.warehouse.code] = _change_one(level, wanted)
    if {"safety_stock", "backorder_limit"} & {name for names in changed.values() for name in names}:
        listing.refresh([variant.product_id])
    if any(changed.values()):
        record("stock.settings_changed", target=variant, actor=actor, data={"sku": sku, "fields": changed})
    return _as_it_is(sku)


def _change_one(level: StockLevel, wanted: Mapping[str, Any]) -> list[str]:
    names = [name for name in SETTINGS if name in wanted and getattr(level, name) != wanted[name]]
    if names:
        for name in names:
            setattr(level, name, wanted[name])
        if level.on_hand + level.backorder_limit < level.reserved:
            raise NegativeStock
        level.save(update_fields=[*names, "updated_at"])
    return names


def _as_it_is(sku: str) -> SkuStock:
    (stock,) = inventory.with_levels([inventory.variant_of(sku)])
    return stock
