"""Stock counts: people count what a warehouse really holds; applying the count books the differences.

The difference is taken against what the ledger says at the moment of applying, with the levels locked.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record
from apps.products.models import ProductVariant, StockCount, StockCountLine, StockLevel, StockMovement
from apps.products.services import inventory, stock_posting
from apps.products.services.stock_posting import Posting

S = StockCount.Status
MAX_LINES: Final = 10_000


class CountTransition(Conflict):
    code = "invalid_transition"
    detail = "The count has ended."


@transaction.atomic
def open_count(*, warehouse: str, actor: Actor | None, skus: Sequence[str] | None = None, note: str = "") -> StockCount:
    """Begin to count a warehouse (by code): the given SKUs, else every SKU that it has a level of. Raises Invalid."""
    place = inventory.warehouse_of(warehouse)
    if skus is None:
        ids = list(
            StockLevel.objects.filter(warehouse=place).order_by("variant__sku").values_list("variant", flat=True)
        )
    else:
        ids = _known(skus)
    if not ids:
        raise Invalid.field("/skus", "required", "This warehouse has no level to count; name the SKUs.")
    if len(ids) > MAX_LINES:
        raise Invalid.field("/skus", "max_length", f"Count at most {MAX_LINES} SKUs at once; name some of them.")
    signed_in = actor is not None and actor.is_authenticated
    count = StockCount.objects.create(
        warehouse=place, note=note, actor_id=actor.pk if actor is not None and signed_in else None
    )
    StockCountLine.objects.bulk_create(
        [StockCountLine(stock_count=count, variant_id=variant_id) for variant_id in ids], batch_size=2000
    )
    record("stock.count_opened", target=count, actor=actor, data={"warehouse": warehouse, "lines": len(ids)})
    return count


@transaction.atomic
def set_counted(*, count_id: UUID, counted: Sequence[tuple[str, int | None]]) -> StockCount:
    """Note what was counted of some SKUs; None takes a number back. Raises NotFound, CountTransition, Invalid."""
    count = _locked(count_id)
    skus = [sku for sku, _ in counted]
    lines = {line.variant.sku: line for line in count.lines.filter(variant__sku__in=skus).select_related("variant")}
    errors = [
        FieldError("does_not_exist", "The count has no such SKU.", f"/lines/{index}/sku")
        if sku not in lines
        else FieldError("unique", "This SKU is named twice.", f"/lines/{index}/sku")
        for index, sku in enumerate(skus)
        if sku not in lines or sku in skus[:index]
    ]
    if errors:
        raise Invalid(errors=errors)
    for sku, units in counted:
        lines[sku].counted = units
    StockCountLine.objects.bulk_update(lines.values(), ["counted"])
    return count


@transaction.atomic
def apply(*, count_id: UUID, actor: Actor | None) -> StockCount:
    """Book the differences of all counted lines, all or none; lines that nobody counted stay as they are.

    Raises NotFound, CountTransition, Invalid when nothing was counted, NegativeStock with the SKUs of which fewer were
    counted than are promised.
    """
    count = _locked(count_id)
    lines = list(count.lines.filter(counted__isnull=False))
    if not lines:
        raise Invalid("Nothing has been counted yet.", code="validation_error")
    ids = stock_posting.ensure_levels(warehouse_id=count.warehouse_id, variant_ids=[line.variant_id for line in lines])
    levels = stock_posting.locked(ids.values())
    postings = []
    for line in lines:
        level = levels[ids[line.variant_id]]
        line.on_hand_before = level.on_hand
        postings.append(Posting(level.pk, StockMovement.Kind.COUNT, _counted(line) - max(0, level.on_hand), count.note))
    booked = stock_posting.post(
        postings=postings, levels=levels, reference=count.pk, actor_id=None if actor is None else actor.pk
    )
    StockCountLine.objects.bulk_update(lines, ["on_hand_before"], batch_size=2000)
    _end(count, S.APPLIED)
    data: Mapping[str, int | str] = {"warehouse": count.warehouse.code, "lines": len(lines), "changed": len(booked)}
    record("stock.count_applied", target=count, actor=actor, data=dict(data))
    return count


@transaction.atomic
def cancel(*, count_id: UUID, actor: Actor | None) -> StockCount:
    """Throw an open count away. Raises NotFound, CountTransition."""
    count = _locked(count_id)
    _end(count, S.CANCELLED)
    record("stock.count_cancelled", target=count, actor=actor, data={"warehouse": count.warehouse.code})
    return count


def _counted(line: StockCountLine) -> int:
    return line.counted or 0


def _known(skus: Sequence[str]) -> list[UUID]:
    variants = dict(ProductVariant.objects.filter(sku__in=skus).values_list("sku", "pk"))
    errors = [
        FieldError("does_not_exist", "There is no such SKU.", f"/skus/{index}")
        for index, sku in enumerate(skus)
        if sku not in variants
    ]
    if errors:
        raise Invalid(errors=errors)
    return list(dict.fromkeys(variants[sku] for sku in skus))


def _locked(count_id: UUID) -> StockCount:
    count = StockCount.objects.lock().select_related("warehouse").filter(pk=count_id).first()
    if count is None:
        raise NotFound
    if count.status != S.OPEN:
        raise CountTransition(extra={"allowed": []})
    return count


def _end(count: StockCount, status: str) -> None:
    count.status, count.ended_at = status, timezone.now()
    count.save(update_fields=["status", "ended_at", "updated_at"])
