"""Thousands of products within seconds, for benchmarks: no pictures, no reviews, but prices, stock and a ledger.

Names hold words of every frequency, as real catalogues do: one of 12 kinds is in every name, a maker in 1 of 40, a
series in 1 of 500. The same number always gives the same product.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from apps.common.models import new_id
from apps.products.models import Category, Product, ProductVariant, StockLevel, StockMovement, Warehouse
from apps.products.services import listing
from scripts.seed.words import KINDS, MATERIALS, QUALITIES, coin

PREFIX = "bulk-"
BATCH = 1000
TEXT = (
    "The {kind} that stays when others go. Made of {material}, finished by hand, with spare parts for ten years."
    " Part of the {series} series."
)


def seed_scale(count: int, *, now: datetime) -> int:
    """Bring the number of bulk products to `count`; returns how many were added."""
    present = Product.objects.filter(slug__startswith=PREFIX).count()
    categories = list(Category.objects.filter(slug__in=KINDS).order_by("slug"))
    warehouse = Warehouse.objects.order_by("priority")[0]
    numbers = range(present, count)
    for start in range(0, len(numbers), BATCH):
        _add(numbers[start : start + BATCH], categories, warehouse, now)
    if numbers:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return len(numbers)


def _add(numbers: range, categories: list[Category], warehouse: Warehouse, now: datetime) -> None:
    products = [_product(number, categories, now) for number in numbers]
    Product.objects.bulk_create(products)
    variants = [
        variant for number, product in zip(numbers, products, strict=True) for variant in _variants(number, product)
    ]
    ProductVariant.objects.bulk_create(variants)
    levels = [
        StockLevel(variant=variant, warehouse=warehouse, on_hand=0 if position % 9 == 4 else 1000)
        for position, variant in enumerate(variants)
    ]
    StockLevel.objects.bulk_create(levels)
    StockMovement.objects.bulk_create(
        StockMovement(
            level=level,
            kind=StockMovement.Kind.RECEIVE,
            quantity=level.on_hand,
            on_hand_after=level.on_hand,
            reason="Opening stock",
        )
        for level in levels
        if level.on_hand
    )
    listing.refresh([product.pk for product in products])


def _product(number: int, categories: list[Category], now: datetime) -> Product:
    rng = random.Random(number)
    category = rng.choice(categories)
    material, kind = rng.choice(MATERIALS), KINDS[category.slug]
    maker, series = coin(number % 40, "maker"), coin(number % 500, "series")
    return Product(
        id=new_id(),
        name=f"{rng.choice(QUALITIES)} {material} {kind} {series} {number:05d}",
        slug=f"{PREFIX}{number:06d}",
        description=TEXT.format(kind=kind.lower(), material=material.lower(), series=series),
        brand=maker,
        category=category,
        attributes={"Material": material, "Series": series},
        status=Product.Status.ACTIVE,
        published_at=now - timedelta(days=200, minutes=number),
        sold_count=int(rng.paretovariate(1.1)),
    )


def _variants(number: int, product: Product) -> list[ProductVariant]:
    rng = random.Random(-number - 1)
    price = Decimal(rng.randint(500, 50_000)) / 100
    return [
        ProductVariant(
            product=product,
            sku=f"BULK-{number:06d}-{size}",
            name=size,
            options={"size": size},
            price=price + 5 * position,
            position=position,
        )
        for position, size in enumerate(("S", "L"), start=1)
    ]
