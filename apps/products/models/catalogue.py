"""What we sell: categories, products, variants, images.

A product row carries what a list shows (lowest price, stock, rating, thumbnail), so a list reads one table. Services
keep these columns true in the transaction that changes their source (`services/listing.py`).
"""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q
from tree_queries.models import TreeNode

from apps.common.models import AmountField, BaseModel, CurrencyField, default_currency, new_id
from apps.common.money import ZERO
from apps.products.models.taxation import STANDARD


class Category(TreeNode):
    """A node of the category tree. The parent key is the whole structure: nothing can be inconsistent with it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, unique=True)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering: ClassVar = ["position", "name"]
        verbose_name_plural = "categories"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(parent=None) | ~Q(parent=F("id")), name="category_not_its_own_parent")
        ]

    def __str__(self) -> str:
        return self.name


class Product(BaseModel):
    """Something sold, in one or more variants. Never deleted: archived."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        ARCHIVED = "archived"

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True)
    description = models.TextField(blank=True)
    brand = models.CharField(max_length=120, blank=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    attributes = models.JSONField(default=dict, blank=True, help_text="names and values shown to shoppers")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    is_featured = models.BooleanField(default=False)
    tax_category = models.SlugField(max_length=40, default=STANDARD, help_text="code of a tax category")
    published_at = models.DateTimeField(null=True, blank=True)

    # What a list shows; written by services/listing.py alone.
    price = AmountField(default=ZERO, help_text="lowest price of the active variants")
    compare_at_price = AmountField(null=True, blank=True)
    currency = CurrencyField(default=default_currency)
    in_stock = models.BooleanField(default=False)
    thumbnail = models.CharField(max_length=200, blank=True)
    rating = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    review_count = models.PositiveIntegerField(default=0)
    sold_count = models.PositiveIntegerField(default=0)
    keywords = models.TextField(blank=True, help_text="SKUs and category names, for search")

    search_vector = models.GeneratedField(
        expression=(
            SearchVector("name", weight="A", config="english")
            + SearchVector("name", weight="A", config="simple")
            + SearchVector("brand", weight="B", config="simple")
            + SearchVector("keywords", weight="B", config="simple")
            + SearchVector("description", weight="D", config="english")
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering: ClassVar = ["-published_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=Q(rating=None) | Q(rating__gte=1, rating__lte=5), name="product_rating_1_to_5"
            ),
            # The list is ordered by it; a null would also keep the planner from the index.
            models.CheckConstraint(
                condition=~Q(status="active") | ~Q(published_at=None), name="active_product_is_dated"
            ),
        ]
        # Partial: shoppers see active products alone. Each ordering of the public list ends in the id.
        indexes: ClassVar = [
            models.Index(fields=["-published_at", "-id"], name="list_newest", condition=Q(status="active")),
            models.Index(fields=["price", "id"], name="list_price", condition=Q(status="active")),
            models.Index(
                F("rating").desc(nulls_last=True), F("id").desc(), name="list_rating", condition=Q(status="active")
            ),
            models.Index(fields=["-sold_count", "-id"], name="list_popular", condition=Q(status="active")),
            models.Index(fields=["name", "id"], name="list_name", condition=Q(status="active")),
            models.Index(
                fields=["category", "-published_at", "-id"],
                name="list_category",
                condition=Q(status="active"),
            ),
            models.Index(fields=["brand", "-published_at", "-id"], name="list_brand", condition=Q(status="active")),
            models.Index(
                fields=["-published_at"], name="list_featured", condition=Q(status="active", is_featured=True)
            ),
            GinIndex(fields=["search_vector"], name="product_search"),
        ]

    def __str__(self) -> str:
        return self.name


class RetiredSlug(models.Model):
    """A slug a product used to have: old links keep working."""

    slug = models.SlugField(primary_key=True, max_length=220)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="retired_slugs")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


# In the database, so that no way of writing (bulk, import, SQL) leaves the past out.
_KEEP_PRICE = """
IF TG_OP = 'UPDATE' AND (OLD.price, OLD.compare_at_price, OLD.currency)
    IS NOT DISTINCT FROM (NEW.price, NEW.compare_at_price, NEW.currency) THEN
    RETURN NULL;
END IF;
INSERT INTO products_pricehistory (variant_id, minimum_quantity, amount, compare_at, currency, since)
VALUES (NEW.id, 1, NEW.price, NEW.compare_at_price, NEW.currency, now());
RETURN NULL;
"""


class ProductVariant(BaseModel):
    """What is bought: one SKU with its options and price."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="variants")
    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120, blank=True)
    options = models.JSONField(default=dict, blank=True, help_text='such as {"colour": "red", "size": "M"}')
    price = AmountField()
    compare_at_price = AmountField(null=True, blank=True)
    currency = CurrencyField(default=default_currency)
    weight_grams = models.PositiveIntegerField(default=0)
    min_quantity = models.PositiveSmallIntegerField(default=1, help_text="a cart takes at least so many units")
    max_quantity = models.PositiveSmallIntegerField(null=True, blank=True, help_text="at most so many; empty: any")
    position = models.PositiveIntegerField(default=0)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(
                condition=Q(compare_at_price=None) | Q(compare_at_price__gt=F("price")),
                name="compare_at_above_price",
            ),
            models.CheckConstraint(
                condition=Q(min_quantity__gte=1) & (Q(max_quantity=None) | Q(max_quantity__gte=F("min_quantity"))),
                name="variant_quantities_in_order",
            ),
            models.CheckConstraint(condition=Q(sku__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), name="sku_is_plain"),
        ]
        indexes: ClassVar = [models.Index(fields=["product", "position", "id"], name="variants_of_product")]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="price_history_of_variants",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_KEEP_PRICE,
            )
        ]

    def __str__(self) -> str:
        return self.sku


class ProductImage(BaseModel):
    """A picture of a product, re-encoded by us, with a thumbnail."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    image = models.ImageField(upload_to="products/", width_field="width", height_field="height")
    thumbnail = models.CharField(max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    alt = models.CharField(max_length=200, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        indexes: ClassVar = [models.Index(fields=["product", "position", "id"], name="images_of_product")]

    def __str__(self) -> str:
        return self.alt or str(self.id)


class CatalogueVersion(models.Model):
    """One row whose number grows with every change a shopper can see, in its transaction. Caches are keyed by it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_catalogue_version")]

    def __str__(self) -> str:
        return str(self.version)
