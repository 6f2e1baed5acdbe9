"""What is sold: categories, products with their variants and pictures, and what stands in the warehouses."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import product as combinations
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.text import slugify

from apps.products.models import Category, Product, ProductImage, ProductVariant, StockLevel, Warehouse
from apps.products.services import stock
from scripts.seed import pictures

DATA = Path(__file__).parent / "data"
FILES = ("electronics", "home", "clothing", "outdoor", "paper")
# The second warehouse gets a share of what there is plenty of.
SPLIT_FROM, FIRST_SHARE = 20, 0.6


@dataclass(frozen=True, slots=True)
class Goods:
    """One `[[product]]` of the data files.

    `more` is what an option value adds to the price, `stock` the units of each variant (None: some, by its SKU),
    `sold_out` the option values that are not in stock.
    """

    name: str
    sku: str
    category: str
    brand: str
    price: str
    options: dict[str, list[str]]
    attributes: dict[str, str]
    text: str
    grams: int
    was: str | None = None
    more: dict[str, str] = field(default_factory=dict)
    stock: int | None = None
    sold_out: list[str] = field(default_factory=list)
    featured: bool = False
    draft: bool = False

    @property
    def slug(self) -> str:
        return slugify(self.name)

    def variants(self) -> Iterator[dict[str, str]]:
        """The options of each variant, in the order of the file."""
        for values in combinations(*self.options.values()):
            yield dict(zip(self.options, values, strict=True))

    def sku_of(self, options: dict[str, str]) -> str:
        codes = ["".join(filter(str.isalnum, value.upper()))[:8] for value in options.values()]
        return "-".join([self.sku, *codes])

    def units_of(self, options: dict[str, str]) -> int:
        if any(value in self.sold_out for value in options.values()):
            return 0
        if self.stock is not None:
            return self.stock
        return random.Random(self.sku_of(options)).randint(25, 120)


@lru_cache(maxsize=1)
def goods() -> tuple[Goods, ...]:
    """All products of the data files, in their order."""
    rows = [row for name in FILES for row in _read(name)["product"]]
    return tuple(Goods(**row) for row in rows)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def seed_categories() -> dict[str, Category]:
    """The tree by slug, renewed from the file."""
    found: dict[str, Category] = {}
    for position, row in enumerate(_read("categories")["category"], start=1):
        fields = {"name": row["name"], "description": row.get("text", ""), "position": position, "is_active": True}
        parent = found[row["parent"]] if "parent" in row else None
        found[row["slug"]], _ = Category.objects.update_or_create(
            slug=row["slug"], defaults={**fields, "parent": parent}
        )
    return found


def seed_products(categories: dict[str, Category], *, now: datetime) -> list[Product]:
    """Products and variants, renewed from the files; what is new was published between 70 and 190 days ago."""
    found = []
    for number, each in enumerate(goods()):
        fields = {
            "name": each.name,
            "description": each.text,
            "brand": each.brand,
            "category": categories[each.category],
            "attributes": each.attributes,
            "status": Product.Status.DRAFT if each.draft else Product.Status.ACTIVE,
            "is_featured": each.featured,
        }
        # Not in the order of the files: "newest first" shall mix the categories.
        published_at = None if each.draft else now - timedelta(days=70 + number * 37 % 120, minutes=number)
        product, _ = Product.objects.update_or_create(
            slug=each.slug, defaults=fields, create_defaults={**fields, "slug": each.slug, "published_at": published_at}
        )
        _variants(product, each)
        found.append(product)
    return found


def _variants(product: Product, each: Goods) -> None:
    for position, options in enumerate(each.variants(), start=1):
        extra = sum((Decimal(each.more.get(value, "0")) for value in options.values()), Decimal(0))
        fields = {
            "product": product,
            "name": ", ".join(options.values()),
            "options": options,
            "price": Decimal(each.price) + extra,
            "compare_at_price": Decimal(each.was) + extra if each.was else None,
            "weight_grams": each.grams,
            "position": position,
            "archived_at": None,
        }
        ProductVariant.objects.update_or_create(sku=each.sku_of(options), defaults=fields)


def seed_stock() -> None:
    """An opening delivery for each variant that has never been in a warehouse."""
    first, second = Warehouse.objects.order_by("priority")[:2]
    known = set(StockLevel.objects.values_list("variant__sku", flat=True))
    ids = dict(ProductVariant.objects.values_list("sku", "id"))
    for each in goods():
        for options in each.variants():
            sku, units = each.sku_of(options), each.units_of(options)
            if sku in known:
                continue
            here = round(units * FIRST_SHARE) if units >= SPLIT_FROM else units
            for warehouse, quantity in ((first, here), (second, units - here)):
                if quantity:
                    stock.receive(
                        variant_id=ids[sku], warehouse_id=warehouse.pk, quantity=quantity, reason="Opening stock"
                    )
            if not units:
                StockLevel.objects.create(variant_id=ids[sku], warehouse=first)


def store_pictures() -> int:
    """Draw and store the pictures that are not in the storage yet; returns how many were drawn. No database needed."""
    subjects = [pictures.Subject(each.slug, number, each.category) for each in goods() for number in (0, 1)]
    missing = [subject for subject in subjects if not default_storage.exists(_path(subject.slug, subject.number))]
    for subject, (picture, thumbnail) in pictures.draw_all(missing):
        # The picture last: it tells that both are there.
        for name, content in (
            (_thumbnail_path(subject.slug, subject.number), thumbnail),
            (_path(subject.slug, subject.number), picture),
        ):
            default_storage.delete(name)
            default_storage.save(name, ContentFile(content))
    return len(missing)


def seed_images(products: list[Product]) -> None:
    """Rows for the stored pictures, for products that have none."""
    bare = [product for product in products if not product.images.exists()]
    ProductImage.objects.bulk_create(
        ProductImage(
            product=product,
            image=_path(product.slug, number),
            thumbnail=_thumbnail_path(product.slug, number),
            width=pictures.SIZE,
            height=pictures.SIZE,
            alt=product.name if number == 0 else f"{product.name}, close up",
            position=number,
        )
        for product in bare
        for number in (0, 1)
    )


def _path(slug: str, number: int) -> str:
    return f"products/demo/{slug}-{number + 1}.webp"


def _thumbnail_path(slug: str, number: int) -> str:
    return f"products/demo/{slug}-{number + 1}-small.webp"
