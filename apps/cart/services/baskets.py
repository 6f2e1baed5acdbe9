"""Filling a cart: add, set, remove, save for later, clear, describe. Every change locks the cart first."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart, CartItem
from apps.cart.services import contents, holds, limits, outside_questions, shipping, vat_numbers
from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.models import new_id
from apps.products.models import Product, ProductVariant, available_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


LINE_OPTIONS = ("note", "gift_wrap", "gift_message")


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a variant to put into a cart; what of `options` is given (note, gift_wrap, gift_message) is set."""

    sku: str
    quantity: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def add_item(
    owner: Owner, *, sku: str, quantity: int, currency: str | None = None, options: Mapping[str, Any] | None = None
) -> tuple[contents.Basket, UUID]:
    """Put units of a variant in; units already there add up. A cart that it makes is in
    `currency`. Returns the basket and the line's id.

    Raises Invalid (does_not_exist, min_value, max_value), VariantUnavailable, CartFull or InsufficientStock.
    """
    basket, items = _put_in(owner, [Wanted(sku, quantity, options or {})], currency, pointer="")
    return basket, items[0]


@transaction.atomic
def add_items(owner: Owner, *, wanted: Sequence[Wanted], currency: str | None = None) -> contents.Basket:
    """Put several variants in, all of them or none; as many statements as for one. Raises like `add_item`."""
    return _put_in(owner, wanted, currency, pointer="/items/{}")[0]


def _put_in(
    owner: Owner, wanted: Sequence[Wanted], currency: str | None, *, pointer: str
) -> tuple[contents.Basket, list[UUID]]:
    variants = _sellable([each.sku for each in wanted], pointer=pointer)
    cart, is_new = locked_or_new(owner, currency)
    lines = {} if is_new else {item.variant_id: item for item in cart.items.wanted()}
    changed = [_add(lines, cart, variants[each.sku], each) for each in wanted]
    if len(lines) > settings.CART_MAX_LINES:
        raise CartFull
    limits.check(cart, [(line, line.variant, pointer.format(number)) for number, line in enumerate(changed)])
    _store(changed)
    holds.renew(cart)
    basket = contents.load_basket(cart) if is_new else touched(cart)
    return _acknowledged(basket, {line.pk for line in changed}), [line.pk for line in changed]


def _add(lines: dict[UUID, CartItem], cart: Cart, variant: ProductVariant, wanted: Wanted) -> CartItem:
    line = lines.get(variant.pk)
    if line is None:
        line = lines[variant.pk] = CartItem(cart=cart, quantity=0)
    line.variant, line.unit_price = variant, variant.price
    line.quantity += wanted.quantity
    for name, value in wanted.options.items():
        setattr(line, name, value)
    return line


def _store(lines: Iterable[CartItem]) -> None:
    now = timezone.now()
    rows = {line.pk: line for line in lines}
    for line in rows.values():
        line.updated_at = now
    CartItem.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["cart", "variant", "is_saved"],
        update_fields=["quantity", "unit_price", *LINE_OPTIONS, "updated_at"],
    )


@transaction.atomic
def set_line(
    owner: Owner, *, item_id: UUID, quantity: int, options: Mapping[str, Any] | None = None
) -> contents.Basket:
    """Set a line's quantity and options, and take note of its present price. Raises NotFound or as `add_item`."""
    cart = locked(owner)
    item = cart.items.wanted().filter(id=item_id).select_related("variant").first()
    if item is None:
        raise NotFound
    variant = _sellable([item.variant.sku], pointer="")[item.variant.sku]
    more = quantity > item.quantity
    for name, value in (options or {}).items():
        setattr(item, name, value)
    item.quantity, item.unit_price = quantity, variant.price
    limits.check(cart, [(item, variant, "")], with_stock=more)
    item.save(update_fields=["quantity", "unit_price", *LINE_OPTIONS, "updated_at"])
    (holds.renew if more else holds.try_to_renew)(cart)
    return _acknowledged(touched(cart), {item.pk})


@transaction.atomic
def remove_item(owner: Owner, *, item_id: UUID) -> contents.Basket:
    """Take a line out, or off those saved for later. Raises NotFound."""
    cart = locked(owner)
    deleted, _ = cart.items.filter(id=item_id).delete()
    if not deleted:
        raise NotFound
    holds.try_to_renew(cart)
    return touched(cart)


@transaction.atomic
def save_for_later(owner: Owner, *, item_id: UUID) -> contents.Basket:
    """Put a line aside: it is shown, not priced nor ordered. Repeatable. Raises NotFound, or CartFull of saved ones."""
    cart = locked(owner)
    lines = {item.pk: item for item in cart.items.all()}
    item = _line(lines, item_id)
    if not item.is_saved:
        if sum(each.is_saved for each in lines.values()) >= settings.CART_MAX_LINES:
            raise CartFull(f"At most {settings.CART_MAX_LINES} lines can be saved for later.")
        _move(item, lines.values(), is_saved=True)
        holds.try_to_renew(cart)
    return touched(cart)


@transaction.atomic
def move_to_cart(owner: Owner, *, item_id: UUID) -> contents.Basket:
    """Bring a saved line back, at today's price; units in the cart add up. Repeatable. Raises like `add_item`."""
    cart = locked(owner)
    lines = {item.pk: item for item in cart.items.select_related("variant")}
    item = _line(lines, item_id)
    if not item.is_saved:
        return touched(cart)
    if sum(not each.is_saved for each in lines.values()) >= settings.CART_MAX_LINES:
        raise CartFull
    variant = _sellable([item.variant.sku], pointer="")[item.variant.sku]
    moved = _move(item, lines.values(), is_saved=False)
    limits.check(cart, [(moved, variant, "")])
    holds.renew(cart)
    return _acknowledged(touched(cart), {moved.pk})


def _line(lines: Mapping[UUID, CartItem], item_id: UUID) -> CartItem:
    if item_id not in lines:
        raise NotFound
    return lines[item_id]


def _move(item: CartItem, lines: Iterable[CartItem], *, is_saved: bool) -> CartItem:
    """To the other side; onto its twin there, if the variant has one."""
    twin = next((each for each in lines if each.variant_id == item.variant_id and each.is_saved == is_saved), None)
    if twin is None:
        item.is_saved = is_saved
        item.save(update_fields=["is_saved", "updated_at"])
        return item
    item.delete()
    twin.quantity = min(twin.quantity + item.quantity, settings.CART_MAX_QUANTITY)
    twin.save(update_fields=["quantity", "updated_at"])
    return twin


@transaction.atomic
def clear(owner: Owner) -> contents.Basket:
    """Empty the cart, but for what is saved for later; repeatable, also when there is none."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        return view(owner)
    cart.items.wanted().delete()
    holds.drop(cart)
    return touched(cart)


# Choices that decide together whether a method serves.
_OF_SHIPPING = frozenset({"shipping_address", "shipping_method", "pickup_store"})


def describe(
    owner: Owner, *, changes: Mapping[str, Any], precondition: Callable[[contents.Basket], None] | None = None
) -> contents.Basket:
    """Note e-mail, addresses, shipping method, store, VAT number or a message; totals follow.

    Raises ShippingUnavailable, or Invalid for a VAT number or a store. Services outside are asked before the cart is
    locked; `precondition` is called with the basket as it is, under the lock.
    """
    wanted = dict(changes)
    if wanted.get("vat_number"):
        wanted["vat_number"], wanted["vat_number_check"] = vat_numbers.checked(wanted["vat_number"])
    elif "vat_number" in wanted:
        wanted["vat_number_check"] = ""
    outside_questions.ask_ahead(Cart.objects.open_for(user_id=owner.user_id, token=owner.token), wanted)
    if "marketing_consent" in wanted:
        wanted["marketing_consent_at"] = timezone.now() if wanted.pop("marketing_consent") else None
    return _described(owner, wanted, precondition)


@transaction.atomic
def _described(
    owner: Owner, wanted: dict[str, Any], precondition: Callable[[contents.Basket], None] | None
) -> contents.Basket:
    if precondition is not None:
        # Locked first: what is compared is what is changed.
        Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
        precondition(view(owner))
    cart, _ = locked_or_new(owner)
    choose_store(cart, wanted)
    if "email" in wanted and wanted["email"].lower() != cart.email.lower():
        # Whoever agreed did so for the address of then.
        wanted.setdefault("marketing_consent_at", None)
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


def exists(token: UUID) -> bool:
    """Whether a guest cart of this token was ever made."""
    return Cart.objects.filter(token=token, user=None).exists()


def locked(owner: Owner) -> Cart:
    """The owner's open cart, locked. Raises NotFound."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        raise NotFound
    return cart


def locked_or_new(owner: Owner, currency: str | None = None) -> tuple[Cart, bool]:
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


def touched(cart: Cart) -> contents.Basket:
    """The basket of a cart whose lines were just changed, which is noted."""
    Cart.objects.filter(pk=cart.pk).update(updated_at=timezone.now())
    return contents.load_basket(cart)


def _sellable(skus: Collection[str], *, pointer: str) -> dict[str, ProductVariant]:
    """The variants with their products and `available` units. Raises Invalid (does_not_exist), VariantUnavailable."""
    rows = ProductVariant.objects.filter(sku__in=skus).select_related("product").annotate(available=available_of("pk"))
    found: dict[str, ProductVariant] = {row.sku: row for row in rows.order_by("pk")}
    unknown = [
        FieldError("does_not_exist", "There is no such SKU.", f"{pointer.format(number)}/sku")
        for number, sku in enumerate(skus)
        if sku not in found or found[sku].product.status == Product.Status.DRAFT
    ]
    if unknown:
        raise Invalid(errors=unknown)
    gone = [row for row in found.values() if row.archived_at or row.product.status != Product.Status.ACTIVE]
    if gone:
        raise VariantUnavailable(extra={"items": [{"sku": row.sku} for row in gone]})
    return found
