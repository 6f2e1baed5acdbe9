"""Staff's changes of the places that hold stock."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.common.errors import Invalid, NotFound
from apps.common.events import Actor, record
from apps.products.models import ProductVariant, StockLevel, StockTransfer, Warehouse
from apps.products.services import listing
from apps.products.services.catalogue import HasStock, accept

Precondition = Callable[[Warehouse], None]


@transaction.atomic
def create(*, actor: Actor | None, code: str, **fields: Any) -> Warehouse:
    """Open a warehouse. Raises Invalid (`unique`) for a code that is taken."""
    warehouse = Warehouse(code=code, **fields)
    try:
        with transaction.atomic():
            save_by_staff(warehouse=warehouse, actor=actor, changed=["code", *fields])
    except IntegrityError:
        raise Invalid.field("/code", "unique", "This code is taken.") from None
    return warehouse


@transaction.atomic
def change(
    *, code: str, changes: Mapping[str, Any], actor: Actor | None, precondition: Precondition = accept
) -> Warehouse:
    """Change what is given. One that is switched off takes its stock off the shop. Raises NotFound."""
    warehouse = _locked(code)
    precondition(warehouse)
    changed = [name for name, value in changes.items() if getattr(warehouse, name) != value]
    for name in changed:
        setattr(warehouse, name, changes[name])
    save_by_staff(warehouse=warehouse, actor=actor, changed=changed)
    return warehouse


@transaction.atomic
def close(*, code: str, actor: Actor | None, precondition: Precondition = accept) -> None:
    """Close an empty warehouse; its ledger stays. Repeatable. Raises NotFound, HasStock."""
    warehouse = _locked(code)
    precondition(warehouse)
    levels = StockLevel.objects.filter(warehouse=warehouse).order_by("pk").select_for_update()
    on_its_way = StockTransfer.objects.filter(
        Q(source=warehouse) | Q(destination=warehouse), status=StockTransfer.Status.IN_TRANSIT
    )
    if any(level.on_hand or level.reserved for level in levels) or on_its_way.exists():
        raise HasStock
    if warehouse.is_active:
        warehouse.is_active = False
        save_by_staff(warehouse=warehouse, actor=actor, changed=["is_active"])


@transaction.atomic
def save_by_staff(*, warehouse: Warehouse, actor: Actor | None, changed: Collection[str]) -> None:
    """Store a warehouse that staff edited; `changed` names the fields. One that closes takes its stock off the shop."""
    is_new = warehouse._state.adding
    if not is_new and not changed:
        return
    warehouse.save()
    kind = "warehouse.created" if is_new else "warehouse.changed"
    record(kind, target=warehouse, actor=actor, data={"code": warehouse.code, "fields": sorted(changed)})
    if "is_active" in changed and not is_new:
        stocked = ProductVariant.objects.filter(stock_levels__warehouse=warehouse)
        listing.refresh(set(stocked.values_list("product_id", flat=True)))


def _locked(code: str) -> Warehouse:
    warehouse = Warehouse.objects.select_for_update(no_key=True).filter(code=code).first()
    if warehouse is None:
        raise NotFound
    return warehouse
