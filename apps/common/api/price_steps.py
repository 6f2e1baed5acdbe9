"""How an amount came about, step by step: the same shape in carts, quotes and orders."""

from typing import Any

from rest_framework import serializers

from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import MoneyField, QuerySerializer


class ExplainQuery(QuerySerializer):
    explain = TrueFalseField(required=False, help_text="Also answer the steps that lead to the total.")


class PriceStepOut(serializers.Serializer[Any]):
    """The amounts of the steps that count add up to the total; `amount` is `exact` + `rounding`."""

    kind = serializers.CharField(max_length=20, help_text="base_price, promotion, gift, shipping or tax")
    code = serializers.CharField(
        max_length=140, allow_blank=True, help_text="the price's source; `applied` or why not; the method; the place"
    )
    detail = serializers.CharField(max_length=200)
    line = serializers.UUIDField(allow_null=True)
    amount = MoneyField()
    exact = serializers.CharField(max_length=60)
    rounding = serializers.CharField(max_length=60)
    counts = serializers.BooleanField(help_text="false for a tax that the price contains")
    facts = serializers.DictField(child=serializers.CharField(max_length=200))
