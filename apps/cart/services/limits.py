"""How much a cart may hold: of a variant by its own limits and the shop's, and by what is in stock."""

from collections.abc import Sequence

from django.conf import settings

from apps.cart.models import Cart, CartItem
from apps.cart.services import holds
from apps.common.errors import FieldError, Invalid
from apps.products.models import ProductVariant
from apps.products.services import stock


def most(variant: ProductVariant) -> int:
    """Units of the variant that a cart may hold at most."""
    shop: int = settings.CART_MAX_QUANTITY
    return min(shop, variant.max_quantity or shop)


def check(cart: Cart, lines: Sequence[tuple[CartItem, ProductVariant, str]], *, with_stock: bool = True) -> None:
    """Refuse what the variant, the shop or the stock forbids; the stock is taken at checkout, not here.

    Each line comes with its variant, read with `available` units, and its place in the body. Raises Invalid (min_value,
    max_value) or InsufficientStock, naming every line.
    """
    errors = [error for line, variant, pointer in lines for error in _quantity_errors(line, variant, pointer)]
    if errors:
        raise Invalid(errors=errors)
    if with_stock and not holds.are_wanted():  # a hold is refused by the stock itself
        _check_stock(cart, lines)


def _quantity_errors(line: CartItem, variant: ProductVariant, pointer: str) -> list[FieldError]:
    where = f"{pointer}/quantity"
    if line.quantity > most(variant):
        return [FieldError("max_value", f"At most {most(variant)} of this variant.", where)]
    if line.quantity < variant.min_quantity:
        return [FieldError("min_value", f"At least {variant.min_quantity} of this variant.", where)]
    return []


def _check_stock(cart: Cart, lines: Sequence[tuple[CartItem, ProductVariant, str]]) -> None:
    short = {}
    for line, variant, _ in lines:
        left = max(0, getattr(variant, "available", 0))
        if left < line.quantity:
            short[variant] = (line.quantity, left)
    if not short:
        return
    own = holds.units_held(cart, [variant.pk for variant in short])
    items = [
        {"sku": variant.sku, "requested": quantity, "available": left + own[variant.pk]}
        for variant, (quantity, left) in short.items()
        if left + own[variant.pk] < quantity
    ]
    if items:
        detail = f"Only {items[0]['available']} left." if len(items) == 1 else None
        raise stock.InsufficientStock(detail, extra={"items": items})
