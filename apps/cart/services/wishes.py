"""From the wishlist into the cart."""

from typing import TYPE_CHECKING

from django.db import transaction

from apps.cart.services import baskets, contents
from apps.cart.services.baskets import Owner
from apps.common.errors import Invalid, NotFound
from apps.products.models import ProductVariant, WishlistItem
from apps.products.services import wishlists

if TYPE_CHECKING:
    from apps.users.models import User


@transaction.atomic
def move_to_cart(*, user: "User", product_slug: str, sku: str | None, quantity: int) -> contents.Basket:
    """Put a wanted product into the customer's cart and take it off the list.

    Raises NotFound when it is not on the list, Invalid when it has several variants and `sku` names none of them, and
    whatever `baskets.add_item` refuses; then it stays on the list.
    """
    if not WishlistItem.objects.filter(wishlist__user=user, product__slug=product_slug).exists():
        raise NotFound
    variants = ProductVariant.objects.filter(product__slug=product_slug, archived_at=None).order_by("position", "id")
    skus = list(variants.values_list("sku", flat=True))
    if sku is not None and sku not in skus:
        raise Invalid.field("/sku", "does_not_exist", "This product has no such variant.")
    if sku is None and len(skus) > 1:
        raise Invalid.field("/sku", "required", "This product has several variants; say which.")
    if not skus:
        raise baskets.VariantUnavailable
    basket, _ = baskets.add_item(Owner(user_id=user.pk), sku=sku or skus[0], quantity=quantity)
    wishlists.remove(user=user, product_slug=product_slug)
    return basket
