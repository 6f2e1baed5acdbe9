"""What changed between two prices: nothing is missed, every difference has its cause."""

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from apps.cart.pricing.comparison import Known, compare, snapshot
from apps.cart.pricing.terms import Benefit, Gift, PricingInput, PromotionRule, ShippingRule, TaxRule, TaxRules
from apps.cart.services.pricing import quote
from tests.cart.pricing_steps import NOW, D, line
from tests.cart.test_pricing_properties import inputs

TEN = PromotionRule(uuid.UUID(int=7), "Ten", Benefit("percent", D("10")))
CODE = replace(TEN, code="TEN")
GIFT = Gift(uuid.UUID(int=900), "MUG", "Mug", 5, D("8.00"))
RATE = TaxRules({"standard": (TaxRule("VAT", D("0.19"), "DE"),)}, (TaxRule("VAT", D("0.19"), "DE"),))
BASE = PricingInput(
    currency="USD",
    lines=(line(1, "20.00", 2), line(2, "5.00")),
    now=NOW,
    shipping=ShippingRule("standard", D("5.00")),
    promotions=(TEN,),
    taxes=RATE,
)
FIRST, SECOND = (str(each.key) for each in BASE.lines)


def rows(
    old: PricingInput, new: PricingInput, **known: Any
) -> list[tuple[str | None, str, str | None, str | None, str]]:
    found = compare(snapshot(old, quote(old)), snapshot(new, quote(new)), Known(**known))
    return [(each.line, each.field, each.old, each.new, each.cause) for each in found]


def test_the_same_price_has_no_differences():
    assert rows(BASE, BASE) == []
    assert rows(BASE, replace(BASE, now=NOW.replace(year=2031), lines=BASE.lines[::-1])) == []


def test_a_dearer_line_names_its_price_and_what_follows():
    dearer = replace(BASE, lines=(line(1, "25.00", 2), BASE.lines[1]))
    assert rows(BASE, dearer) == [
        (FIRST, "unit_price", "20.00", "25.00", "price_changed"),
        (FIRST, "discount", "4.00", "5.00", "consequence"),
        (FIRST, "tax", "6.84", "8.55", "consequence"),
        (None, "total", "54.15", "64.86", "consequence"),
    ]


def test_a_promotion_that_ended_is_told_on_each_line_and_by_name():
    ended = rows(BASE, replace(BASE, promotions=()))
    assert (FIRST, "discount", "4.00", "0.00", "promotion_ended") in ended
    assert (None, "promotion", "Ten", None, "promotion_ended") in ended
    assert ended[-1] == (None, "total", "54.15", "59.50", "consequence")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("code_used", "coupon_expired"), ("ended", "coupon_expired"), ("wrong_country", "coupon_not_applicable")],
)
def test_a_coupon_that_does_not_count_any_more_says_why(reason, cause):
    old = replace(BASE, promotions=(CODE,))
    lost = rows(old, replace(BASE, promotions=()), refused={str(CODE.key): reason})
    assert (None, "coupon", "TEN", None, cause) in lost
    assert (SECOND, "discount", "0.50", "0.00", cause) in lost


def test_a_promotion_that_began_or_changed_its_terms_is_told():
    fifth = replace(TEN, benefit=Benefit("percent", D("20")))
    assert (None, "promotion", None, "Ten", "promotion_started") in rows(replace(BASE, promotions=()), BASE)
    changed = rows(BASE, replace(BASE, promotions=(fifth,)))
    assert (FIRST, "discount", "4.00", "8.00", "promotion_changed") in changed
    assert (None, "promotion_discount", "4.50", "9.00", "promotion_changed") in changed


def test_lines_that_came_went_or_cannot_be_sold_are_told_apart():
    one = replace(BASE, lines=BASE.lines[:1])
    assert (SECOND, "quantity", "1", None, "line_removed") in rows(BASE, one)
    assert (SECOND, "quantity", "1", None, "variant_unavailable") in rows(BASE, one, unavailable=frozenset({SECOND}))
    assert (SECOND, "quantity", None, "1", "line_added") in rows(one, BASE)
    more = replace(BASE, lines=(line(1, "20.00", 3), BASE.lines[1]))
    assert (FIRST, "quantity", "2", "3", "quantity_changed") in rows(BASE, more)


def test_a_gift_that_ran_out_is_the_promotions_matter():
    rule = replace(TEN, benefit=Benefit("gift", gift=GIFT.variant))
    old = replace(BASE, promotions=(rule,), gifts=(GIFT,))
    new = replace(old, gifts=(replace(GIFT, available=0),))
    gone = rows(old, new, refused={str(rule.key): "gift_unavailable"})
    assert [(field, before, now, cause) for _, field, before, now, cause in gone] == [
        ("quantity", "1", None, "promotion_not_applicable"),
        ("promotion", "Ten", None, "promotion_not_applicable"),
    ]


def test_tax_shipping_exchange_rate_and_currency_have_causes_of_their_own():
    higher = TaxRules({"standard": (TaxRule("VAT", D("0.20"), "DE"),)}, RATE.shipping)
    assert (FIRST, "tax", "6.84", "7.20", "tax_changed") in rows(BASE, replace(BASE, taxes=higher))
    dearer = replace(BASE, shipping=ShippingRule("standard", D("7.00")))
    assert (None, "shipping", "5.00", "7.00", "shipping_changed") in rows(BASE, dearer)
    express = replace(BASE, shipping=ShippingRule("express", D("7.00")))
    assert (None, "shipping_method", "standard", "express", "shipping_method_changed") in rows(BASE, express)

    def converted(rate: str, price: str) -> PricingInput:
        return replace(BASE, lines=(line(1, price, price_source=f"converted:{rate}@2026-05-04"),))

    assert (FIRST, "unit_price", "20.00", "21.00", "exchange_rate_changed") in rows(
        converted("1", "20.00"), converted("1.05", "21.00")
    )
    assert rows(BASE, replace(BASE, currency="EUR")) == [(None, "currency", "USD", "EUR", "currency_changed")]


def test_a_buyer_who_became_exempt_sees_net_prices_because_of_tax():
    old = replace(BASE, prices_include_tax=True, promotions=())
    new = replace(old, taxes=replace(RATE, exemption="reverse_charge"))
    assert (FIRST, "unit_price", "20.00", "16.81", "tax_changed") in rows(old, new)


@given(inputs, inputs)
def test_no_difference_that_is_paid_goes_unnamed(one, other):
    old, new = quote(one), quote(other)
    found = compare(snapshot(one, old), snapshot(other, new))

    def paid(each: Any) -> Any:
        lines = {row.key: (row.quantity, row.unit_price, row.discount, row.tax) for row in each.lines}
        return each.currency, lines, each.shipping, each.shipping_tax, each.total

    assert bool(found) or paid(old) == paid(new)
    if old.total != new.total:
        assert found[-1].field == "total"
        assert Decimal(str(found[-1].new)) == new.total


@given(inputs)
def test_a_price_never_differs_from_itself(given_input):
    assert compare(snapshot(given_input, quote(given_input)), snapshot(given_input, quote(given_input))) == []
