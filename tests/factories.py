"""Rows for tests, valid by default. Stock is received through the ledger, so levels always equal their movements."""

from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone

from apps.cart.models import ShippingMethod, TaxRate, TaxZone
from apps.products.models import (
    Category,
    Product,
    ProductVariant,
    StockLevel,
    StockMovement,
    TaxCategory,
    Warehouse,
)
from apps.users.models import User

PASSWORD = "Correct-horse-7"
ADDRESS = {
    "first_name": "Alice",
    "last_name": "Doe",
    "company": "",
    "line1": "350 Fifth Avenue",
    "line2": "",
    "city": "New York",
    "region": "NY",
    "postal_code": "10118",
    "country": "US",
    "phone": "+12125550123",
}


class UserFactory(factory.django.DjangoModelFactory):
    """A customer with a profile and the password `PASSWORD`."""

    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"user{n}@example.com")
    first_name = "Test"
    last_name = "User"
    email_verified_at = factory.LazyFunction(timezone.now)

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(kwargs.pop("email"), kwargs.pop("password", PASSWORD), **kwargs)


class CategoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence(lambda n: f"Category {n}")
    slug = factory.Sequence(lambda n: f"category-{n}")


class ProductFactory(factory.django.DjangoModelFactory):
    """An active product without variants; see `sellable` for one that can be bought."""

    class Meta:
        model = Product

    name = factory.Sequence(lambda n: f"Product {n}")
    slug = factory.Sequence(lambda n: f"product-{n}")
    category = factory.SubFactory(CategoryFactory)
    status = Product.Status.ACTIVE
    published_at = factory.LazyFunction(timezone.now)
    price = Decimal("19.99")


class VariantFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProductVariant

    product = factory.SubFactory(ProductFactory)
    sku = factory.Sequence(lambda n: f"SKU-{n}")
    price = Decimal("19.99")


class WarehouseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Warehouse
        django_get_or_create = ("code",)

    code = "main"
    name = "Main warehouse"


def receive(variant: ProductVariant, units: int, *, warehouse: Warehouse | None = None) -> StockLevel:
    """Put units on hand, with their ledger row and the product's listing columns."""
    level, _ = StockLevel.objects.get_or_create(variant=variant, warehouse=warehouse or WarehouseFactory())
    if units:
        level.on_hand += units
        level.save()
        StockMovement.objects.create(level=level, kind="receive", quantity=units, on_hand_after=level.on_hand)
        Product.objects.filter(id=variant.product_id).update(in_stock=True)
    return level


def sellable(*, stock: int = 10, price: str = "19.99", **fields: Any) -> ProductVariant:
    """A variant of an active product with stock in the main warehouse."""
    product_fields = {name.removeprefix("product__"): v for name, v in fields.items() if name.startswith("product__")}
    own = {name: v for name, v in fields.items() if not name.startswith("product__")}
    product = own.pop("product", None) or ProductFactory(price=Decimal(price), **product_fields)
    variant = VariantFactory(product=product, price=Decimal(price), **own)
    receive(variant, stock)
    return variant


def shop_rates() -> None:
    """Shipping: standard 5.00, free over 100; express 15.00. Tax: US/NY 8.875 %, DE 19 %."""
    ShippingMethod.objects.create(
        code="standard", name="Standard", price=Decimal("5.00"), free_over=Decimal("100.00"), position=1
    )
    ShippingMethod.objects.create(code="express", name="Express", price=Decimal("15.00"), position=2)
    tax_rate("0.08875", country="US", region="NY", name="NY sales tax")
    tax_rate("0.19", country="DE", name="MwSt")


def tax_rate(rate: str, *, country: str, region: str = "", category: str = "standard", **fields: object) -> TaxRate:
    """A rate of the zone of a country or region; zone and category are made where they are missing."""
    code = "-".join(filter(None, (country, region)))
    zone, _ = TaxZone.objects.get_or_create(
        country=country, region=region, defaults={"code": code.lower(), "name": code}
    )
    kind, _ = TaxCategory.objects.get_or_create(code=category, defaults={"name": category.title()})
    values = {"name": f"{code} tax", "jurisdiction": code} | fields
    return TaxRate.objects.create(zone=zone, category=kind, rate=Decimal(rate), **values)
