"""Bodies taken literally, money as an object, query fields, texts."""

from decimal import Decimal
from uuid import uuid4

import pytest
from rest_framework import serializers

from apps.common.api.exceptions import field_errors
from apps.common.api.fields import LineField, PersonNameField
from apps.common.api.query import OrderingField, TrueFalseField
from apps.common.api.renderers import dumps
from apps.common.api.serializers import MAX_AMOUNT, MoneyField, StrictSerializer
from apps.common.money import Money


class Line(StrictSerializer):
    sku = serializers.CharField(max_length=5)
    quantity = serializers.IntegerField(min_value=1, required=False)


class Body(StrictSerializer):
    text = serializers.CharField(max_length=10, required=False)
    number = serializers.IntegerField(required=False)
    ratio = serializers.FloatField(required=False)
    flag = serializers.BooleanField(required=False)
    choice = serializers.ChoiceField(choices=["a", "b"], required=False)
    key = serializers.UUIDField(required=False)
    day = serializers.DateField(required=False)
    decimal = serializers.DecimalField(max_digits=5, decimal_places=2, required=False)
    several = serializers.MultipleChoiceField(choices=["a", "b"], required=False)
    words = serializers.ListField(child=serializers.CharField(max_length=5), max_length=3, required=False)
    line = Line(required=False)
    lines = Line(many=True, required=False)
    anything = serializers.JSONField(required=False)
    shown = serializers.CharField(read_only=True)
    nothing = serializers.CharField(allow_null=True, required=False)


def refusals(data: object, serializer: type[serializers.Serializer] = Body) -> list[tuple[str | None, str]]:
    checked = serializer(data=data)
    assert not checked.is_valid()
    return [(each.pointer, each.code) for each in field_errors(checked.errors)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 0),
        ("text", True),
        ("text", []),
        ("number", "7"),
        ("number", 7.0),
        ("number", True),
        ("ratio", "1.5"),
        ("ratio", False),
        ("flag", 1),
        ("flag", "true"),
        ("choice", 1),
        ("key", 7),
        ("day", 20260101),
        ("decimal", 1.5),
        ("several", "a"),
        ("words", "abc"),
        ("line", []),
        ("lines", {}),
    ],
)
def test_a_value_of_another_json_type_is_refused(name, value):
    assert refusals({name: value}) == [(f"/{name}", "wrong_type")]


@pytest.mark.parametrize(
    "data",
    [
        {"text": "a", "number": 7, "ratio": 1, "flag": False, "choice": "a", "key": str(uuid4()), "day": "2026-01-01"},
        {
            "decimal": "1.50",
            "several": ["a"],
            "words": ["a"],
            "line": {"sku": "a"},
            "lines": [],
            "anything": [{"x": 1}],
        },
        {"nothing": None},
        {},
    ],
)
def test_values_of_the_right_type_are_taken(data):
    assert Body(data=data).is_valid()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"textt": "a"}, [("/textt", "unknown_field")]),
        ({"shown": "a"}, [("/shown", "unknown_field")]),
        ({"a/b~c": 1}, [("/a~1b~0c", "unknown_field")]),
        ({"line": {"sku": "a", "price": 1}}, [("/line/price", "unknown_field")]),
        (
            {"lines": [{"sku": "a"}, {"quantity": 0}]},
            [("/lines/1/sku", "required"), ("/lines/1/quantity", "min_value")],
        ),
        ({"lines": ["a"]}, [("/lines/0", "wrong_type")]),
        ({"words": ["a", "toolong"]}, [("/words/1", "max_length")]),
        ({"text": None}, [("/text", "null")]),
        ({"x": 1, "number": "7"}, [("/x", "unknown_field"), ("/number", "wrong_type")]),
        ([], [("", "wrong_type")]),
        ("text", [("", "wrong_type")]),
    ],
)
def test_each_refusal_names_its_place(data, expected):
    assert refusals(data) == expected


class Priced(StrictSerializer):
    price = MoneyField()


@pytest.mark.parametrize(
    ("price", "error"),
    [
        ("19.99", "wrong_type"),
        (19.99, "wrong_type"),
        ({"amount": 19.99, "currency": "USD"}, "wrong_type"),
        ({"amount": "19.99"}, "wrong_type"),
        ({"amount": "19.99", "currency": None}, "wrong_type"),
        ({"amount": "1", "currency": "USD", "tax": "0"}, "unknown_field"),
        ({"amount": "1", "currency": "usd"}, "unsupported_currency"),
        ({"amount": "1", "currency": "XXX"}, "unsupported_currency"),
        ({"amount": "", "currency": "USD"}, "invalid"),
        ({"amount": "ten", "currency": "USD"}, "invalid"),
        ({"amount": "NaN", "currency": "USD"}, "invalid"),
        ({"amount": "sNaN", "currency": "USD"}, "invalid"),
        ({"amount": "Infinity", "currency": "USD"}, "invalid"),
        ({"amount": "1e3", "currency": "USD"}, "invalid"),
        ({"amount": "1E-99999999", "currency": "USD"}, "invalid"),
        ({"amount": "1_000", "currency": "USD"}, "invalid"),
        ({"amount": " 1.00 ", "currency": "USD"}, "invalid"),
        ({"amount": "+1.00", "currency": "USD"}, "invalid"),
        ({"amount": "\u0661.00", "currency": "USD"}, "invalid"),
        ({"amount": "1.", "currency": "USD"}, "invalid"),
        ({"amount": "0" * 20 + "1", "currency": "USD"}, "invalid"),
        ({"amount": "-0.01", "currency": "USD"}, "min_value"),
        ({"amount": "10000000", "currency": "USD"}, "max_value"),
        ({"amount": "1.005", "currency": "USD"}, "too_precise"),
        ({"amount": "0.0000000000000001", "currency": "USD"}, "invalid"),
    ],
)
@pytest.mark.django_db  # other currencies are looked up
def test_money_that_is_none_is_refused(price, error):
    assert refusals({"price": price}, Priced) == [("/price", error)]


@pytest.mark.parametrize(
    "amount", ["0", "0.00", "19.9", "19.99", "1.9900", str(MAX_AMOUNT.quantize(Decimal("0.01"), "ROUND_DOWN"))]
)
def test_money_is_an_amount_and_its_currency(amount):
    body = Priced(data={"price": {"amount": amount, "currency": "USD"}})
    assert body.is_valid()
    assert body.validated_data["price"] == Money(Decimal(amount), "USD")


def test_minus_nothing_is_nothing():
    body = Priced(data={"price": {"amount": "-0", "currency": "USD"}})
    assert body.is_valid()
    assert body.validated_data["price"].as_json() == {"amount": "0.00", "currency": "USD"}


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_true_and_false_are_spelled_one_way(text, value):
    assert TrueFalseField().run_validation(text) is value


@pytest.mark.parametrize("text", ["True", "1", "yes", "null"])
def test_no_other_spelling_is_true_or_false(text):
    with pytest.raises(serializers.ValidationError):
        TrueFalseField().run_validation(text)


@pytest.mark.parametrize(("text", "keys"), [("price", ["price"]), ("-price,name", ["-price", "name"])])
def test_known_keys_order(text, keys):
    assert OrderingField(keys=("price", "name")).run_validation(text) == keys


@pytest.mark.parametrize("text", ["password", "--price", "price,", "price,name,price", "price name", "-"])
def test_unknown_keys_do_not_order(text):
    with pytest.raises(serializers.ValidationError):
        OrderingField(keys=("price", "name")).run_validation(text)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\u2028b", "a\u202eb", "a\u200bb", "a\x7fb"])
def test_a_line_has_no_characters_that_do_not_show(text):
    with pytest.raises(serializers.ValidationError) as refusal:
        LineField(max_length=10).run_validation(text)
    assert refusal.value.get_codes() == ["control_character"]


def test_a_name_is_a_line_without_links():
    assert PersonNameField(max_length=80).run_validation(" Zo\u00eb \u200d ") == "Zo\u00eb \u200d"
    with pytest.raises(serializers.ValidationError) as refusal:
        PersonNameField(max_length=80).run_validation("shop.example")
    assert refusal.value.get_codes() == ["link"]


def test_json_out_has_one_form():
    assert (
        dumps({"a": Decimal("1.10"), "b": {1}, "c": (1, 2), "d": uuid4().hex[:0]})
        == b'{"a":"1.10","b":[1],"c":[1,2],"d":""}'
    )
    with pytest.raises(TypeError):
        dumps({"a": object()})
