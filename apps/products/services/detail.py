"""One product with all that its page shows, in four statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.common.errors import NotFound
from apps.products.models import Product, ProductImage, ProductVariant, available_of


@dataclass(frozen=True, slots=True)
class ProductDetail:
    """Rows as dicts: the product's columns, its variants with `available` units, its images."""

    product: Mapping[str, Any]
    variants: Sequence[Mapping[str, Any]]
    images: Sequence[Mapping[str, Any]]


def find_product(slug: str, *, columns: tuple[str, ...], unpublished: bool = False) -> ProductDetail:
    """The product of a slug, also of one it used to have. Raises NotFound; drafts only with `unpublished`."""
    products = Product.objects.all() if unpublished else Product.objects.filter(status=Product.Status.ACTIVE)
    wanted = (*columns, "description", "attributes", "category_id", "status")
    product = products.filter(slug=slug).values(*wanted).first()
    if product is None:
        product = products.filter(retired_slugs__slug=slug).values(*wanted).first()
    if product is None:
        raise NotFound
    variants = ProductVariant.objects.filter(product=product["id"], archived_at=None).annotate(
        available=available_of("pk")
    )
    images = ProductImage.objects.filter(product=product["id"])
    return ProductDetail(
        product=product,
        variants=list(
            variants.order_by("position", "id").values(
                "id",
                "sku",
                "name",
                "options",
                "price",
                "compare_at_price",
                "currency",
                "available",
                "min_quantity",
                "max_quantity",
            )
        ),
        images=list(images.order_by("position", "id").values("id", "image", "thumbnail", "alt", "width", "height")),
    )
