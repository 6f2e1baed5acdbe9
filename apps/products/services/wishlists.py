"""Wanted products. Adding adds and never toggles: a retry must not undo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from apps.common.errors import NotFound
from apps.common.money import Money
from apps.products.models import Product, Wishlist, WishlistItem
from apps.products.services import shown_prices
from apps.products.services.shown_prices import Showing

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apps.users.models import User


@transaction.atomic
def add(*, user: "User", product_slug: str) -> tuple[WishlistItem, bool]:
    """Put a product on the customer's list; returns its item and whether it is new. Raises NotFound."""
    product = Product.objects.filter(slug=product_slug, status=Product.Status.ACTIVE).first()
    if product is None:
        raise NotFound
    # Both inserts are safe against a twin: the unique indexes let one through.
    Wishlist.objects.bulk_create([Wishlist(user=user)], ignore_conflicts=True)
    wishlist = Wishlist.objects.get(user=user, is_default=True)
    item = WishlistItem(wishlist=wishlist, product=product, price_when_added=product.price, currency=product.currency)
    own_id = item.pk
    # The update locks a row that is there, so that no removal takes it away before it is read.
    WishlistItem.objects.bulk_create(
        [item], update_conflicts=True, unique_fields=["wishlist", "product"], update_fields=["updated_at"]
    )
    stored = WishlistItem.objects.select_related("product").get(wishlist=wishlist, product=product)
    return stored, stored.pk == own_id


@dataclass(frozen=True, slots=True)
class PricedWish:
    """A wanted product with its price now and then, both in one currency."""

    item: WishlistItem
    price: Money
    price_when_added: Money

    @property
    def price_dropped(self) -> bool:
        """Told by the shop's own prices: a rate that moves is no offer."""
        return bool(self.item.product.price < self.item.price_when_added)


@dataclass(frozen=True, slots=True)
class PricedWishes:
    """Items, priced when a part of them is asked for; a slice in another currency costs one statement more."""

    items: "QuerySet[WishlistItem]"
    wanted: Showing | None

    def count(self) -> int:
        return self.items.count()

    def __getitem__(self, part: slice) -> list[PricedWish]:
        return priced(list(self.items[part]), self.wanted)


def priced(items: Sequence[WishlistItem], wanted: Showing | None) -> list[PricedWish]:
    """Items with their prices in the wanted currency, the shop's own for None."""
    if wanted is None:
        return [
            PricedWish(
                item, Money(item.product.price, item.product.currency), Money(item.price_when_added, item.currency)
            )
            for item in items
        ]
    prices = shown_prices.of_products([item.product_id for item in items], wanted)
    return [
        PricedWish(
            item,
            Money(prices[item.product_id].amount, wanted.currency)
            if item.product_id in prices
            else Money(wanted.converted(item.product.price), wanted.currency),
            Money(wanted.converted(item.price_when_added), wanted.currency),
        )
        for item in items
    ]


def remove(*, user: "User", product_slug: str) -> None:
    """Take a product off the list; repeatable."""
    WishlistItem.objects.filter(wishlist__user=user, product__slug=product_slug).delete()
