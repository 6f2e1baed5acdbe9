"""What is where: stock as staff read it, now and at a past moment. Nothing here changes anything."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from apps.common.errors import Invalid, NotFound
from apps.products.models import (
    Product,
    ProductVariant,
    StockCount,
    StockLevel,
    StockMovement,
    StockTransfer,
    StockTransferLine,
    Warehouse,
    in_transit_to,
)
from apps.products.models.stock import available_of, available_of_level
from apps.products.services import stock


@dataclass(frozen=True, slots=True)
class PlacedLevel:
    """A level with what is on its way to it."""

    level: StockLevel
    in_transit: int


@dataclass(frozen=True, slots=True)
class SkuStock:
    """A variant with its levels, by the warehouses' priority."""

    variant: ProductVariant
    levels: list[PlacedLevel]


def variant_of(sku: str) -> ProductVariant:
    """The variant of this SKU, archived or not. Raises NotFound."""
    variant = ProductVariant.objects.select_related("product").filter(sku=sku).first()
    if variant is None:
        raise NotFound
    return variant


def warehouse_of(code: str, *, pointer: str = "/warehouse") -> Warehouse:
    """The warehouse that a request's body names. Raises Invalid (`does_not_exist`) at `pointer`."""
    warehouse = Warehouse.objects.filter(code=code).first()
    if warehouse is None:
        raise Invalid.field(pointer, "does_not_exist", "There is no such warehouse.")
    return warehouse


def stocked(
    *,
    search: str | None = None,
    warehouse: str | None = None,
    low_stock: bool | None = None,
    out_of_stock: bool | None = None,
) -> "QuerySet[ProductVariant]":
    """Variants that are sold or still lie somewhere, by SKU.

    `low_stock`: some level (of `warehouse`) is at or below its threshold. `out_of_stock`: none of them has a unit to
    sell. `search`: the start of a SKU, or a part of the product's name.
    """
    levels = StockLevel.objects.filter(variant=OuterRef("pk"), warehouse__is_active=True)
    if warehouse is not None:
        levels = StockLevel.objects.filter(variant=OuterRef("pk"), warehouse__code=warehouse)
    variants = ProductVariant.objects.select_related("product").filter(
        Q(archived_at=None) | Exists(StockLevel.objects.filter(variant=OuterRef("pk"), on_hand__gt=0))
    )
    if warehouse is not None:
        variants = variants.filter(Exists(levels))
    if search is not None:
        variants = variants.filter(Q(sku__istartswith=search) | Q(product__name__icontains=search))
    if low_stock is not None:
        fallen = Exists(at_or_below_threshold(levels))
        variants = variants.filter(fallen if low_stock else ~fallen)
    if out_of_stock is not None:
        sellable = Exists(levels.alias(left=available_of_level()).filter(left__gt=0))
        variants = variants.filter(~sellable if out_of_stock else sellable)
    return variants.order_by("sku", "pk")


def at_or_below_threshold(levels: "QuerySet[StockLevel]") -> "QuerySet[StockLevel]":
    """Those of the levels that have run low or out, by their own threshold or the shop's."""
    threshold = Coalesce("low_stock_threshold", settings.LOW_STOCK_THRESHOLD)
    return levels.annotate(left=available_of_level(), limit=threshold).filter(left__lte=F("limit"))


def with_levels(variants: Iterable[ProductVariant], *, warehouse: str | None = None) -> list[SkuStock]:
    """The variants with their levels (of one warehouse), in two statements whatever their number."""
    chosen = list(variants)
    ids = [variant.pk for variant in chosen]
    levels = StockLevel.objects.to_show().filter(variant_id__in=ids).select_related("warehouse")
    if warehouse is not None:
        levels = levels.filter(warehouse__code=warehouse)
    coming = in_transit_to(ids)
    by_variant: dict[UUID, list[PlacedLevel]] = defaultdict(list)
    for level in levels.order_by("warehouse__priority", "pk"):
        placed = PlacedLevel(level, coming.get((level.variant_id, level.warehouse_id), 0))
        by_variant[level.variant_id].append(placed)
    return [SkuStock(variant, by_variant[variant.pk]) for variant in chosen]


def movements(
    *,
    sku: str | None = None,
    warehouse: str | None = None,
    kind: str | None = None,
    reference: UUID | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> "QuerySet[StockMovement]":
    """The ledger, filtered by whatever is given: from `created_after` on, up to before `created_before`."""
    wanted = {
        "level__variant__sku": sku,
        "level__warehouse__code": warehouse,
        "kind": kind,
        "reference": reference,
        "created_at__gte": created_after,
        "created_at__lt": created_before,
    }
    found = StockMovement.objects.select_related("level__variant", "level__warehouse")
    return found.filter(**{lookup: value for lookup, value in wanted.items() if value is not None})


def on_hand_at(*, variant: ProductVariant, at: datetime) -> list[tuple[str, int]]:
    """What was on hand at the end of that moment, per warehouse: the sum of the ledger's movements until then."""
    levels = (
        StockLevel.objects.filter(variant=variant)
        .annotate(units=Coalesce(Sum("movements__quantity", filter=Q(movements__created_at__lte=at)), 0))
        .order_by("warehouse__priority", "pk")
    )
    return list(levels.values_list("warehouse__code", "units"))


def transfers() -> "QuerySet[StockTransfer]":
    """Transfers with their warehouses and lines, newest first."""
    lines = Prefetch("lines", StockTransferLine.objects.select_related("variant").order_by("variant__sku"))
    return StockTransfer.objects.select_related("source", "destination").prefetch_related(lines).order_by("-id")


def counts() -> "QuerySet[StockCount]":
    """Counts with their warehouse and the numbers of their lines (`line_count`, `counted_count`), newest first."""
    return (
        StockCount.objects.select_related("warehouse")
        .annotate(line_count=Count("lines"), counted_count=Count("lines__counted"))
        .order_by("-id")
    )


def expecting(levels: "QuerySet[StockLevel]") -> "QuerySet[StockLevel]":
    """Those of the levels that something is on its way to."""
    lines = StockTransferLine.objects.filter(
        variant=OuterRef("variant"),
        transfer__destination=OuterRef("warehouse"),
        transfer__status=StockTransfer.Status.IN_TRANSIT,
    )
    return levels.filter(Exists(lines))


def on_hand_by_day(levels: Sequence[StockLevel], *, days: int) -> dict[UUID, list[int]]:
    """What was on hand at the end of each of the last `days` days (UTC, today last), per level, in one statement."""
    today = timezone.now().date()
    since = datetime.combine(today - timedelta(days=days - 1), time.min, tzinfo=UTC)
    rows = (
        StockMovement.objects.filter(level__in=[level.pk for level in levels], created_at__gte=since)
        .order_by()
        .values_list("level", TruncDate("created_at", tzinfo=UTC))
        .annotate(units=Sum("quantity"))
    )
    moved = {(level_id, day): units for level_id, day, units in rows}
    found: dict[UUID, list[int]] = {}
    for level in levels:
        line = [level.on_hand]
        for back in range(days - 1):
            line.append(line[-1] - moved.get((level.pk, today - timedelta(days=back)), 0))
        found[level.pk] = line[::-1]
    return found


@dataclass(frozen=True, slots=True)
class PublicStock:
    """What anybody may know of a variant's stock."""

    variant: ProductVariant
    availability: str
    next_restock_on: date | None

    def levels(self) -> SkuStock:
        """The particulars, for staff."""
        (found,) = with_levels([self.variant])
        return found


def public_stock(sku: str) -> PublicStock:
    """The band of a SKU that is sold, and when more are expected while there are none. Raises NotFound."""
    sold = ProductVariant.objects.filter(sku=sku, archived_at=None, product__status=Product.Status.ACTIVE)
    variant = sold.select_related("product").annotate(units=available_of("pk")).first()
    if variant is None:
        raise NotFound
    band = stock.band(variant.units)
    expected = StockLevel.objects.filter(variant=variant, warehouse__is_active=True, next_restock_on__isnull=False)
    first = expected.order_by("next_restock_on").values_list("next_restock_on", flat=True).first()
    return PublicStock(variant, band, first if variant.units <= 0 else None)
