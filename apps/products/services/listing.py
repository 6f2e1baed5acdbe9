"""The columns a product list shows, kept true by whoever changes their source, in the same transaction.

Everything a shopper can see ends in `bump_version`: caches are keyed by that number, so a write is visible at once.
Call these last in a transaction: they lock the product rows and the version row (docs/locking.md).
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.products.models import CatalogueVersion, Product
from apps.products.models.stock import SELLABLE

_REFRESH = f"""
UPDATE products_product AS p SET
    price = COALESCE(v.price, p.price),
    compare_at_price = v.compare_at_price,
    in_stock = COALESCE(v.in_stock, FALSE),
    thumbnail = COALESCE(i.thumbnail, ''),
    rating = r.rating,
    review_count = COALESCE(r.reviews, 0),
    keywords = CONCAT_WS(' ', v.skus, c.names)
FROM products_product AS own
LEFT JOIN LATERAL (
    SELECT MIN(variant.price) AS price,
           (ARRAY_AGG(variant.compare_at_price ORDER BY variant.price, variant.position))[1] AS compare_at_price,
           BOOL_OR(COALESCE(s.available, 0) > 0) AS in_stock,
           -- A SKU is searched by its parts: the parser would read "-0001" as a number.
           STRING_AGG(REGEXP_REPLACE(variant.sku, '[^A-Za-z0-9]+', ' ', 'g'), ' ') AS skus
    FROM products_productvariant AS variant
    LEFT JOIN LATERAL (
        SELECT SUM({SELLABLE}) AS available
        FROM products_stocklevel AS level
        JOIN products_warehouse AS warehouse ON warehouse.id = level.warehouse_id AND warehouse.is_active
        WHERE level.variant_id = variant.id
    ) AS s ON TRUE
    WHERE variant.product_id = own.id AND variant.archived_at IS NULL
) AS v ON TRUE
LEFT JOIN LATERAL (
    SELECT COALESCE(NULLIF(image.thumbnail, ''), image.image) AS thumbnail
    FROM products_productimage AS image WHERE image.product_id = own.id
    ORDER BY image.position, image.id LIMIT 1
) AS i ON TRUE
LEFT JOIN LATERAL (
    SELECT ROUND(AVG(review.rating), 2) AS rating, COUNT(*) AS reviews
    FROM products_review AS review WHERE review.product_id = own.id AND review.status = 'approved'
) AS r ON TRUE
LEFT JOIN LATERAL (
    WITH RECURSIVE up AS (
        SELECT id, parent_id, name FROM products_category WHERE id = own.category_id
        UNION ALL
        SELECT parent.id, parent.parent_id, parent.name
        FROM products_category AS parent JOIN up ON parent.id = up.parent_id
    ) SELECT STRING_AGG(up.name, ' ') AS names FROM up
) AS c ON TRUE
WHERE p.id = own.id AND own.id = ANY(%s)
"""  # noqa: S608 - constants


def refresh(product_ids: Collection[UUID]) -> None:
    """Recompute the listing columns of these products from variants, stock, images, reviews; bumps the version."""
    if not product_ids:
        return
    ids = sorted(product_ids)
    # Rows are locked in key order before the UPDATE, whose own order is the planner's choice.
    list(Product.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id").values_list("id"))
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, [timezone.now(), ids])
    bump_version()


def count_sales(units_by_product: Mapping[UUID, int]) -> None:
    """Add sold units to the products' popularity. Not a visible change by itself, so the version stays."""
    ids = sorted(units_by_product)
    list(Product.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id").values_list("id"))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE products_product AS p SET sold_count = p.sold_count + sold.units"
            " FROM unnest(%s::uuid[], %s::int[]) AS sold (id, units) WHERE p.id = sold.id",
            [ids, [units_by_product[product_id] for product_id in ids]],
        )


def bump_version() -> None:
    """Make every cached catalogue answer stale, when and if this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            # Begins at the time, so that a database made anew never meets answers cached for its predecessor.
            "INSERT INTO products_catalogueversion AS v (id, version)"
            " VALUES (1, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint)"
            " ON CONFLICT (id) DO UPDATE SET version = v.version + 1"
        )


def current_version() -> int:
    """The number that keys catalogue caches; one statement."""
    version = CatalogueVersion.objects.values_list("version", flat=True).first()
    return version or 1
