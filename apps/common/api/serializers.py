"""Serializers that take bodies literally: unknown fields and wrong JSON types are refused, money is an object."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.settings import api_settings

from apps.common.currencies import is_supported
from apps.common.money import MAX_AMOUNT, Money, exponent

_DECIMAL = re.compile(r"-?\d{1,14}(\.\d{1,4})?", re.ASCII)

_STRING_FIELDS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.UUIDField,
    serializers.DateTimeField,
    serializers.DateField,
    serializers.DecimalField,
)


def _has_right_type(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    if value is None:
        return True
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(field, serializers.FloatField):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(field, serializers.MultipleChoiceField | serializers.ListField | serializers.ListSerializer):
        return isinstance(value, list)
    if isinstance(field, serializers.BaseSerializer):
        return isinstance(value, dict)
    if isinstance(field, _STRING_FIELDS):
        return isinstance(value, str)
    return True


class StrictSerializer(serializers.Serializer[Any]):
    """Base of every request body: refuses fields it does not know and values of another JSON type."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            whole = serializers.ErrorDetail("Expected an object.", code="wrong_type")
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [whole]})
        writable = {name: field for name, field in self.fields.items() if not field.read_only}
        errors: dict[str, Any] = {
            str(name): [serializers.ErrorDetail("This field is not known.", code="unknown_field")]
            for name in data
            if name not in writable
        }
        for name, field in writable.items():
            if name in data and not _has_right_type(field, data[name]):
                errors[name] = [serializers.ErrorDetail("This has the wrong JSON type.", code="wrong_type")]
        if errors:
            raise serializers.ValidationError(errors)
        return super().to_internal_value(data)


class QuerySerializer(serializers.Serializer[Any]):
    """Base of a list's query parameters; each is parsed from one string. See `apps.common.api.query`."""


@extend_schema_field({"$ref": "#/components/schemas/Money"})
class MoneyField(serializers.Field[Money, Any, dict[str, str], Any]):
    """`{"amount": "19.99", "currency": "USD"}` in and out; the value is a `Money`."""

    default_error_messages = {
        "wrong_type": "Expected an object with `amount` (a decimal string) and `currency`.",
        "unknown_field": "Only `amount` and `currency` are known.",
        "unsupported_currency": "This currency is not supported.",
        "invalid": 'Expected a decimal string such as "19.99".',
        "too_precise": "This has more decimal places than the currency.",
        "min_value": "This must not be negative.",
        "max_value": "This is too large.",
    }

    def to_internal_value(self, data: Any) -> Money:
        if not isinstance(data, dict) or not all(isinstance(data.get(k), str) for k in ("amount", "currency")):
            self.fail("wrong_type")
        if set(data) - {"amount", "currency"}:
            self.fail("unknown_field")
        if not is_supported(data["currency"]):
            self.fail("unsupported_currency")
        return Money(self._amount(data["amount"], data["currency"]), data["currency"])

    def _amount(self, text: str, currency: str) -> Decimal:
        if not _DECIMAL.fullmatch(text):
            self.fail("invalid")
        amount = Decimal(text)
        if amount < 0:
            self.fail("min_value")
        if amount > MAX_AMOUNT:
            self.fail("max_value")
        if amount != amount.quantize(exponent(currency)):
            self.fail("too_precise")
        return abs(amount)  # "-0" would be shown as -0.00

    def to_representation(self, value: Any) -> Any:
        return value.as_json() if isinstance(value, Money) else value
