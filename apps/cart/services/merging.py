"""When a guest signs in: the guest's cart goes into the customer's, as the shop wants it (CART_MERGE)."""

from collections.abc import Callable, Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart, CartItem
from apps.cart.services import contents, coupons, holds, limits
from apps.cart.services.baskets import LINE_OPTIONS, Owner, locked_or_new, touched, view
from apps.products.models import Product
from apps.products.services import stock

# Units of a variant that both carts hold: mine and the guest's.
STRATEGIES: Mapping[str, Callable[[int, int], int]] = {
    "max": max,
    "sum": lambda mine, guest: mine + guest,
    "guest": lambda mine, guest: guest,
    "customer": lambda mine, guest: mine,
}


@transaction.atomic
def merge(*, user_id: UUID, token: UUID) -> tuple[contents.Basket, list[str]]:
    """Move a guest's cart into the customer's. Returns the basket and the SKUs that could not be taken along.

    What only one of them holds is in the result; of what both hold as many as CART_MERGE says, capped by stock and by
    the limits. Saved lines and coupons come along. Repeatable: a merged cart is empty of consequences.
    """
    guest = Cart.objects.filter(token=token, user=None).lock().first()
    if guest is None or guest.status != Cart.Status.OPEN:
        return view(Owner(user_id=user_id)), []
    mine, _ = locked_or_new(Owner(user_id=user_id))
    holds.drop(guest)
    holds.drop(mine)
    dropped = _take_over(mine, guest)
    _take_over_saved(mine, guest)
    holds.try_to_renew(mine)
    coupons.take_over(mine=mine, other=guest)
    Cart.objects.filter(pk=guest.pk).update(status=Cart.Status.MERGED, updated_at=timezone.now())
    return touched(mine), dropped


def _take_over(mine: Cart, guest: Cart) -> list[str]:
    own = {item.variant_id: item for item in mine.items.wanted()}
    others = list(guest.items.wanted().select_related("variant__product").order_by("id"))
    left = stock.availability([item.variant_id for item in others])
    dropped = [other.variant.sku for other in others if not _take(own, other, mine, left[other.variant_id])]
    CartItem.objects.bulk_create(
        own.values(),
        update_conflicts=True,
        unique_fields=["cart", "variant", "is_saved"],
        update_fields=["quantity", "updated_at"],
    )
    return dropped


def _take(own: dict[UUID, CartItem], other: CartItem, mine: Cart, left: int) -> bool:
    """Put the guest's line among mine; whether it could be."""
    variant, item = other.variant, own.get(other.variant_id)
    is_sold = variant.archived_at is None and variant.product.status == Product.Status.ACTIVE
    if not is_sold or (item is None and len(own) >= settings.CART_MAX_LINES):
        return False
    wanted = STRATEGIES[settings.CART_MERGE](item.quantity, other.quantity) if item is not None else other.quantity
    quantity = min(wanted, left, limits.most(variant))
    if quantity < variant.min_quantity:
        return False
    if item is None:
        item = own[variant.pk] = CartItem(cart=mine, variant=variant, unit_price=other.unit_price)
        for name in LINE_OPTIONS:
            setattr(item, name, getattr(other, name))
    item.quantity = quantity
    return True


def _take_over_saved(mine: Cart, guest: Cart) -> None:
    present = set(mine.items.filter(is_saved=True).values_list("variant_id", flat=True))
    saved = guest.items.filter(is_saved=True).exclude(variant__in=present).order_by("id").values_list("pk", flat=True)
    room = max(0, settings.CART_MAX_LINES - len(present))
    CartItem.objects.filter(pk__in=list(saved[:room])).update(cart=mine, updated_at=timezone.now())
