"""Bodies of quotes."""

from typing import Any

from rest_framework import serializers

from apps.cart.api.serializers.cart import PromotionOut, TaxOut, TotalsOut
from apps.common.api.address import AddressBody
from apps.common.api.price_steps import PriceStepOut
from apps.common.api.serializers import MoneyField, StrictSerializer


class QuoteBody(StrictSerializer):
    """Where to and how; what is not said is taken from the cart. Nothing of it is stored."""

    email = serializers.EmailField(max_length=254, required=False, help_text="for offers that ask who is buying")
    shipping_address = AddressBody(required=False)
    shipping_method = serializers.SlugField(max_length=40, required=False)
    pickup_store = serializers.SlugField(max_length=80, required=False, help_text="slug, with a pick-up method")
    explain = serializers.BooleanField(required=False, default=False, help_text="also answer the steps")


class QuoteItemOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="the cart's line, and the order's later; a gift has one of its own")
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=340)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    unit_price = MoneyField()
    line_total = MoneyField()
    discount = MoneyField()
    tax = MoneyField()
    is_gift = serializers.BooleanField(help_text="added by a promotion at no price")


class HoldOut(serializers.Serializer[Any]):
    expires_at = serializers.DateTimeField()


class QuoteOut(serializers.Serializer[Any]):
    quote = serializers.CharField(max_length=120, help_text="send it along with the order")
    currency = serializers.CharField(max_length=3)
    items = QuoteItemOut(many=True)
    totals = TotalsOut()
    taxes = TaxOut(many=True)
    promotions = PromotionOut(many=True)
    prices_include_tax = serializers.BooleanField()
    tax_exemption = serializers.CharField(max_length=20, allow_null=True, help_text="exempt or reverse_charge")
    shipping_method = serializers.CharField(max_length=40)
    pickup_store = serializers.CharField(max_length=80, allow_null=True, help_text="slug")
    expires_at = serializers.DateTimeField()
    hold = HoldOut(allow_null=True, help_text="until when the stock is kept; null: there is not enough")
    explain = PriceStepOut(many=True, allow_null=True, help_text="with `explain`, else null")
