"""THE price: the worked numbers of docs/pricing.md and the rules one by one."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.cart.pricing.spreading import spread
from apps.cart.pricing.terms import STANDARD, Rounding, ShippingBand, ShippingRule, TaxRule, TaxRules
from tests.cart.pricing_steps import (
    BOOKS,
    NEW_YORK,
    NOW,
    SHOES,
    STANDARD_SHIPPING,
    D,
    line,
    names,
    price,
    promotion,
    reasons,
    rows,
    taxes,
)


def test_example_a_of_the_pricing_page():
    quoted = price(line(1, "19.99", 2), line(2, "7.50", 1), shipping=STANDARD_SHIPPING, taxes=NEW_YORK)
    assert rows(quoted) == [("39.98", "0", "3.55"), ("7.50", "0", "0.67")]
    assert (quoted.subtotal, quoted.discount, quoted.shipping) == (D("47.48"), D("0"), D("5.00"))
    assert (quoted.shipping_tax, quoted.tax, quoted.total) == (D("0.44"), D("4.66"), D("57.14"))


def test_example_b_of_the_pricing_page():
    quoted = price(
        line(1, "10.00", 1),
        line(2, "6.67", 2),
        line(3, "5.00", 2),
        shipping=STANDARD_SHIPPING,
        taxes=NEW_YORK,
        promotions=(promotion("percent", "10"),),
    )
    assert rows(quoted) == [("10.00", "1.00", "0.80"), ("13.34", "1.33", "1.07"), ("10.00", "1.00", "0.80")]
    assert (quoted.discount, quoted.tax, quoted.total) == (D("3.33"), D("3.11"), D("38.12"))
    assert names(quoted) == ["percent 10"]


def test_example_c_of_the_pricing_page():
    quoted = price(
        line(1, "59.50", 2),
        shipping=ShippingRule(code="post", price=D("4.90")),
        taxes=taxes("0.19"),
        promotions=(promotion("amount", "15.00", minimum_subtotal=D("100.00")),),
        prices_include_tax=True,
    )
    assert rows(quoted) == [("119.00", "15.00", "16.61")]
    assert (quoted.shipping_tax, quoted.tax, quoted.total) == (D("0.78"), D("17.39"), D("108.90"))


def test_example_d_of_the_pricing_page():
    ten, free = promotion("percent", "10"), promotion("free_shipping")
    quoted = price(line(1, "110.00", 1), shipping=STANDARD_SHIPPING, promotions=(ten, free))
    assert (quoted.discount, quoted.shipping, names(quoted)) == (D("11.00"), D("5.00"), ["percent 10"])
    assert reasons(quoted) == {"free_shipping 0": "shipping_is_free"}


def test_example_e_of_the_pricing_page():
    shirts = [line(1, "30.00", 2, SHOES), line(2, "20.00", 3, SHOES), line(3, "12.00", 1)]
    three_for_two = promotion("buy_x_get_y", "100", buy=2, get=1, categories=frozenset({SHOES}), group="shirts")
    ten = promotion("percent", "10", group="shop", priority=-1)
    quoted = price(*shirts, promotions=(ten, three_for_two))
    assert rows(quoted) == [("60.00", "6.00", "0"), ("60.00", "24.00", "0"), ("12.00", "1.20", "0")]
    assert names(quoted) == ["buy_x_get_y 100", "percent 10"]
    assert (quoted.discount, quoted.total) == (D("31.20"), D("100.80"))


def test_example_f_of_the_pricing_page():
    rates = TaxRules(
        by_category={
            STANDARD: (TaxRule("state", D("0.0625"), "US-TX"), TaxRule("city", D("0.02"), "US-TX-Austin")),
            "food": (),
        }
    )
    lines = [line(1, "1.13"), line(2, "1.13"), line(3, "4.00", tax_category="food")]
    by_line = price(*lines, taxes=rates)
    assert [[str(row.amount) for row in each.taxes] for each in by_line.lines] == [
        ["0.07", "0.02"],
        ["0.07", "0.02"],
        [],
    ]
    assert (by_line.tax, by_line.total) == (D("0.18"), D("6.44"))
    together = price(*lines, taxes=rates, rounding=Rounding("total", "half_up"))
    assert [[str(row.amount) for row in each.taxes] for each in together.lines] == [
        ["0.07", "0.03"],
        ["0.07", "0.02"],
        [],
    ]
    assert (together.tax, together.total) == (D("0.19"), D("6.45"))


def test_example_g_of_the_pricing_page():
    exempt = replace(taxes("0.19", food="0.07"), exemption="reverse_charge")
    quoted = price(
        line(1, "59.50", 2),
        line(2, "1.99", 1, tax_category="food"),
        shipping=ShippingRule(code="post", price=D("4.90")),
        taxes=exempt,
        prices_include_tax=True,
    )
    assert [(str(each.unit_price), str(each.line_total)) for each in quoted.lines] == [
        ("50.00", "100.00"),
        ("1.86", "1.86"),
    ]
    assert (quoted.shipping, quoted.tax, quoted.total) == (D("4.12"), D("0"), D("105.98"))
    assert quoted.exemption == "reverse_charge"


@pytest.mark.parametrize(
    ("quantity", "shipping"),
    [(1, "4.00"), (4, "7.00"), (10, "13.00"), (11, "17.00"), (25, "34.00")],
)
def test_example_h_of_the_pricing_page(quantity, shipping):
    by_weight = ShippingRule(
        code="freight", basis="weight", price=D("3.00"), per_kilogram=D("1.00"), parcel_grams=10_000
    )
    assert price(line(1, "10.00", quantity, weight_grams=1000), shipping=by_weight).shipping == D(shipping)


def test_free_shipping_is_chosen_when_it_is_worth_more():
    quoted = price(
        line(1, "20.00", 1),
        shipping=STANDARD_SHIPPING,
        promotions=(promotion("percent", "10"), promotion("free_shipping")),
    )
    assert (quoted.discount, quoted.shipping, quoted.total) == (D("0"), D("0"), D("20.00"))
    assert [(each.discount, each.shipping) for each in quoted.promotions] == [(D("0"), D("5.00"))]
    assert reasons(quoted) == {"percent 10": "better_offer_in_group"}


def test_free_shipping_without_a_chosen_method_waits_for_one():
    assert reasons(price(line(1, "20.00"), promotions=(promotion("free_shipping"),))) == {
        "free_shipping 0": "shipping_not_chosen"
    }


def test_shipping_is_free_from_the_exact_limit_on():
    assert price(line(1, "99.99", 1), shipping=STANDARD_SHIPPING).shipping == D("5.00")
    assert price(line(1, "100.00", 1), shipping=STANDARD_SHIPPING).shipping == D("0")


@pytest.mark.parametrize(("goods", "shipping"), [("19.99", "6.00"), ("20.00", "4.00"), ("50.00", "0.00")])
def test_shipping_by_price_takes_the_highest_band_reached(goods, shipping):
    bands = (ShippingBand(D("50.00"), D("0.00")), ShippingBand(D("20.00"), D("4.00")))
    rule = ShippingRule(code="table", basis="price", price=D("6.00"), bands=bands)
    assert price(line(1, goods), shipping=rule).shipping == D(shipping)


def test_a_promotion_covers_its_categories_alone():
    rule = promotion("percent", "50", categories=frozenset({SHOES}))
    quoted = price(line(1, "10.00", 1), line(2, "10.00", 1, SHOES), promotions=(rule,))
    assert [each.discount for each in quoted.lines] == [D("0"), D("5.00")]


def test_each_named_condition_on_a_line_must_hold():
    rule = promotion("percent", "50", categories=frozenset({BOOKS}), brands=frozenset({"Oak"}))
    lines = [line(1, "10.00", brand="Oak"), line(2, "10.00"), line(3, "10.00", category=SHOES, brand="Oak")]
    assert [each.discount for each in price(*lines, promotions=(rule,)).lines] == [D("5.00"), D("0"), D("0")]


def test_an_amount_is_at_most_what_the_goods_cost():
    quoted = price(line(1, "3.00", 1), promotions=(promotion("amount", "5.00"),))
    assert (quoted.discount, quoted.total) == (D("3.00"), D("0.00"))


@pytest.mark.parametrize(
    ("currency", "amount", "tax"), [("JPY", "105", "8"), ("KWD", "1.005", "0.075"), ("USD", "0.10", "0.01")]
)
def test_tax_is_rounded_half_up_to_the_currencys_own_digits(currency, amount, tax):
    assert price(line(1, amount, 1), taxes=taxes("0.075", shipping=False), currency=currency).tax == D(tax)


@pytest.mark.parametrize(
    ("mode", "tax"),
    [("half_up", "0.13"), ("half_even", "0.12"), ("half_down", "0.12"), ("up", "0.13"), ("down", "0.12")],
)
def test_ties_go_as_the_shop_says(mode, tax):
    assert price(line(1, "1.25"), taxes=taxes("0.10"), rounding=Rounding("line", mode)).tax == D(tax)


def test_shipping_is_not_taxed_where_the_rate_says_so():
    quoted = price(line(1, "10.00", 1), shipping=STANDARD_SHIPPING, taxes=taxes("0.10", shipping=False))
    assert (quoted.shipping_tax, quoted.tax, quoted.total) == (D("0"), D("1.00"), D("16.00"))


def test_a_category_without_a_rate_of_its_own_takes_the_standard_one():
    quoted = price(
        line(1, "10.00", tax_category="toys"), line(2, "10.00", tax_category="food"), taxes=taxes("0.19", food="0.07")
    )
    assert [each.tax for each in quoted.lines] == [D("1.90"), D("0.70")]


def test_an_exempt_buyer_pays_no_tax_on_prices_without_tax():
    quoted = price(line(1, "10.00"), shipping=STANDARD_SHIPPING, taxes=replace(NEW_YORK, exemption="exempt"))
    assert (quoted.tax, quoted.total, quoted.lines[0].unit_price) == (D("0"), D("15.00"), D("10.00"))


def test_an_empty_basket_costs_nothing():
    quoted = price(promotions=(promotion("amount", "5.00"),), taxes=NEW_YORK, shipping=STANDARD_SHIPPING)
    assert (quoted.subtotal, quoted.discount, quoted.tax, quoted.shipping, quoted.total) == (D("0"),) * 5


def test_spreading_over_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to spread"):
        spread(D("1.00"), {uuid.uuid4(): D("0")}, "USD")


def test_a_promotion_ends_at_the_very_moment_it_says():
    ends = promotion("percent", "50", ends_at=NOW)
    assert reasons(price(line(1, "10.00"), promotions=(ends,))) == {"percent 50": "ended"}
    assert price(line(1, "10.00"), promotions=(ends,), now=NOW - timedelta(microseconds=1)).discount == D("5.00")
