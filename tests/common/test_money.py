"""Money: rounded by one rule, shown in one form."""

from decimal import Decimal

import pytest

from apps.common.models import AmountField
from apps.common.money import (
    Money,
    exponent,
    format_money,
    from_minor,
    money_json,
    optional_money_json,
    round_money,
    to_minor,
)


@pytest.mark.parametrize(("currency", "unit"), [("USD", "0.01"), ("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001")])
def test_each_currency_has_its_smallest_unit(currency, unit):
    assert exponent(currency) == Decimal(unit)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "USD", "0.01"),
        ("0.0049", "USD", "0.00"),
        ("2.675", "USD", "2.68"),
        ("-0.005", "USD", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("0.0005", "KWD", "0.001"),
        ("99999999999999.9999", "USD", "100000000000000.00"),
    ],
)
def test_halves_round_away_from_zero(amount, currency, rounded):
    result = round_money(Decimal(amount), currency)
    assert (result, str(result)) == (Decimal(rounded), rounded)


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("19.99", "USD", 1999), ("0", "USD", 0), ("500", "JPY", 500), ("1.234", "KWD", 1234), ("-5.00", "USD", -500)],
)
def test_minor_units_go_both_ways(amount, currency, units):
    assert to_minor(Decimal(amount), currency) == units
    assert from_minor(units, currency) == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "USD"), ("0.5", "JPY")])
def test_an_amount_finer_than_its_currency_has_no_minor_units(amount, currency):
    with pytest.raises(ValueError, match="finer than the smallest unit"):
        to_minor(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("5", "USD", "5.00"), ("5.0000", "USD", "5.00"), ("1E+3", "USD", "1000.00"), ("500.0000", "JPY", "500")],
)
def test_an_amount_is_shown_with_its_currencys_own_digits(amount, currency, shown):
    expected = {"amount": shown, "currency": currency}
    assert money_json(Decimal(amount), currency) == Money(Decimal(amount), currency).as_json() == expected


def test_no_amount_is_null():
    assert optional_money_json(None, "USD") is None
    assert optional_money_json(Decimal(1), "USD") == {"amount": "1.00", "currency": "USD"}


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("1299", "USD", "$1,299.00"), ("-5", "EUR", "-\u20ac5.00"), ("500", "JPY", "\u00a5500")],
)
def test_text_for_people(amount, currency, text):
    assert format_money(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("79.0000", "79.00"), ("1.2340", "1.234"), ("0.0000", "0.00"), ("1200.0000", "1200.00"), ("0.5000", "0.50")],
)
def test_a_form_shows_an_amount_without_idle_decimals(stored, shown):
    assert AmountField().formfield().prepare_value(Decimal(stored)) == shown


def test_a_form_shows_again_what_was_typed():
    assert AmountField().formfield().prepare_value("12,5") == "12,5"
