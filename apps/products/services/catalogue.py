"""Staff's changes of products and variants. Each ends in `listing`, so that shoppers see it at once.

Locks are taken in the order category, stock levels, product, variant, version (docs/locking.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record
from apps.common.money import Money
from apps.products.models import STANDARD, Category, Product, ProductVariant, RetiredSlug, StockLevel, TaxCategory
from apps.products.services import listing
from apps.products.services.slugs import insert_with_slug, refuse_reserved, refuse_reserved_sku, unique_keys

Status = Product.Status


class InvalidTransition(Conflict):
    code = "invalid_transition"
    detail = "The product's state forbids this."


class HasStock(Conflict):
    code = "has_stock"
    detail = "There is stock left."


def accept(row: object) -> None:
    """The precondition that always holds."""


def product_id_of(slug: str) -> UUID:
    """The key of the product that has this slug now. Raises NotFound."""
    found = Product.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None:
        raise NotFound
    return found


def variant_id_of(*, slug: str, sku: str) -> UUID:
    """The key of a product's variant that is still sold. Raises NotFound."""
    rows = ProductVariant.objects.filter(product__slug=slug, sku=sku, archived_at=None)
    found = rows.values_list("id", flat=True).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def create_product(
    *,
    actor: Actor | None,
    name: str,
    category: str,
    slug: str | None = None,
    description: str = "",
    brand: str = "",
    attributes: Mapping[str, str] | None = None,
    is_featured: bool = False,
    tax_category: str = STANDARD,
    variants: Sequence[Mapping[str, Any]] = (),
) -> Product:
    """A new draft in the category of this slug, with `variants` as `add_variant` takes them.

    Raises Invalid: taken or reserved slug, unknown category or tax category, or what is wrong with a variant
    (`/variants/0/sku`).
    """
    product = Product(
        name=name,
        category=_locked_category(category),
        description=description,
        brand=brand,
        attributes=dict(attributes or {}),
        is_featured=is_featured,
        tax_category=_known_tax_category(tax_category),
    )

    def insert(free_slug: str) -> None:
        product.slug = free_slug
        product.save(force_insert=True)

    insert_with_slug(slug=slug, name=name, kind="product", longest=220, insert=insert)
    RetiredSlug.objects.filter(slug=product.slug).delete()
    record("product.created", target=product, actor=actor, data={"fields": ["name", "slug", "category"]})
    for number, fields in enumerate(variants):
        with _within(f"/variants/{number}"):
            _insert_variant(product, actor=actor, **{"position": number} | dict(fields))
    return _shown(product)


@transaction.atomic
def change_product(
    *,
    product_id: UUID,
    changes: Mapping[str, Any],
    actor: Actor | None,
    precondition: Callable[[Product], None] = accept,
) -> Product:
    """Change, publish, withdraw or rename. `changes`: columns by name, with the slug of a category as `category`.

    `precondition` sees the locked row and may raise. Raises NotFound, Invalid for a slug, category or tax category, and
    InvalidTransition when a product without a variant is to be published.
    """
    wanted = dict(changes)
    if "category" in wanted:
        wanted["category"] = _locked_category(wanted["category"])
    if "tax_category" in wanted:
        _known_tax_category(wanted["tax_category"])
    product = _locked_product(product_id)
    precondition(product)
    fields = sorted(name for name, value in wanted.items() if getattr(product, name) != value)
    if not fields:
        return product
    if "slug" in fields:
        _rename(product, wanted["slug"])
    if "status" in fields:
        _move(product, wanted["status"])
    for name in fields:
        setattr(product, name, wanted[name])
    with unique_keys():
        product.save()
    archived = "status" in fields and product.status == Status.ARCHIVED
    record("product.archived" if archived else "product.changed", target=product, actor=actor, data={"fields": fields})
    return _shown(product)


def archive_product(
    *, product_id: UUID, actor: Actor | None, precondition: Callable[[Product], None] = accept
) -> Product:
    """Take a product off the shelves for good; orders keep it. Repeatable."""
    return change_product(
        product_id=product_id, changes={"status": Status.ARCHIVED}, actor=actor, precondition=precondition
    )


@transaction.atomic
def add_variant(
    *,
    product_id: UUID,
    actor: Actor | None,
    sku: str,
    price: Money,
    name: str = "",
    options: Mapping[str, str] | None = None,
    compare_at_price: Money | None = None,
    weight_grams: int = 0,
    min_quantity: int = 1,
    max_quantity: int | None = None,
    position: int | None = None,
) -> ProductVariant:
    """A new variant, last unless a position is given.

    Raises NotFound, Invalid: taken SKU, wrong currency or prices, a most of units below the least.
    """
    product = _locked_product(product_id)
    variant = _insert_variant(
        product,
        actor=actor,
        price=price,
        compare_at_price=compare_at_price,
        sku=sku,
        name=name,
        options=dict(options or {}),
        weight_grams=weight_grams,
        min_quantity=min_quantity,
        max_quantity=max_quantity,
        position=product.variants.count() if position is None else position,
    )
    listing.refresh([product.pk])
    return variant


@transaction.atomic
def change_variant(
    *,
    variant_id: UUID,
    changes: Mapping[str, Any],
    actor: Actor | None,
    precondition: Callable[[ProductVariant], None] = accept,
) -> ProductVariant:
    """Change a variant that is still sold; prices are `Money`. Raises NotFound, Invalid like `add_variant`."""
    refuse_reserved_sku(changes.get("sku", ""))
    variant = _locked_variant(variant_id)
    precondition(variant)
    before = {name: getattr(variant, name) for name in changes}
    prices = {name: changes[name] for name in ("price", "compare_at_price") if name in changes}
    for name in changes.keys() - prices.keys():
        setattr(variant, name, changes[name])
    _set_prices(variant, prices)
    _check_quantities(variant)
    fields = sorted(name for name, value in before.items() if getattr(variant, name) != value)
    if not fields:
        return variant
    with unique_keys():
        variant.save()
    record("variant.changed", target=variant, actor=actor, data={"sku": variant.sku, "fields": fields})
    listing.refresh([variant.product_id])
    return variant


@transaction.atomic
def archive_variant(
    *, variant_id: UUID, actor: Actor | None, precondition: Callable[[ProductVariant], None] = accept
) -> None:
    """Stop selling a variant. Raises NotFound, HasStock, and InvalidTransition for a published product's last one."""
    levels = StockLevel.objects.filter(variant_id=variant_id)
    list(levels.order_by("pk").select_for_update().values_list("pk"))
    variant = _locked_variant(variant_id)
    precondition(variant)
    # Asked again under the product's lock: a delivery that made the first level has been waited for.
    if levels.filter(Q(on_hand__gt=0) | Q(reserved__gt=0)).exists():
        raise HasStock
    others = ProductVariant.objects.filter(product_id=variant.product_id, archived_at=None).exclude(pk=variant.pk)
    if variant.product.status == Status.ACTIVE and not others.exists():
        raise InvalidTransition("A published product keeps one variant. Withdraw or archive the product.")
    variant.archived_at = timezone.now()
    variant.save(update_fields=["archived_at", "updated_at"])
    record("variant.archived", target=variant, actor=actor, data={"sku": variant.sku, "fields": ["archived_at"]})
    listing.refresh([variant.product_id])


def _known_tax_category(code: str) -> str:
    if code != STANDARD and not TaxCategory.objects.filter(code=code).exists():
        raise Invalid.field("/tax_category", "does_not_exist", "There is no such tax category.")
    return code


def _locked_category(slug: str) -> Category:
    # Locked, because the foreign key is only checked at the commit, when it is too late for a good answer.
    category: Category | None = Category.objects.select_for_update(of=("self",), no_key=True).filter(slug=slug).first()
    if category is None:
        raise Invalid.field("/category", "does_not_exist", "There is no such category.")
    return category


def _locked_product(product_id: UUID) -> Product:
    product = Product.objects.select_for_update(of=("self",), no_key=True).filter(pk=product_id).first()
    if product is None:
        raise NotFound
    return product


def _locked_variant(variant_id: UUID) -> ProductVariant:
    product_id = ProductVariant.objects.filter(pk=variant_id).values_list("product_id", flat=True).first()
    if product_id is None:
        raise NotFound
    product = _locked_product(product_id)
    rows = ProductVariant.objects.select_for_update(of=("self",), no_key=True)
    variant = rows.filter(pk=variant_id, archived_at=None).first()
    if variant is None:
        raise NotFound
    variant.product = product
    return variant


def _rename(product: Product, slug: str) -> None:
    """Old links keep working; a slug that is in use again is nobody's old one."""
    refuse_reserved(slug)
    RetiredSlug.objects.bulk_create(
        [RetiredSlug(slug=product.slug, product=product)],
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=["product"],
    )
    RetiredSlug.objects.filter(slug=slug).delete()


def _move(product: Product, status: str) -> None:
    if status != Status.ACTIVE:
        return
    if not product.variants.filter(archived_at=None).exists():
        raise InvalidTransition(
            "A product needs a variant before it is published.",
            extra={"allowed": [each.value for each in Status if each not in (Status.ACTIVE, product.status)]},
        )
    product.published_at = product.published_at or timezone.now()


def _insert_variant(
    product: Product,
    *,
    actor: Actor | None,
    price: Money,
    compare_at_price: Money | None = None,
    **columns: Any,
) -> ProductVariant:
    refuse_reserved_sku(columns["sku"])
    variant = ProductVariant(product=product, currency=product.currency, **columns)
    _set_prices(variant, {"price": price, "compare_at_price": compare_at_price})
    _check_quantities(variant)
    with unique_keys():
        variant.save(force_insert=True)
    record("variant.created", target=variant, actor=actor, data={"sku": variant.sku, "fields": ["sku", "price"]})
    return variant


@contextmanager
def _within(pointer: str) -> Iterator[None]:
    """What is wrong with a part of the body is named by its place in the whole."""
    try:
        yield
    except Invalid as error:
        errors = [FieldError(each.code, each.detail, pointer=f"{pointer}{each.pointer}") for each in error.errors]
        raise Invalid(errors=errors) from None


def _set_prices(variant: ProductVariant, prices: Mapping[str, Money | None]) -> None:
    for name, price in prices.items():
        if price is not None and price.currency != variant.currency:
            raise Invalid.field(f"/{name}", "unsupported_currency", f"This product is priced in {variant.currency}.")
        setattr(variant, name, price.amount if price is not None else None)
    if not isinstance(variant.price, Decimal) or variant.price < 0:
        raise Invalid.field("/price", "min_value", "A price is not negative.")
    if variant.compare_at_price is not None and variant.compare_at_price <= variant.price:
        raise Invalid.field("/compare_at_price", "min_value", "This must be above the price.")


def _check_quantities(variant: ProductVariant) -> None:
    if variant.max_quantity is not None and variant.max_quantity < variant.min_quantity:
        raise Invalid.field("/max_quantity", "min_value", "The most units of a cart can't be fewer than the least.")


def _shown(product: Product) -> Product:
    """The product as stored, after the listing columns were recomputed."""
    listing.refresh([product.pk])
    product.refresh_from_db()
    return product
