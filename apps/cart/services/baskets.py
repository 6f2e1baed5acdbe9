"""Filling a cart: add, set, remove, clear, describe, merge. Every change locks the cart first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart, CartItem
from apps.cart.services import contents, coupons, holds, shipping, taxes, vat_numbers
from apps.common.errors import Conflict, Invalid, NotFound
from apps.common.models import new_id
from apps.products.models import Product, ProductVariant, available_of
from apps.products.services import stock

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet

    from apps.users.models import User


class VariantUnavailable(Conflict):
    code = "variant_unavailable"
    detail = "This variant is not sold any more."


class CartFull(Conflict):
    code = "cart_full"
    detail = f"A cart holds at most {settings.CART_MAX_LINES} different lines."


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose cart: a customer's, or a guest's by token. Both None: a guest who has no cart yet."""

    user_id: UUID | None = None
    token: UUID | None = None

    @classmethod
    def of(cls, user: "User | AnonymousUser", token: UUID | None) -> "Owner":
        return cls(user_id=user.pk) if user.is_authenticated else cls(token=token)


def view(
    owner: Owner, *, currency: str | None = None, shipping_address: Mapping[str, str] | None = None
) -> contents.Basket:
    """The owner's basket, at its own address or the given one; an empty one, not stored, when there is none."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).first()
    cart = cart or Cart(user_id=owner.user_id, currency=currency or settings.DEFAULT_CURRENCY)
    return contents.load_basket(cart, shipping_address=shipping_address)


@transaction.atomic
def add_item(owner: Owner, *, sku: str, quantity: int, currency: str | None = None) -> tuple[contents.Basket, UUID]:
    """Put units of a variant in; units already there add up. A cart that it makes is in
    `currency`. Returns the basket and the line's id.

    Raises Invalid (does_not_exist, max_value), VariantUnavailable, CartFull or InsufficientStock.
    """
    variant = _sellable(ProductVariant.objects.filter(sku=sku))
    cart, is_new = _locked_or_new(owner, currency)
    present = {} if is_new else {item.variant_id: item for item in cart.items.all()}
    item = present.get(variant.id)
    wanted = quantity + (item.quantity if item else 0)
    if item is None and len(present) >= settings.CART_MAX_LINES:
        raise CartFull
    _check(variant, wanted, cart)
    if item is None:
        item = CartItem(cart=cart, variant=variant)
    item.quantity, item.unit_price = wanted, variant.price
    item.save()
    holds.renew(cart)
    basket = contents.load_basket(cart) if is_new else _touched(cart)
    return _acknowledged(basket, {item.pk}), item.id


@transaction.atomic
def set_quantity(owner: Owner, *, item_id: UUID, quantity: int) -> contents.Basket:
    """Set a line's quantity and take note of its present price. Raises NotFound or as `add_item`."""
    cart = _locked(owner)
    item = cart.items.filter(id=item_id).first()
    if item is None:
        raise NotFound
    variant = _sellable(ProductVariant.objects.filter(pk=item.variant_id))
    more = quantity > item.quantity
    if more:
        _check(variant, quantity, cart)
    item.quantity, item.unit_price = quantity, variant.price
    item.save(update_fields=["quantity", "unit_price", "updated_at"])
    (holds.renew if more else holds.try_to_renew)(cart)
    return _acknowledged(_touched(cart), {item.pk})


@transaction.atomic
def remove_item(owner: Owner, *, item_id: UUID) -> contents.Basket:
    """Take a line out. Raises NotFound."""
    cart = _locked(owner)
    deleted, _ = cart.items.filter(id=item_id).delete()
    if not deleted:
        raise NotFound
    holds.try_to_renew(cart)
    return _touched(cart)


@transaction.atomic
def clear(owner: Owner) -> contents.Basket:
    """Empty the cart; repeatable, also when there is none."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        return view(owner)
    cart.items.all().delete()
    holds.drop(cart)
    return _touched(cart)


# Choices that decide together whether a method serves.
_OF_SHIPPING = frozenset({"shipping_address", "shipping_method", "pickup_store"})


def describe(owner: Owner, *, changes: Mapping[str, Any]) -> contents.Basket:
    """Note e-mail, addresses, shipping method, store, VAT number or a message; totals follow.

    Raises ShippingUnavailable, or Invalid for a VAT number or a store. Services outside are asked before the cart is
    locked.
    """
    wanted = dict(changes)
    if wanted.get("vat_number"):
        wanted["vat_number"], wanted["vat_number_check"] = vat_numbers.checked(wanted["vat_number"])
    elif "vat_number" in wanted:
        wanted["vat_number_check"] = ""
    taxes.ask_ahead(wanted.get("shipping_address"), now=timezone.now())
    return _described(owner, wanted)


@transaction.atomic
def _described(owner: Owner, wanted: dict[str, Any]) -> contents.Basket:
    cart, _ = _locked_or_new(owner)
    choose_store(cart, wanted)
    for name, value in wanted.items():
        setattr(cart, name, value)
    cart.save(update_fields=[*wanted, "updated_at"])
    basket = contents.load_basket(cart)
    if "currency" in wanted:
        basket = _acknowledged(basket, {line.id for line in basket.lines})
    if cart.shipping_method and _OF_SHIPPING & wanted.keys():
        shipping.check_choice(basket.shipping, cart.pickup_store)
    return basket


def choose_store(cart: Cart, wanted: dict[str, Any]) -> None:
    """Turn the slug of a store into the store; another shipping method lets go of the store of the one before."""
    if wanted.get("pickup_store"):
        wanted["pickup_store"] = shipping.store_of(wanted["pickup_store"])
    elif "pickup_store" in wanted or wanted.get("shipping_method", cart.shipping_method) != cart.shipping_method:
        wanted["pickup_store"] = None


@transaction.atomic
def merge(*, user_id: UUID, token: UUID) -> tuple[contents.Basket, list[str]]:
    """Move a guest's cart into the customer's. Returns the basket and the SKUs that could not be taken along.

    Same variant: the larger quantity, capped by stock. Repeatable: a merged cart is empty of consequences.
    """
    guest = Cart.objects.filter(token=token, user=None).lock().first()
    if guest is None or guest.status != Cart.Status.OPEN:
        return view(Owner(user_id=user_id)), []
    mine, _ = _locked_or_new(Owner(user_id=user_id))
    holds.drop(guest)
    holds.drop(mine)
    dropped = _take_over(mine, guest)
    holds.try_to_renew(mine)
    coupons.take_over(mine=mine, other=guest)
    Cart.objects.filter(pk=guest.pk).update(status=Cart.Status.MERGED, updated_at=timezone.now())
    return _touched(mine), dropped


def exists(token: UUID) -> bool:
    """Whether a guest cart of this token was ever made."""
    return Cart.objects.filter(token=token, user=None).exists()


def _take_over(mine: Cart, guest: Cart) -> list[str]:
    own = {item.variant_id: item for item in mine.items.all()}
    others = list(guest.items.select_related("variant__product").order_by("id"))
    left = stock.availability([item.variant_id for item in others])
    dropped = []
    for other in others:
        item = own.get(other.variant_id)
        sold = other.variant.archived_at is None and other.variant.product.status == Product.Status.ACTIVE
        room = item is not None or len(own) < settings.CART_MAX_LINES
        quantity = min(max(other.quantity, item.quantity if item else 0), left[other.variant_id])
        if not sold or not room or quantity < 1:
            dropped.append(other.variant.sku)
            continue
        if item is None:
            item = own[other.variant_id] = CartItem(cart=mine, variant=other.variant, unit_price=other.unit_price)
        item.quantity = quantity
    CartItem.objects.bulk_create(
        own.values(), update_conflicts=True, unique_fields=["cart", "variant"], update_fields=["quantity", "updated_at"]
    )
    return dropped


def _locked(owner: Owner) -> Cart:
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        raise NotFound
    return cart


def _locked_or_new(owner: Owner, currency: str | None = None) -> tuple[Cart, bool]:
    """The owner's open cart, locked, and whether it was made just now."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is not None:
        return cart, False
    currency = currency or settings.DEFAULT_CURRENCY
    if owner.user_id is None:
        return Cart.objects.create(currency=currency), True
    # Two first requests at once: the unique index lets one insert through, both then lock the same row.
    fresh = Cart(id=new_id(), user_id=owner.user_id, currency=currency)
    Cart.objects.bulk_create([fresh], ignore_conflicts=True)
    cart = Cart.objects.open_for(user_id=owner.user_id, token=None).lock().get()
    return cart, cart.pk == fresh.pk


def _acknowledged(basket: contents.Basket, item_ids: Collection[UUID]) -> contents.Basket:
    """The basket, of which the shopper has now seen the present prices of these lines."""
    for line in basket.lines:
        if line.id in item_ids and line.seen_price != line.unit_price:
            CartItem.objects.filter(pk=line.id).update(unit_price=line.unit_price)
    seen = tuple(replace(line, seen_price=line.unit_price) if line.id in item_ids else line for line in basket.lines)
    return replace(basket, lines=seen)


def _touched(cart: Cart) -> contents.Basket:
    Cart.objects.filter(pk=cart.pk).update(updated_at=timezone.now())
    return contents.load_basket(cart)


def _sellable(variants: "QuerySet[ProductVariant]") -> ProductVariant:
    """The variant with its product and `available` units. Raises Invalid (does_not_exist) or VariantUnavailable."""
    variant = variants.select_related("product").annotate(available=available_of("pk")).first()
    if variant is None or variant.product.status == Product.Status.DRAFT:
        raise Invalid.field("/sku", "does_not_exist", "There is no such SKU.")
    if variant.archived_at is not None or variant.product.status != Product.Status.ACTIVE:
        raise VariantUnavailable
    return variant


def _check(variant: ProductVariant, quantity: int, cart: Cart) -> None:
    """Refuse what the shop's limit or the stock forbids; the stock is taken at checkout, not here."""
    if quantity > settings.CART_MAX_QUANTITY:
        raise Invalid.field("/quantity", "max_value", f"At most {settings.CART_MAX_QUANTITY} of one variant.")
    left = max(0, getattr(variant, "available", 0))
    if left >= quantity or holds.are_wanted():  # a hold is refused by the stock itself
        return
    left += holds.units_held(cart, variant.pk)
    if left < quantity:
        raise stock.InsufficientStock(
            f"Only {left} left.", extra={"items": [{"sku": variant.sku, "requested": quantity, "available": left}]}
        )
