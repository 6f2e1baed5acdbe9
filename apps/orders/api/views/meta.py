"""What a client must know of the shop before it draws its first form."""

from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.models import Promotion, ShippingMethod
from apps.common import countries, currencies
from apps.common.api.conditional import conditional
from apps.common.api.pagination import MAX_PAGE_SIZE
from apps.common.api.permissions import Anyone
from apps.common.api.views import ApiView
from apps.common.money import exponent
from apps.orders.models import Order

PUBLIC = {"Cache-Control": "public, max-age=300"}
_ENUMS = {
    "order_status": Order.Status,
    "payment_status": Order.PaymentStatus,
    "fulfilment_status": Order.FulfilmentStatus,
    "promotion_kind": Promotion.Kind,
    "shipping_method_kind": ShippingMethod.Kind,
}


class MetaCurrencyOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=3)
    decimal_places = serializers.IntegerField(min_value=0, max_value=4)
    is_default = serializers.BooleanField()


class MetaNameOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=200)


class MetaCountryOut(MetaNameOut):
    regions = MetaNameOut(many=True, help_text="what `region` of an address must be one of; empty: free text or none")


class MetaLimitsOut(serializers.Serializer[Any]):
    cart_lines = serializers.IntegerField(min_value=1, max_value=100_000)
    cart_quantity = serializers.IntegerField(min_value=1, max_value=999, help_text="units of one variant")
    cart_coupons = serializers.IntegerField(min_value=1, max_value=1000)
    page_size = serializers.IntegerField(min_value=1, max_value=1000)


class MetaOut(serializers.Serializer[Any]):
    currencies = MetaCurrencyOut(many=True)
    languages = MetaNameOut(many=True)
    countries = MetaCountryOut(many=True)
    channels = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50)
    prices_include_tax = serializers.BooleanField()
    limits = MetaLimitsOut()
    enums = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=40), max_length=50),
        help_text="values by name; tolerate new ones",
    )


class Meta(ApiView):
    permission_classes = [Anyone]
    conditional_read = True

    @extend_schema(
        operation_id="meta_retrieve",
        summary="Read what the shop works with",
        description="Currencies, languages, countries with their regions, channels, limits and lists of values. It"
        " changes with the shop's settings alone: keep it, and ask again with `If-None-Match`.",
        tags=["Stores"],
        responses=MetaOut,
    )
    def get(self, request: Request) -> Response:
        return conditional(request, _meta(), headers=PUBLIC)


def _meta() -> dict[str, Any]:
    return {
        "currencies": [
            {
                "code": code,
                "decimal_places": -int(exponent(code).as_tuple().exponent),
                "is_default": code == settings.DEFAULT_CURRENCY,
            }
            for code in sorted(currencies.rules())
        ],
        "languages": _named(settings.LANGUAGES),
        "countries": _countries(),
        "channels": list(settings.CHANNELS),
        "prices_include_tax": settings.PRICES_INCLUDE_TAX,
        "limits": {
            "cart_lines": settings.CART_MAX_LINES,
            "cart_quantity": settings.CART_MAX_QUANTITY,
            "cart_coupons": settings.CART_MAX_COUPONS,
            "page_size": MAX_PAGE_SIZE,
        },
        "enums": {name: list(choices.values) for name, choices in _ENUMS.items()},
    }


@cache
def _countries() -> list[dict[str, Any]]:
    return [
        {"code": code, "name": name, "regions": _named(countries.regions(code))}
        for code, name in countries.names().items()
    ]


def _named(pairs: Any) -> list[dict[str, str]]:
    return [{"code": str(code), "name": str(name)} for code, name in pairs]
