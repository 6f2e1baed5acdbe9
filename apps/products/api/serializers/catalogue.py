"""Bodies of the public catalogue. The presenters build dicts straight from `.values()` rows: the hot paths."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api.serializers import MoneyField
from apps.common.media import media_url
from apps.common.money import money_json, optional_money_json
from apps.products.services import stock
from apps.products.services.tree import Node, Tree

ROW_COLUMNS = (
    "id",
    "slug",
    "name",
    "brand",
    "price",
    "compare_at_price",
    "currency",
    "thumbnail",
    "rating",
    "review_count",
    "in_stock",
    "is_featured",
    "published_at",
    "category__slug",
    "category__name",
)


class CategoryRefOut(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=140)
    name = serializers.CharField(max_length=120)


class ProductRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField(max_length=220)
    name = serializers.CharField(max_length=200)
    brand = serializers.CharField(max_length=120)
    price = MoneyField(help_text="the lowest of its variants")
    compare_at_price = MoneyField(allow_null=True)
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    rating = serializers.DecimalField(max_digits=3, decimal_places=2, allow_null=True, min_value=1, max_value=5)
    review_count = serializers.IntegerField(min_value=0, max_value=2147483647)
    in_stock = serializers.BooleanField()
    featured = serializers.BooleanField()
    category = CategoryRefOut()
    published_at = serializers.DateTimeField(allow_null=True)


class VariantOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(child=serializers.CharField(max_length=200))
    price = MoneyField()
    compare_at_price = MoneyField(allow_null=True)
    in_stock = serializers.BooleanField()
    availability = serializers.ChoiceField(choices=["in_stock", "low_stock", "out_of_stock"])
    min_quantity = serializers.IntegerField(min_value=1, max_value=999, help_text="a cart takes at least so many")
    max_quantity = serializers.IntegerField(min_value=1, max_value=999, allow_null=True, help_text="null: any number")


class ImageOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField(max_length=300)
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    alt = serializers.CharField(max_length=200)
    width = serializers.IntegerField(min_value=0, max_value=100_000)
    height = serializers.IntegerField(min_value=0, max_value=100_000)


class ProductDetailOut(ProductRowOut):
    canonical_slug = serializers.CharField(max_length=220, help_text="differs from the address after a rename")
    description = serializers.CharField(max_length=100_000)
    attributes = serializers.DictField(child=serializers.CharField(max_length=500))
    categories = CategoryRefOut(many=True, help_text="from the root down to the product's own")
    images = ImageOut(many=True)
    variants = VariantOut(many=True)


@extend_schema_field({"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/CategoryNodeOut"}})
class ChildrenField(serializers.Field[Any, Any, Any, Any]):
    """Nodes below a node."""

    def to_representation(self, value: Any) -> Any:
        return value


class CategoryNodeOut(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=140)
    name = serializers.CharField(max_length=120)
    product_count = serializers.IntegerField(min_value=0, max_value=2147483647, help_text="with all below")
    children = ChildrenField()


class CategoryTreeOut(serializers.Serializer[Any]):
    results = CategoryNodeOut(many=True)


class CategoryOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField(max_length=140)
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=10_000)
    product_count = serializers.IntegerField(min_value=0, max_value=2147483647)
    ancestors = CategoryRefOut(many=True)
    children = CategoryNodeOut(many=True)


def present_row(row: Mapping[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    return {
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "brand": row["brand"],
        "price": money_json(row["price"], currency),
        "compare_at_price": optional_money_json(row["compare_at_price"], currency),
        "thumbnail": media_url(row["thumbnail"]),
        "rating": row["rating"],
        "review_count": row["review_count"],
        "in_stock": row["in_stock"],
        "featured": row["is_featured"],
        "category": {"slug": row["category__slug"], "name": row["category__name"]},
        "published_at": row["published_at"],
    }


def present_variant(row: Mapping[str, Any]) -> dict[str, Any]:
    band = stock.band(row["available"])
    return {
        "id": row["id"],
        "sku": row["sku"],
        "name": row["name"],
        "options": row["options"],
        "price": money_json(row["price"], row["currency"]),
        "compare_at_price": optional_money_json(row["compare_at_price"], row["currency"]),
        "in_stock": band != "out_of_stock",
        "availability": band,
        "min_quantity": row["min_quantity"],
        "max_quantity": row["max_quantity"],
    }


def present_image(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "url": media_url(row["image"]),
        "thumbnail": media_url(row["thumbnail"]),
        "alt": row["alt"],
        "width": row["width"],
        "height": row["height"],
    }


def present_ref(node: Node) -> dict[str, Any]:
    return {"slug": node.slug, "name": node.name}


def present_node(node: Node, depth: int) -> dict[str, Any]:
    children = [present_node(child, depth - 1) for child in node.children] if depth > 1 else []
    return {**present_ref(node), "product_count": node.product_count, "children": children}


def present_category(node: Node, tree: Tree) -> dict[str, Any]:
    return {
        "id": node.id,
        **present_ref(node),
        "description": node.description,
        "product_count": node.product_count,
        "ancestors": [present_ref(each) for each in tree.ancestors(node)],
        "children": [present_node(child, 1) for child in node.children],
    }
