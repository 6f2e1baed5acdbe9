"""Bodies of the cart."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from apps.cart.models import ShippingMethod, VatNumberCheck
from apps.cart.pricing import explanation
from apps.cart.pricing.terms import QuotedLine
from apps.cart.services import coupons
from apps.cart.services.checkout_options import Offers, ShippingOffer
from apps.cart.services.contents import Basket, Line
from apps.cart.services.coupons import EnteredCoupon
from apps.cart.services.line_warnings import Warned, warnings_of
from apps.cart.services.price_documents import promotions_of, taxes_of, totals_of
from apps.common.api.address import AddressBody, AddressOut
from apps.common.api.delivery import DeliveryOut, present_delivery
from apps.common.api.fields import LineField
from apps.common.api.price_steps import PriceStepOut
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.currencies import is_supported
from apps.common.media import media_url
from apps.common.money import money_json, optional_money_json

WARNINGS = {
    "price_changed": "The price has changed since you added this.",
    "insufficient_stock": "There are fewer left than you want.",
    "low_stock": "There are few left.",
    "quantity_not_allowed": "So many units of this can't be ordered.",
    "variant_unavailable": "This is not sold any more.",
    "shipping_unavailable": "The chosen shipping method does not serve this cart any more.",
    "dropped": "This could not be taken along into your cart.",
}


class _LineOptions(StrictSerializer):
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="to the shop")
    gift_wrap = serializers.BooleanField(required=False)
    gift_message = serializers.CharField(max_length=300, required=False, allow_blank=True)


class AddItemBody(_LineOptions):
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=999, default=1)


class AddItemsBody(StrictSerializer):
    items = serializers.ListField(child=AddItemBody(), allow_empty=False, max_length=100)


class CartLineBody(_LineOptions):
    quantity = serializers.IntegerField(min_value=1, max_value=999)


class WishToCartBody(StrictSerializer):
    sku = serializers.CharField(max_length=64, required=False, help_text="of a product with several variants")
    quantity = serializers.IntegerField(min_value=1, max_value=999, default=1)


class CartBody(StrictSerializer):
    """What a shopper may say about the cart; every member is optional."""

    currency = serializers.CharField(max_length=3, required=False, help_text="the lines are priced anew")

    email = serializers.EmailField(max_length=254, required=False)
    shipping_address = AddressBody(required=False, allow_null=True)
    billing_address = AddressBody(required=False, allow_null=True)
    shipping_method = serializers.SlugField(max_length=40, required=False, allow_blank=True)
    pickup_store = serializers.SlugField(
        max_length=80, required=False, allow_blank=True, help_text="slug, with a pick-up method"
    )
    vat_number = LineField(
        max_length=32, required=False, allow_blank=True, help_text="of a business in the European Union"
    )
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)
    channel = serializers.SlugField(max_length=40, required=False, help_text="where the cart comes from")
    marketing_consent = serializers.BooleanField(
        required=False, help_text="a guest's: may be reminded of the cart by mail; another e-mail asks anew"
    )

    def validate_channel(self, value: str) -> str:
        if value not in settings.CHANNELS:
            raise serializers.ValidationError("The shop has no such channel.", code="does_not_exist")
        return value

    def validate_currency(self, value: str) -> str:
        if not is_supported(value):
            raise serializers.ValidationError("The shop does not sell in this currency.", code="unsupported_currency")
        return value


class CouponBody(StrictSerializer):
    code = LineField(max_length=40)


class ShippingRatesBody(StrictSerializer):
    """Where to; without a country the cart's own address."""

    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, required=False)
    region = LineField(max_length=120, required=False, allow_blank=True, default="")
    postal_code = LineField(max_length=20, required=False, allow_blank=True, default="")
    include_unavailable = serializers.BooleanField(required=False, default=False)


class RestoreBody(StrictSerializer):
    token = serializers.CharField(max_length=120)


class UnsubscribedOut(serializers.Serializer[Any]):
    unsubscribed = serializers.BooleanField()


class MergeBody(StrictSerializer):
    token = serializers.UUIDField()


class TotalsOut(serializers.Serializer[Any]):
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    tax = MoneyField()
    total = MoneyField()


class WarningFactsOut(serializers.Serializer[Any]):
    """What the code is about; null where it is not about that."""

    old = MoneyField(allow_null=True, help_text="price_changed")
    new = MoneyField(allow_null=True, help_text="price_changed")
    available = serializers.IntegerField(
        min_value=0, max_value=2147483647, allow_null=True, help_text="insufficient_stock, low_stock"
    )
    minimum = serializers.IntegerField(min_value=1, max_value=999, allow_null=True, help_text="quantity_not_allowed")
    maximum = serializers.IntegerField(
        min_value=1, max_value=999, allow_null=True, help_text="quantity_not_allowed; null: any number"
    )
    reason = serializers.CharField(
        max_length=40, allow_null=True, help_text="coupon_not_applicable, coupon_expired, shipping_unavailable"
    )


class WarningOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    detail = serializers.CharField(max_length=200)
    item = serializers.CharField(
        max_length=64, allow_null=True, help_text="line id, SKU of a dropped line, or a coupon"
    )
    facts = WarningFactsOut()


class CartItemOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=340)
    product = serializers.CharField(max_length=220, help_text="slug")
    options = serializers.DictField(child=serializers.CharField(max_length=200))
    thumbnail = serializers.CharField(max_length=300, allow_null=True)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    unit_price = MoneyField()
    line_total = MoneyField()
    discount = MoneyField()
    note = serializers.CharField(max_length=200)
    gift_wrap = serializers.BooleanField()
    gift_message = serializers.CharField(max_length=300)
    warnings = serializers.ListField(child=serializers.CharField(max_length=40), max_length=10)


class PromotionOut(serializers.Serializer[Any]):
    """A promotion that counts."""

    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    code = serializers.CharField(max_length=40, allow_null=True, help_text="the coupon it came with")
    discount = MoneyField(help_text="off the goods")
    shipping = MoneyField(help_text="off the shipping")


class EnteredCouponOut(serializers.Serializer[Any]):
    """A coupon on the cart; one that does not apply stays there and says why."""

    code = serializers.CharField(max_length=40)
    promotion = serializers.CharField(max_length=120, help_text="name of what it asks for")
    applied = serializers.BooleanField()
    reason = serializers.CharField(max_length=40, allow_null=True, help_text="why not; see docs/promotions.md")


class GiftOut(serializers.Serializer[Any]):
    """What a promotion adds at no price."""

    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=340)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    promotion = serializers.UUIDField()


class TaxOut(serializers.Serializer[Any]):
    """One rate over lines and shipping; `base` is what it was taken of."""

    name = serializers.CharField(max_length=80)
    jurisdiction = serializers.CharField(max_length=130)
    rate = serializers.CharField(max_length=12, help_text="0.19 is 19 %")
    base = MoneyField()
    amount = MoneyField()


class CartOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="null while nothing is stored")
    token = serializers.UUIDField(allow_null=True, help_text="a guest's key; null for customers")
    currency = serializers.CharField(max_length=3)
    email = serializers.CharField(max_length=254)
    shipping_address = AddressOut(allow_null=True)
    billing_address = AddressOut(allow_null=True)
    shipping_method = serializers.CharField(max_length=40, allow_null=True)
    pickup_store = serializers.CharField(max_length=80, allow_null=True, help_text="slug")
    channel = serializers.CharField(max_length=40, help_text="where the cart comes from; offers may ask")
    vat_number = serializers.CharField(max_length=20, allow_null=True)
    vat_number_check = serializers.ChoiceField(choices=VatNumberCheck.choices, allow_null=True)
    tax_exemption = serializers.CharField(max_length=20, allow_null=True, help_text="exempt or reverse_charge")
    note = serializers.CharField(max_length=500)
    marketing_consent = serializers.BooleanField(help_text="a guest's; customers say it in /users/me/preferences/")
    items = CartItemOut(many=True)
    saved = CartItemOut(many=True, help_text="for later: shown, not priced nor ordered")
    item_count = serializers.IntegerField(min_value=0, max_value=100_000)
    promotions = PromotionOut(many=True)
    coupons = EnteredCouponOut(many=True)
    gifts = GiftOut(many=True)
    taxes = TaxOut(many=True)
    prices_include_tax = serializers.BooleanField()
    totals = TotalsOut()
    warnings = WarningOut(many=True)
    explain = PriceStepOut(many=True, allow_null=True, help_text="with `?explain=true`, else null")


class CartTotalsOut(serializers.Serializer[Any]):
    item_count = serializers.IntegerField(min_value=0, max_value=100_000)
    currency = serializers.CharField(max_length=3)
    totals = TotalsOut()


class RateStoreOut(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=120)
    city = serializers.CharField(max_length=120)


class ShippingRateOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(choices=ShippingMethod.Kind.choices)
    price = MoneyField(help_text="for this cart, promotions included")
    free_over = MoneyField(allow_null=True)
    min_days = serializers.IntegerField(min_value=0, max_value=32767, help_text="business days on the way")
    max_days = serializers.IntegerField(min_value=0, max_value=32767)
    delivery = DeliveryOut(help_text="if ordered now; of a pick-up: when it is ready")
    stores = RateStoreOut(many=True, help_text="of a pick-up: where; else empty")


class UnavailableRateOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    reason = serializers.CharField(
        max_length=20, help_text="not_served, too_heavy, item_too_heavy, no_rate or no_store"
    )


class ShippingRatesOut(serializers.Serializer[Any]):
    results = ShippingRateOut(many=True)
    unavailable = UnavailableRateOut(many=True, help_text="with `include_unavailable`, else empty")


def present_gifts(basket: Basket) -> list[dict[str, Any]]:
    names = {gift.variant: gift.name for gift in basket.pricing.gifts}
    return [
        {"sku": line.sku, "name": names[line.variant], "quantity": line.quantity, "promotion": line.gift_of}
        for line in basket.gifts
    ]


def present_cart(basket: Basket, *, dropped: list[str] | None = None, explain: bool = False) -> dict[str, Any]:
    """The whole cart, as every cart call answers it."""
    cart = basket.cart
    stored = not cart._state.adding
    quoted = basket.quoted()
    return {
        "id": cart.id if stored else None,
        "token": cart.token if stored and cart.user_id is None else None,
        "currency": cart.currency,
        "email": cart.email,
        "shipping_address": cart.shipping_address,
        "billing_address": cart.billing_address,
        "shipping_method": cart.shipping_method or None,
        "pickup_store": cart.pickup_store.slug if cart.pickup_store is not None else None,
        "channel": cart.channel,
        "vat_number": cart.vat_number or None,
        "vat_number_check": cart.vat_number_check or None,
        "tax_exemption": basket.quote.exemption or None,
        "note": cart.note,
        "marketing_consent": cart.marketing_consent_at is not None,
        "items": [_present_line(line, quoted, cart.currency) for line in basket.lines],
        "saved": [_present_line(line, quoted, cart.currency) for line in basket.saved],
        "item_count": basket.item_count,
        "promotions": promotions_of(basket.quote),
        "coupons": [_present_coupon(each) for each in coupons.entered(basket)],
        "gifts": present_gifts(basket),
        "taxes": taxes_of(basket.quote),
        "prices_include_tax": basket.quote.prices_include_tax,
        "totals": totals_of(basket.quote),
        "warnings": _warnings(basket, dropped or []),
        "explain": explanation.as_json(basket.quote.steps, cart.currency) if explain else None,
    }


def present_offers(offers: Offers, *, unavailable: bool) -> dict[str, Any]:
    refused = offers.refused if unavailable else ()
    return {
        "results": [_present_offer(offer) for offer in offers.served],
        "unavailable": [
            {"code": option.method.code, "name": option.method.name, "reason": option.reason} for option in refused
        ],
    }


def _present_offer(offer: ShippingOffer) -> dict[str, Any]:
    method = offer.method
    return {
        "code": method.code,
        "name": method.name,
        "kind": method.kind,
        "price": money_json(offer.price, offer.currency),
        "free_over": optional_money_json(offer.free_over, offer.currency),
        "min_days": method.min_days,
        "max_days": method.max_days,
        "delivery": present_delivery(offer.delivery.earliest, offer.delivery.latest),
        "stores": [{"slug": each.slug, "name": each.name, "city": each.city} for each in offer.stores],
    }


def _present_line(line: Line, quoted_lines: Mapping[UUID, QuotedLine], currency: str) -> dict[str, Any]:
    quoted = quoted_lines.get(line.id)
    return {
        "id": line.id,
        "sku": line.sku,
        "name": line.name,
        "product": line.product_slug,
        "options": line.options,
        "thumbnail": media_url(line.thumbnail),
        "quantity": line.quantity,
        "unit_price": money_json(line.unit_price, currency),
        "line_total": money_json(line.unit_price * line.quantity, currency),
        "discount": money_json(quoted.discount if quoted else line.unit_price * 0, currency),
        "note": line.note,
        "gift_wrap": line.gift_wrap,
        "gift_message": line.gift_message,
        "warnings": [each.code for each in warnings_of(line)],
    }


def _present_coupon(coupon: EnteredCoupon) -> dict[str, Any]:
    return {
        "code": coupon.code,
        "promotion": coupon.promotion,
        "applied": coupon.applied,
        "reason": coupon.reason or None,
    }


def _warnings(basket: Basket, dropped: list[str]) -> list[dict[str, Any]]:
    currency = basket.cart.currency
    told = [_present_warning(each, line, currency) for line in basket.lines for each in warnings_of(line)]
    if basket.shipping is not None and basket.shipping.reason:
        told.append(_warning("shipping_unavailable", None, reason=basket.shipping.reason))
    told += [_warning("dropped", sku) for sku in dropped]
    idle = [each for each in coupons.entered(basket) if not each.applied]
    return told + [_warning(each.warning, each.code, reason=each.reason) | {"detail": each.detail} for each in idle]


def _present_warning(warned: Warned, line: Line, currency: str) -> dict[str, Any]:
    return _warning(
        warned.code,
        str(line.id),
        old=optional_money_json(warned.old, currency),
        new=optional_money_json(warned.new, currency),
        available=warned.available,
        minimum=warned.minimum,
        maximum=warned.maximum,
    )


def _warning(code: str, item: str | None, **facts: Any) -> dict[str, Any]:
    none = dict.fromkeys(("old", "new", "available", "minimum", "maximum", "reason"))
    return {"code": code, "detail": WARNINGS.get(code, ""), "item": item, "facts": none | facts}
