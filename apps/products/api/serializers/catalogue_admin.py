"""Bodies of staff's catalogue writes, and the catalogue as staff see it."""

from collections.abc import Iterable
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from apps.common.api.conditional import etag_of
from apps.common.api.fields import LineField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.media import media_url
from apps.common.money import money_json, optional_money_json
from apps.products.models import Category, Product, ProductImage, ProductVariant
from apps.products.services import stock, text_maps

MAX = 2147483647
SKU = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
_MAX_DIGITS_OF_MAX = 10
MAX_NEW_VARIANTS = 100
# What sales and shoppers change; a form that staff have open is not outdated by it.
_LIVE = frozenset({"in_stock", "rating", "review_count", "available", "updated_at"})


class TextMapField(serializers.DictField):
    """A small object of names and texts."""

    default_error_messages = {"wrong_type": text_maps.WRONG_TYPE, "max_length": text_maps.TOO_LONG}

    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=longest), **kwargs)
        self._longest = longest

    def to_internal_value(self, data: Any) -> dict[str, str]:
        fault = text_maps.fault_of(data, longest=self._longest)
        if fault is not None:
            self.fail("wrong_type" if fault == text_maps.WRONG_TYPE else "max_length")
        return dict(super().to_internal_value(data))


class _ProductBody(StrictSerializer):
    slug = serializers.SlugField(max_length=220, required=False)
    description = serializers.CharField(max_length=100_000, required=False, allow_blank=True)
    brand = LineField(max_length=120, required=False, allow_blank=True)
    attributes = TextMapField(
        longest=text_maps.LONGEST_ATTRIBUTE, required=False, help_text="names and values shown to shoppers"
    )
    is_featured = serializers.BooleanField(required=False)
    tax_category = serializers.SlugField(
        max_length=40, required=False, help_text="code of a tax category; default: standard"
    )


class ProductChangeBody(_ProductBody):
    name = LineField(max_length=200, required=False)
    category = serializers.CharField(max_length=140, required=False, help_text="slug")
    status = serializers.ChoiceField(choices=Product.Status.choices, required=False)


class _VariantBody(StrictSerializer):
    name = LineField(max_length=120, required=False, allow_blank=True)
    options = TextMapField(longest=text_maps.LONGEST_OPTION, required=False)
    compare_at_price = MoneyField(required=False, allow_null=True)
    weight_grams = serializers.IntegerField(min_value=0, max_value=10_000_000, required=False)
    min_quantity = serializers.IntegerField(
        min_value=1, max_value=999, required=False, help_text="a cart takes at least so many units"
    )
    max_quantity = serializers.IntegerField(
        min_value=1, max_value=999, required=False, allow_null=True, help_text="at most so many; null: any"
    )
    position = serializers.IntegerField(min_value=0, max_value=100_000, required=False)


class VariantCreateBody(_VariantBody):
    sku = serializers.RegexField(SKU, max_length=64)
    price = MoneyField()


class ProductCreateBody(_ProductBody):
    name = LineField(max_length=200)
    category = serializers.CharField(max_length=140, help_text="slug")
    variants = serializers.ListField(child=VariantCreateBody(), required=False, max_length=MAX_NEW_VARIANTS)


class VariantChangeBody(_VariantBody):
    sku = serializers.RegexField(SKU, max_length=64, required=False)
    price = MoneyField(required=False)


class ImageChangeBody(StrictSerializer):
    alt = LineField(max_length=200, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=100_000, required=False)


class ImageUploadBody(ImageChangeBody):
    """multipart/form-data, where a number is a text."""

    file = serializers.FileField(allow_empty_file=True, max_length=1000, help_text="JPEG, PNG or WebP")

    def to_internal_value(self, data: Any) -> Any:
        fields: dict[str, Any] = data.dict() if isinstance(data, QueryDict) else dict(data)
        position = fields.get("position")
        if isinstance(position, str) and position.isascii() and position.isdigit():
            fields["position"] = int(position[:_MAX_DIGITS_OF_MAX])
        return super().to_internal_value(fields)


class _CategoryBody(StrictSerializer):
    slug = serializers.SlugField(max_length=140, required=False)
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=100_000, required=False)
    is_active = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `parent` is a member here and an attribute of every serializer.
        parent = serializers.CharField(max_length=140, required=False, allow_null=True, help_text="slug; null: the top")
        return {**super().get_fields(), "parent": parent}


class CategoryCreateBody(_CategoryBody):
    name = LineField(max_length=120)


class CategoryChangeBody(_CategoryBody):
    name = LineField(max_length=120, required=False)


class StaffVariantOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=120)
    options = serializers.DictField(child=serializers.CharField(max_length=200))
    price = MoneyField()
    compare_at_price = MoneyField(allow_null=True)
    position = serializers.IntegerField(min_value=0, max_value=MAX)
    weight_grams = serializers.IntegerField(min_value=0, max_value=MAX)
    min_quantity = serializers.IntegerField(min_value=1, max_value=999)
    max_quantity = serializers.IntegerField(min_value=1, max_value=999, allow_null=True)
    available = serializers.IntegerField(min_value=0, max_value=MAX, help_text="units that can be sold now")


class StaffImageOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField(max_length=300)
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    alt = serializers.CharField(max_length=200)
    position = serializers.IntegerField(min_value=0, max_value=MAX)
    width = serializers.IntegerField(min_value=0, max_value=100_000)
    height = serializers.IntegerField(min_value=0, max_value=100_000)


class StaffProductOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField(max_length=220)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=100_000)
    brand = serializers.CharField(max_length=120)
    category = serializers.CharField(max_length=140, help_text="slug")
    attributes = serializers.DictField(child=serializers.CharField(max_length=500))
    status = serializers.ChoiceField(choices=Product.Status.choices)
    is_featured = serializers.BooleanField()
    tax_category = serializers.CharField(max_length=40)
    price = MoneyField(help_text="the lowest of its variants")
    compare_at_price = MoneyField(allow_null=True)
    currency = serializers.CharField(max_length=3)
    in_stock = serializers.BooleanField()
    rating = serializers.DecimalField(max_digits=3, decimal_places=2, allow_null=True, min_value=1, max_value=5)
    review_count = serializers.IntegerField(min_value=0, max_value=MAX)
    variants = StaffVariantOut(many=True)
    images = StaffImageOut(many=True)
    published_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class StaffCategoryOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField(max_length=140)
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=10_000)
    position = serializers.IntegerField(min_value=0, max_value=MAX)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        # `parent` is a member here and an attribute of every serializer.
        parent = serializers.CharField(max_length=140, allow_null=True, help_text="slug")
        return {**super().get_fields(), "parent": parent}


def present_staff_product(product: Product) -> dict[str, Any]:
    """The whole product with the variants that are sold, for staff; four statements."""
    variants = list(product.variants.filter(archived_at=None).order_by("position", "id"))
    return {
        "id": product.pk,
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "category": product.category.slug,
        "attributes": product.attributes,
        "status": product.status,
        "is_featured": product.is_featured,
        "tax_category": product.tax_category,
        "price": money_json(product.price, product.currency),
        "compare_at_price": optional_money_json(product.compare_at_price, product.currency),
        "currency": product.currency,
        "in_stock": product.in_stock,
        "rating": product.rating,
        "review_count": product.review_count,
        "variants": present_staff_variants(variants),
        "images": [present_staff_image(image) for image in product.images.order_by("position", "id")],
        "published_at": product.published_at,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def present_staff_variants(variants: Iterable[ProductVariant]) -> list[dict[str, Any]]:
    """Variants with their units; one statement."""
    rows = list(variants)
    available = stock.availability(row.pk for row in rows)
    return [
        {
            "id": row.pk,
            "sku": row.sku,
            "name": row.name,
            "options": row.options,
            "price": money_json(row.price, row.currency),
            "compare_at_price": optional_money_json(row.compare_at_price, row.currency),
            "position": row.position,
            "weight_grams": row.weight_grams,
            "min_quantity": row.min_quantity,
            "max_quantity": row.max_quantity,
            "available": available[row.pk],
        }
        for row in rows
    ]


def present_staff_variant(variant: ProductVariant) -> dict[str, Any]:
    return present_staff_variants([variant])[0]


def present_staff_image(image: ProductImage) -> dict[str, Any]:
    return {
        "id": image.pk,
        "url": media_url(image.image.name or ""),
        "thumbnail": media_url(image.thumbnail),
        "alt": image.alt,
        "position": image.position,
        "width": image.width,
        "height": image.height,
    }


def present_staff_category(category: Category) -> dict[str, Any]:
    return {
        "id": category.pk,
        "slug": category.slug,
        "name": category.name,
        "description": category.description,
        "parent": category.parent.slug if category.parent is not None else None,
        "position": category.position,
        "is_active": category.is_active,
        "created_at": category.created_at,
        "updated_at": category.updated_at,
    }


def editable_part(body: dict[str, Any]) -> dict[str, Any]:
    """What `If-Match` protects: all that staff write, nothing that a sale or a review moves."""
    part = {name: value for name, value in body.items() if name not in _LIVE}
    if "variants" in part:
        part["variants"] = [editable_part(variant) for variant in part["variants"]]
    return part


def staff_etag(body: dict[str, Any]) -> str:
    """The validator of a body made by a `present_staff_...` function."""
    return etag_of(editable_part(body))
