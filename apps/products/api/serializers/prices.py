"""Exchange rates, price lists and prices at a time, as staff read and set them."""

from typing import Any

from babel.core import get_global
from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.pagination import CursorQuery, PageQuery
from apps.common.api.serializers import MoneyField, QuerySerializer, StrictSerializer
from apps.common.money import money_json, optional_money_json
from apps.products.models import ExchangeRate, Price, PriceList
from apps.products.services.price_history import PastPrice
from apps.products.services.price_lists import MAX_TIER, PriceRow

_CODE = "^[A-Z]{3}$"


class CurrencyCodeField(serializers.RegexField):
    """A code that ISO 4217 knows."""

    default_error_messages = {"invalid_choice": "ISO 4217 does not know this currency."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_CODE, max_length=3, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        code: str = super().to_internal_value(data)
        self.run_validators(code)
        if code not in get_global("all_currencies"):
            self.fail("invalid_choice")
        return code


class RateQuery(CursorQuery):
    base = serializers.RegexField(_CODE, max_length=3, required=False, help_text="One unit of this currency,")
    quote = serializers.RegexField(_CODE, max_length=3, required=False, help_text="in units of this one.")


class RateBody(StrictSerializer):
    base = CurrencyCodeField()
    quote = CurrencyCodeField()
    rate = serializers.RegexField(
        r"^\d{1,9}(\.\d{1,12})?$", max_length=22, help_text="units of `quote` for one of `base`"
    )
    date = serializers.DateField()
    source = LineField(max_length=40, default="staff")  # type: ignore[assignment]


class RateOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    base = serializers.CharField(max_length=3)
    quote = serializers.CharField(max_length=3)
    rate = serializers.CharField(max_length=30)
    date = serializers.DateField()
    source = serializers.CharField(max_length=40)  # type: ignore[assignment]


class PriceListFields(StrictSerializer):
    name = LineField(max_length=120)
    currency = CurrencyCodeField()
    group = LineField(
        max_length=150, required=False, allow_null=True, help_text="name of a customer group; null: for everybody"
    )
    priority = serializers.IntegerField(min_value=-1000, max_value=1000, required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)


class PriceListCreateBody(PriceListFields):
    code = serializers.RegexField("^[a-z0-9][a-z0-9-]*$", max_length=40)


class PriceListChangeBody(PriceListFields):
    name = LineField(max_length=120, required=False)
    currency = CurrencyCodeField(required=False)


class PriceListOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=120)
    currency = serializers.CharField(max_length=3)
    group = serializers.CharField(max_length=150, allow_null=True)
    priority = serializers.IntegerField(min_value=-32768, max_value=32767)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    is_active = serializers.BooleanField()


class ListPriceQuery(PageQuery):
    sku = serializers.CharField(max_length=64, required=False, help_text="Only this SKU.")


class ListPriceOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    minimum_quantity = serializers.IntegerField(min_value=1, max_value=MAX_TIER)
    amount = MoneyField()
    compare_at = MoneyField(allow_null=True)


class ListPriceBody(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    minimum_quantity = serializers.IntegerField(min_value=1, max_value=MAX_TIER, default=1)
    amount = MoneyField(allow_null=True, help_text="null takes the price off the list")
    compare_at = MoneyField(required=False, allow_null=True)


class ListPricesBody(StrictSerializer):
    prices = serializers.ListField(child=ListPriceBody(), min_length=1, max_length=100)


class PriceAtQuery(QuerySerializer):
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the shop's own.")
    as_of = serializers.DateTimeField(required=False, help_text="Default: now. A time to come tells what is planned.")
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_TIER, default=1, help_text="Units bought at once.")
    group = serializers.CharField(max_length=150, required=False, help_text="Of this customer group.")


class OfferedPriceOut(serializers.Serializer[Any]):
    price_list = serializers.CharField(max_length=40)
    priority = serializers.IntegerField(min_value=-32768, max_value=32767)
    minimum_quantity = serializers.IntegerField(min_value=1, max_value=MAX_TIER)
    amount = MoneyField()


class PriceAtOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    currency = serializers.CharField(max_length=3)
    as_of = serializers.DateTimeField()
    price = MoneyField(allow_null=True, help_text="null: no variant yet, or no rate to convert by")
    compare_at_price = MoneyField(allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=80, allow_null=True, help_text="list_price, price_list:<code> or converted:<rate>@<date>"
    )
    offered = OfferedPriceOut(many=True, help_text="what the lists of that time ask")


def present_rate(rate: ExchangeRate) -> dict[str, Any]:
    plain = {name: getattr(rate, name) for name in ("id", "base", "quote", "date", "source")}
    return plain | {"rate": f"{rate.rate.normalize():f}"}


def present_price_list(row: PriceList) -> dict[str, Any]:
    plain = ("code", "name", "currency", "priority", "starts_at", "ends_at", "is_active")
    return {name: getattr(row, name) for name in plain} | {"group": row.group.name if row.group is not None else None}


def present_list_price(row: Price) -> dict[str, Any]:
    currency = row.price_list.currency
    return {
        "sku": row.variant.sku,
        "minimum_quantity": row.minimum_quantity,
        "amount": money_json(row.amount, currency),
        "compare_at": optional_money_json(row.compare_at, currency),
    }


def present_past(past: PastPrice) -> dict[str, Any]:
    price = past.price
    return {
        "sku": past.sku,
        "currency": past.currency,
        "as_of": past.at,
        "price": money_json(price.amount, past.currency) if price else None,
        "compare_at_price": optional_money_json(price.compare_at, past.currency) if price else None,
        "source": price.source if price else None,
        "offered": [
            {
                "price_list": each.code,
                "priority": each.priority,
                "minimum_quantity": each.minimum_quantity,
                "amount": money_json(each.amount, past.currency),
            }
            for each in past.offered
        ],
    }


def rows_of(body: dict[str, Any]) -> list[PriceRow]:
    """The rows of a body. Amounts must be of the list's currency, which the service checks."""
    return [
        PriceRow(
            sku=each["sku"],
            minimum_quantity=each["minimum_quantity"],
            amount=each["amount"],
            compare_at=each.get("compare_at"),
        )
        for each in body["prices"]
    ]
