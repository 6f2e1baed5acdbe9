"""Quotes: a price and its stock, promised for QUOTE_MINUTES, and what became of one when it is to be ordered.

The client holds a signed token; the row keeps what was quoted, without addresses. A quote binds the shop until it runs
out in so far as an order on other terms is refused with the difference (`apps/orders/services/checkout.py`); it does
not freeze prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart, CartQuote
from apps.cart.pricing import comparison
from apps.cart.pricing.comparison import Change, Known
from apps.cart.services import contents, holds, outside_questions, shipping
from apps.cart.services.baskets import Owner, VariantUnavailable
from apps.cart.services.checkout_details import CheckoutDetails, complete_for_quote
from apps.cart.services.checkout_options import CartEmpty
from apps.common.errors import Conflict, Invalid, Problem
from apps.common.housekeeping import delete_in_batches
from apps.common.money import Money
from apps.products.services import stock

if TYPE_CHECKING:
    from apps.cart.services.contents import Basket

_SIGNER: Final = Signer(salt="cart.quote", sep=".")
# So long after its end a quote can still be compared with what is ordered.
KEPT_AFTER_EXPIRY: Final = timedelta(hours=1)
UNKNOWN_QUOTE: Final = "This is no quote of this cart."


class QuoteExpired(Conflict):
    code = "quote_expired"
    detail = "The quote has run out."


class PriceChanged(Conflict):
    code = "price_changed"
    detail = "The price differs from the one you expected."


class QuantityNotAllowed(Conflict):
    code = "quantity_not_allowed"
    detail = "Of a variant the cart holds fewer or more units than may be ordered."


@dataclass(frozen=True, slots=True)
class Made:
    """A quote, what it was made of, and until when its stock is held (None: there is not enough)."""

    row: CartQuote
    basket: "Basket"
    held_until: datetime | None

    @property
    def token(self) -> str:
        return _SIGNER.sign(self.row.pk.hex)


def make(owner: Owner, details: CheckoutDetails) -> Made:
    """Quote the owner's cart with these details, and hold its stock.

    Raises CartEmpty, VariantUnavailable, ShippingUnavailable, Invalid (a detail is missing) or InsufficientStock; then
    nothing has changed. Services outside are asked before the cart is locked.
    """
    carts = Cart.objects.open_for(user_id=owner.user_id, token=owner.token)
    outside_questions.ask_ahead(carts, details.of_shipping)
    return _make(owner, details, must_hold=True)


def make_again(owner: Owner, details: CheckoutDetails) -> Made | None:
    """A fresh quote for a shopper whose order was just refused, holding the stock if it can.

    None when the cart can't be ordered at all as it is.
    """
    try:
        return _make(owner, details, must_hold=False)
    except Problem:
        return None


@transaction.atomic
def _make(owner: Owner, details: CheckoutDetails, *, must_hold: bool) -> Made:
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        raise CartEmpty
    complete_for_quote(cart, details)
    basket = contents.load_settled(cart)
    check_orderable(basket)
    expires_at = timezone.now() + timedelta(minutes=settings.QUOTE_MINUTES)
    held_until = _hold(basket, expires_at, must_hold=must_hold)
    row = CartQuote.objects.create(
        cart=cart,
        currency=basket.quote.currency,
        total=basket.quote.total,
        snapshot=comparison.snapshot(basket.pricing, basket.quote),
        expires_at=expires_at,
    )
    return Made(row, basket, held_until)


def _hold(basket: "Basket", expires_at: datetime, *, must_hold: bool) -> datetime | None:
    try:
        # A savepoint: the shortage is caught, and what the cart held before must stay.
        with transaction.atomic():
            holds.hold_quoted(
                basket.cart,
                lines=[stock.StockLine(line.variant, line.quantity) for line in basket.quote.lines],
                expires_at=expires_at,
                destination=contents.stock_destination(basket.cart),
            )
    except stock.InsufficientStock as shortage:
        if must_hold:
            raise with_shortage(basket, shortage) from None
        return None
    return expires_at


def check_orderable(basket: "Basket") -> None:
    """Raises CartEmpty, VariantUnavailable, QuantityNotAllowed or ShippingUnavailable, with a diff of what is wrong."""
    if not basket.lines:
        raise CartEmpty
    gone = [line for line in basket.lines if not line.sellable]
    if gone:
        rows = [Change(str(line.id), "quantity", str(line.quantity), None, "variant_unavailable") for line in gone]
        raise VariantUnavailable(extra={"items": [{"sku": line.sku} for line in gone], "diff": as_json(rows)})
    _check_quantities(basket)
    try:
        shipping.check_choice(basket.shipping, basket.cart.pickup_store)
    except shipping.ShippingUnavailable as refusal:
        method = basket.cart.shipping_method
        refusal.extra["diff"] = as_json([Change(None, "shipping_method", method, None, "shipping_unavailable")])
        raise


def _check_quantities(basket: "Basket") -> None:
    """The limits may be newer than the lines."""
    wrong = [line for line in basket.lines if not line.quantity_allowed]
    if wrong:
        rows = [
            Change(str(line.id), "quantity", str(line.quantity), str(line.nearest_quantity), "quantity_not_allowed")
            for line in wrong
        ]
        raise QuantityNotAllowed(extra={"items": [{"sku": line.sku} for line in wrong], "diff": as_json(rows)})


def with_shortage(basket: "Basket", shortage: stock.InsufficientStock) -> stock.InsufficientStock:
    """The same refusal with a diff row for each line that is short."""
    left = {each["sku"]: each["available"] for each in shortage.extra["items"]}
    rows = [
        Change(str(line.key), "quantity", str(line.quantity), str(left[line.sku]), "insufficient_stock")
        for line in basket.quote.lines
        if line.sku in left
    ]
    shortage.extra["diff"] = as_json(rows)
    return shortage


def check_quote(basket: "Basket", token: str) -> None:
    """Refuse unless the quote still holds for the locked cart as it was just priced.

    Raises Invalid (does_not_exist), QuoteExpired or PriceChanged with every difference.
    """
    row = _row(token, basket.cart)
    rows = differences(row, basket) if row is not None else []
    extra = {"diff": as_json(rows), "total": Money(basket.quote.total, basket.quote.currency).as_json()}
    if row is None or row.expires_at <= timezone.now():
        raise QuoteExpired(extra=extra)
    if rows:
        raise PriceChanged(extra={**extra, "expected_total": Money(row.total, row.currency).as_json()})


def check_total(basket: "Basket", expected: Money) -> None:
    """Refuse another total than the expected one. Raises PriceChanged with what is known of the difference."""
    total = Money(basket.quote.total, basket.quote.currency)
    if expected == total:
        return
    seen = [line for line in basket.lines if line.seen_price != line.unit_price]
    currency = basket.quote.currency
    rows = [
        Change(
            str(line.id),
            "unit_price",
            Money(line.seen_price, currency).as_json()["amount"],
            Money(line.unit_price, currency).as_json()["amount"],
            "price_changed",
        )
        for line in seen
    ]
    if expected.currency != currency:
        rows = [Change(None, "currency", expected.currency, currency, "currency_changed")]
    cause: comparison.Cause = "consequence" if rows else "price_changed"
    whole = Change(None, "total", expected.as_json()["amount"], total.as_json()["amount"], cause)
    extra = {"expected_total": expected.as_json(), "total": total.as_json(), "diff": as_json([*rows, whole])}
    raise PriceChanged(extra=extra)


def differences(row: CartQuote, basket: "Basket") -> list[Change]:
    """What of a quote does not hold for the basket."""
    known = Known(
        unavailable=frozenset(str(line.id) for line in basket.lines if not line.sellable),
        refused={str(each.key): each.reason for each in basket.quote.refused},
    )
    return comparison.compare(row.snapshot, comparison.snapshot(basket.pricing, basket.quote), known)


def as_json(rows: Sequence[Change]) -> list[dict[str, str | None]]:
    """A problem document's `diff`."""
    return [row.as_json() for row in rows]


def delete_expired() -> int:
    """Delete quotes that ran out an hour ago; returns how many. Repeatable."""
    return delete_in_batches(CartQuote.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER_EXPIRY))


def _row(token: str, cart: Cart) -> CartQuote | None:
    """The quote of a token; None when it is ours and has been deleted. Raises Invalid for any other."""
    try:
        key = UUID(hex=_SIGNER.unsign(token))
    except (BadSignature, ValueError):
        raise Invalid.field("/quote", "does_not_exist", UNKNOWN_QUOTE) from None
    row = CartQuote.objects.filter(pk=key).first()
    if row is not None and row.cart_id != cart.pk:
        raise Invalid.field("/quote", "does_not_exist", UNKNOWN_QUOTE)
    return row
