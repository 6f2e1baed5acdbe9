"""Coupons on a cart: entering one, taking it off, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart, CartCoupon, Coupon, Promotion
from apps.cart.services import contents
from apps.cart.services.promotion_use import refused
from apps.common import ratelimit
from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.money import money_json

if TYPE_CHECKING:
    from apps.cart.services.baskets import Owner

# The coupon works; another offer saves more just now, or shipping is still to be chosen.
BIDING = frozenset(
    {
        "better_offer_in_group",
        "other_offers_are_better",
        "exclusive_offer_is_better",
        "shipping_not_chosen",
        "shipping_is_free",
    }
)
SAME_PROMOTION = "same_promotion"
REASONS: Mapping[str, str] = {
    "not_running": "This offer is not running.",
    "not_started": "This offer has not begun.",
    "ended": "This offer has ended.",
    "code_inactive": "This code is switched off.",
    "code_not_started": "This code can't be used yet.",
    "code_expired": "This code has expired.",
    "code_used": "This code has been used.",
    "usage_limit_reached": "This offer is used up.",
    "customer_limit_reached": "You have used this offer as often as you may.",
    SAME_PROMOTION: "Another code on the cart gives the same offer.",
    "too_many_codes": "The cart holds as many codes as it may.",
    "wrong_currency": "This offer is for another currency.",
    "wrong_channel": "This offer is for another channel.",
    "wrong_country": "This offer is not for the country of the delivery.",
    "wrong_customer_group": "This offer is for certain customers.",
    "not_first_order": "This offer is for a first order.",
    "wrong_time": "This offer does not run at this time.",
    "no_covered_products": "Nothing in the cart is covered by this offer.",
    "minimum_subtotal_not_reached": "The cart is not worth enough for this offer.",
    "minimum_quantity_not_reached": "The cart holds too few units for this offer.",
    "better_offer_in_group": "Another offer saves more.",
    "other_offers_are_better": "Other offers save more.",
    "exclusive_offer_is_better": "Another offer, which can't be combined, saves more.",
    "gift_unavailable": "The gift is out of stock.",
    "shipping_not_chosen": "Choose a shipping method to see what this saves.",
    "shipping_is_free": "Shipping is free already.",
    "saves_nothing": "This offer saves nothing on this cart.",
}


@dataclass(frozen=True, slots=True)
class EnteredCoupon:
    """A coupon on the cart: `reason` is empty when it applies."""

    code: str
    promotion: str
    reason: str

    @property
    def applied(self) -> bool:
        return not self.reason

    @property
    def warning(self) -> str:
        """The code under which the cart warns of it, and a checkout refuses it."""
        return _problem(self).code

    @property
    def detail(self) -> str:
        return REASONS.get(self.reason, "This code does not apply to the cart.")


def entered(basket: contents.Basket) -> list[EnteredCoupon]:
    """What became of each coupon on the cart, in the order in which they were entered."""
    applied = {each.code for each in basket.quote.promotions if each.code}
    reasons = {each.code: each.reason for each in basket.quote.refused if each.code}
    tried = applied | reasons.keys()

    def reason(coupon: Coupon) -> str:
        if coupon.code in applied:
            return ""
        if coupon.code in tried:
            return reasons[coupon.code]
        return SAME_PROMOTION if basket.quote.lines else "no_covered_products"

    return [EnteredCoupon(coupon.code, coupon.promotion.name, reason(coupon)) for coupon in basket.coupons]


def enter(owner: "Owner", *, code: str, caller: str) -> contents.Basket:
    """Put a coupon on the cart. Repeatable. `caller` (account or address) is counted, so that codes can't be guessed.

    A coupon that merely loses to a better offer is taken and shown as such. Raises Throttled, Invalid (coupon_invalid),
    CouponExpired or CouponNotApplicable with the reason; then nothing has changed.
    """
    ratelimit.hit_durably("coupon", caller)
    return _enter(owner, normal(code))


@transaction.atomic
def remove(owner: "Owner", *, code: str) -> contents.Basket:
    """Take a coupon off the cart. Raises NotFound."""
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None or not CartCoupon.objects.filter(cart=cart, coupon__code=normal(code)).delete()[0]:
        raise NotFound
    Cart.objects.filter(pk=cart.pk).update(updated_at=timezone.now())
    return contents.load_basket(cart)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def take_over(*, mine: Cart, other: Cart) -> None:
    """Put another cart's coupons on mine as well; the caller holds both carts' locks."""
    coupons = CartCoupon.objects.filter(cart=other).order_by("id").values_list("coupon_id", flat=True)
    room = settings.CART_MAX_COUPONS - CartCoupon.objects.filter(cart=mine).count()
    CartCoupon.objects.bulk_create(
        [CartCoupon(cart=mine, coupon_id=coupon) for coupon in coupons[: max(0, room)]], ignore_conflicts=True
    )


def normal(code: str) -> str:
    """The one spelling of a code."""
    return code.strip().upper()


def check_placeable(basket: contents.Basket) -> None:
    """Refuse to order while a coupon on the cart does not apply: nobody shall pay more than he was led to expect.

    Raises CouponExpired or CouponNotApplicable with the reason and the total without it.
    """
    for each in entered(basket):
        if each.reason and each.reason not in BIDING | {SAME_PROMOTION}:
            problem = _problem(each)
            problem.extra["total"] = money_json(basket.quote.total, basket.quote.currency)
            raise problem


@transaction.atomic
def _enter(owner: "Owner", code: str) -> contents.Basket:
    coupon = Coupon.objects.select_related("promotion").filter(code=code, is_active=True).first()
    if coupon is None or coupon.promotion.status == Promotion.Status.DRAFT:
        raise _unknown()
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is None:
        raise _problem(EnteredCoupon(coupon.code, coupon.promotion.name, "no_covered_products"))
    _put(cart, coupon)
    basket = contents.load_basket(cart)
    state = next(each for each in entered(basket) if each.code == code)
    # Until there is an address, an offer for a country waits for it.
    waits = state.reason in BIDING or (state.reason == "wrong_country" and not basket.pricing.country)
    if state.reason and not waits:
        raise _problem(state)
    return basket


def _put(cart: Cart, coupon: Coupon) -> None:
    present = set(CartCoupon.objects.filter(cart=cart).values_list("coupon_id", flat=True))
    if coupon.pk in present:
        return
    if len(present) >= settings.CART_MAX_COUPONS:
        raise _problem(EnteredCoupon(coupon.code, coupon.promotion.name, "too_many_codes"))
    CartCoupon.objects.create(cart=cart, coupon=coupon)
    Cart.objects.filter(pk=cart.pk).update(updated_at=timezone.now())


def _problem(coupon: EnteredCoupon) -> Conflict:
    problem = refused(code=coupon.code, name=coupon.promotion, reason=coupon.reason)
    problem.detail = coupon.detail
    return problem


def _unknown() -> Invalid:
    what = "There is no such code."
    return Invalid(what, code="coupon_invalid", errors=[FieldError("coupon_invalid", what, "/code")])
