"""Stock as staff read and set it."""

from typing import Any

from rest_framework import serializers

from apps.common.api.conditional import etag_of
from apps.common.api.fields import LineField
from apps.common.api.pagination import CursorQuery, PageQuery
from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import QuerySerializer, StrictSerializer
from apps.products.models import StockMovement, Warehouse
from apps.products.services.inventory import PlacedLevel, SkuStock

MAX = 2147483647
MIN = -MAX
MAX_UNITS = 1_000_000
SUMS = ("on_hand", "reserved", "available", "in_transit")
# What sales and deliveries move; a form that staff have open is not outdated by it.
_LIVE = frozenset(SUMS)


class _QuantitiesOut(serializers.Serializer[Any]):
    on_hand = serializers.IntegerField(
        min_value=MIN, max_value=MAX, help_text="Below zero: sold before they arrived, owed to buyers."
    )
    reserved = serializers.IntegerField(min_value=0, max_value=MAX)
    available = serializers.IntegerField(min_value=MIN, max_value=MAX, help_text="Units that can be sold now.")
    in_transit = serializers.IntegerField(
        min_value=0, max_value=MAX, help_text="On their way here; nobody can buy them."
    )


class LevelOut(_QuantitiesOut):
    warehouse = serializers.CharField(max_length=40, help_text="code")
    safety_stock = serializers.IntegerField(min_value=0, max_value=MAX, help_text="Kept back, never sold.")
    backorder_limit = serializers.IntegerField(min_value=0, max_value=MAX, help_text="Sold before they arrive.")
    next_restock_on = serializers.DateField(allow_null=True)
    low_stock_threshold = serializers.IntegerField(
        min_value=0, max_value=MAX, allow_null=True, help_text="Null: the shop's default."
    )


class InventoryOut(_QuantitiesOut):
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=330)
    levels = LevelOut(many=True)


class InventoryQuery(PageQuery):
    search = serializers.CharField(max_length=100, required=False, help_text="Start of a SKU, or part of a name.")
    warehouse = serializers.CharField(max_length=40, required=False, help_text="Only levels of this warehouse (code).")
    low_stock = TrueFalseField(required=False, help_text="With a level at or below its threshold, or without any.")
    out_of_stock = TrueFalseField(required=False, help_text="Without a unit to sell, or with some.")


class LevelSettingsBody(StrictSerializer):
    warehouse = serializers.CharField(max_length=40, help_text="code")
    safety_stock = serializers.IntegerField(min_value=0, max_value=MAX_UNITS, required=False)
    backorder_limit = serializers.IntegerField(min_value=0, max_value=MAX_UNITS, required=False)
    next_restock_on = serializers.DateField(required=False, allow_null=True)
    low_stock_threshold = serializers.IntegerField(
        min_value=0, max_value=MAX_UNITS, required=False, allow_null=True, help_text="Null: the shop's default."
    )


class InventoryChangeBody(StrictSerializer):
    levels = serializers.ListField(child=LevelSettingsBody(), min_length=1, max_length=100)


class MovementOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    sku = serializers.CharField(max_length=64)
    warehouse = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=StockMovement.Kind.choices)
    quantity = serializers.IntegerField(
        min_value=MIN, max_value=MAX, help_text="Positive: came in; negative: went out."
    )
    on_hand_after = serializers.IntegerField(min_value=MIN, max_value=MAX)
    reason = serializers.CharField(max_length=200, allow_blank=True)
    reference = serializers.UUIDField(allow_null=True, help_text="The order, transfer, count or job behind it.")
    actor_id = serializers.UUIDField(allow_null=True, help_text="The staff member.")


class MovementQuery(CursorQuery):
    sku = serializers.CharField(max_length=64, required=False, help_text="Only this SKU.")
    warehouse = serializers.CharField(max_length=40, required=False, help_text="Only this warehouse (code).")
    kind = serializers.ChoiceField(choices=StockMovement.Kind.choices, required=False, help_text="Only this kind.")
    reference = serializers.UUIDField(required=False, help_text="Only what this order, transfer or count moved.")
    created_after = serializers.DateTimeField(required=False, help_text="At or after this time.")
    created_before = serializers.DateTimeField(required=False, help_text="Before this time.")


class HistoryQuery(QuerySerializer):
    at = serializers.DateTimeField(help_text="A moment in the past.")


class LevelThenOut(serializers.Serializer[Any]):
    warehouse = serializers.CharField(max_length=40, help_text="code")
    on_hand = serializers.IntegerField(min_value=MIN, max_value=MAX)


class HistoryOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    at = serializers.DateTimeField()
    on_hand = serializers.IntegerField(min_value=MIN, max_value=MAX)
    levels = LevelThenOut(many=True)


class _WarehouseFields(StrictSerializer):
    line1 = LineField(max_length=200, required=False, allow_blank=True)
    line2 = LineField(max_length=200, required=False, allow_blank=True)
    city = LineField(max_length=120, required=False, allow_blank=True)
    region = LineField(max_length=120, required=False, allow_blank=True)
    postal_code = LineField(max_length=20, required=False, allow_blank=True)
    priority = serializers.IntegerField(
        min_value=0, max_value=32767, required=False, help_text="Reservations take from the lowest number first."
    )
    countries = serializers.ListField(
        child=serializers.RegexField("^[A-Z]{2}$", max_length=2),
        max_length=250,
        required=False,
        help_text="It ships there alone; empty: everywhere.",
    )
    latitude = serializers.DecimalField(
        max_digits=9, decimal_places=6, min_value=-90, max_value=90, required=False, allow_null=True
    )
    longitude = serializers.DecimalField(
        max_digits=9, decimal_places=6, min_value=-180, max_value=180, required=False, allow_null=True
    )
    is_active = serializers.BooleanField(required=False, help_text="False: its stock is not sold.")


class WarehouseCreateBody(_WarehouseFields):
    code = serializers.RegexField(
        "^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40, help_text="key in addresses; never changes"
    )
    name = LineField(max_length=120)
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, help_text="ISO 3166-1 alpha-2")


class WarehouseChangeBody(_WarehouseFields):
    name = LineField(max_length=120, required=False)
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, required=False, help_text="ISO 3166-1 alpha-2")


class WarehouseOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    line1 = serializers.CharField(max_length=200, allow_blank=True)
    line2 = serializers.CharField(max_length=200, allow_blank=True)
    city = serializers.CharField(max_length=120, allow_blank=True)
    region = serializers.CharField(max_length=120, allow_blank=True)
    postal_code = serializers.CharField(max_length=20, allow_blank=True)
    country = serializers.CharField(max_length=2)
    countries = serializers.ListField(child=serializers.CharField(max_length=2), max_length=250)
    latitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)
    longitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)
    priority = serializers.IntegerField(min_value=0, max_value=32767)
    is_active = serializers.BooleanField()


def present_level(placed: PlacedLevel) -> dict[str, Any]:
    level = placed.level
    return {
        "warehouse": level.warehouse.code,
        "on_hand": level.on_hand,
        "reserved": level.reserved,
        "available": level.available,
        "in_transit": placed.in_transit,
        "safety_stock": level.safety_stock,
        "backorder_limit": level.backorder_limit,
        "next_restock_on": level.next_restock_on,
        "low_stock_threshold": level.low_stock_threshold,
    }


def present_stock(stock: SkuStock) -> dict[str, Any]:
    levels = [present_level(placed) for placed in stock.levels]
    sums = {name: sum(level[name] for level in levels) for name in SUMS}
    name = " ".join(filter(None, (stock.variant.product.name, stock.variant.name)))
    return {"sku": stock.variant.sku, "name": name, **sums, "levels": levels}


def stock_etag_part(stock: SkuStock) -> dict[str, Any]:
    """What `If-Match` protects: all that staff set, nothing that a sale or a delivery moves."""
    body = present_stock(stock)
    settings = [{name: value for name, value in level.items() if name not in _LIVE} for level in body["levels"]]
    return {"sku": body["sku"], "levels": settings}


def stock_etag(stock: SkuStock) -> str:
    return etag_of(stock_etag_part(stock))


def present_movement(movement: StockMovement) -> dict[str, Any]:
    names = ("kind", "quantity", "on_hand_after", "reason", "reference", "actor_id")
    return {
        "id": movement.id,
        "created_at": movement.created_at,
        "sku": movement.level.variant.sku,
        "warehouse": movement.level.warehouse.code,
        **{name: getattr(movement, name) for name in names},
    }


def present_warehouse(warehouse: Warehouse) -> dict[str, Any]:
    names = (
        *("code", "name", "line1", "line2", "city", "region", "postal_code", "country"),
        *("countries", "latitude", "longitude", "priority", "is_active"),
    )
    return {name: getattr(warehouse, name) for name in names}
