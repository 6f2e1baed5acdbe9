"""Stock held while it is in a cart, where the shop wants it so (CART_HOLD_MINUTES)."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.cart.models import Cart, CartItem
from apps.products.models import Product, StockReservation
from apps.products.services import stock


def are_wanted() -> bool:
    """Whether carts hold stock in this shop."""
    return bool(settings.CART_HOLD_MINUTES)


def renew(cart: Cart) -> None:
    """Hold what is in the locked cart, from now on for the shop's time. Raises InsufficientStock."""
    if not are_wanted():
        return
    sold = CartItem.objects.filter(
        cart=cart, variant__archived_at=None, variant__product__status=Product.Status.ACTIVE
    ).values_list("variant_id", "quantity")
    stock.reserve(
        reference=cart.pk,
        lines=[stock.StockLine(variant_id, quantity) for variant_id, quantity in sold],
        expires_at=timezone.now() + timedelta(minutes=settings.CART_HOLD_MINUTES),
        purpose=StockReservation.Purpose.CART,
        replaces=[cart.pk],
    )


def try_to_renew(cart: Cart) -> None:
    """The same where a shopper must not be refused: merging, taking less. What is gone is shown as a warning."""
    try:
        with transaction.atomic():
            renew(cart)
    except stock.InsufficientStock:
        stock.release(reference=cart.pk)


def drop(cart: Cart) -> None:
    """Hold nothing for this cart any more."""
    if are_wanted():
        stock.release(reference=cart.pk)


def of(cart: Cart) -> Counter[UUID]:
    """Units held for the cart by variant: to the cart itself they are available."""
    if not are_wanted():
        return Counter()
    held = StockReservation.objects.filter(
        reference=cart.pk, status=StockReservation.Status.HELD, expires_at__gt=timezone.now()
    )
    rows = held.order_by().values_list(F("level__variant_id")).annotate(units=Sum("quantity"))
    return Counter(dict(rows))
