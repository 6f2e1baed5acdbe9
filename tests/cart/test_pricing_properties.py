"""What must hold of THE price for any basket, promotions, taxes and rounding (docs/pricing.md, guarantees)."""

import uuid
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.cart.pricing.explanation import replay
from apps.cart.pricing.spreading import spread
from apps.cart.pricing.terms import (
    STANDARD,
    Benefit,
    Conditions,
    Gift,
    PriceLine,
    PricingInput,
    PromotionRule,
    Rounding,
    ShippingBand,
    ShippingRule,
    TaxRule,
    TaxRules,
    Tier,
)
from apps.cart.services.pricing import quote
from apps.common.money import ZERO, exponent
from tests.cart.pricing_steps import BOOKS, NOW, SHOES, D

amounts = st.decimals(min_value="0.01", max_value="9999.99", places=2)
counts = st.integers(1, 5)
GIFT = Gift(uuid.UUID(int=900), "MUG", "Mug", 5, D("8.00"))


def lines_of(quantities: st.SearchStrategy[int], prices: st.SearchStrategy[Decimal]) -> st.SearchStrategy[tuple]:
    return st.lists(
        st.builds(
            PriceLine,
            key=st.uuids(),
            variant=st.uuids(),
            product=st.uuids(),
            categories=st.sampled_from([frozenset({BOOKS}), frozenset({SHOES})]),
            quantity=quantities,
            unit_price=prices,
            tax_category=st.sampled_from([STANDARD, "food"]),
            weight_grams=st.integers(0, 30_000),
        ),
        max_size=6,
        unique_by=lambda each: each.key,
    ).map(tuple)


tiers = st.lists(
    st.builds(Tier, threshold=st.decimals(0, 500, places=0), value=st.decimals(0, 100, places=1)), max_size=3
)
benefits = st.builds(
    Benefit,
    kind=st.sampled_from(
        ["percent", "amount", "fixed_price", "buy_x_get_y", "cheapest_free", "tiered", "free_shipping", "gift"]
    ),
    value=st.decimals(0, 100, places=2),
    maximum=st.none() | amounts,
    buy=counts,
    get=counts,
    tiers=tiers.map(tuple),
    tier_by=st.sampled_from(["subtotal", "quantity"]),
    tier_kind=st.sampled_from(["percent", "amount"]),
    gift=st.just(GIFT.variant),
)
covers = st.sampled_from([frozenset(), frozenset({BOOKS}), frozenset({SHOES})])
rules = st.builds(
    PromotionRule,
    key=st.uuids(),
    name=st.sampled_from("abcdef"),
    benefit=benefits,
    conditions=st.builds(
        Conditions,
        categories=covers,
        minimum_subtotal=st.decimals(0, 1000, places=2),
        minimum_quantity=st.integers(0, 4),
    ),
    priority=st.integers(-2, 2),
    exclusive=st.booleans(),
    group=st.sampled_from(["", "default", "other"]),
)
bands = st.lists(st.builds(ShippingBand, threshold=st.decimals(0, 9000, places=0), price=amounts), max_size=3).map(
    tuple
)
methods = st.builds(
    ShippingRule,
    code=st.just("any"),
    price=amounts,
    basis=st.sampled_from(["flat", "weight", "price"]),
    per_kilogram=amounts,
    bands=bands,
    parcel_grams=st.none() | st.integers(1000, 30_000),
    free_over=st.none() | amounts,
)
rates = st.lists(st.builds(TaxRule, name=st.sampled_from("xyz"), rate=st.decimals(0, "0.3", places=5)), max_size=2).map(
    tuple
)
tax_rules = st.builds(
    TaxRules,
    by_category=st.builds(lambda standard, food: {STANDARD: standard, "food": food}, rates, rates),
    shipping=rates,
    exemption=st.sampled_from(["", "", "", "exempt", "reverse_charge"]),
)
roundings = st.builds(
    Rounding,
    level=st.sampled_from(["line", "total"]),
    mode=st.sampled_from(["half_up", "half_even", "half_down", "up", "down"]),
)
inputs = st.builds(
    PricingInput,
    currency=st.just("USD"),
    lines=lines_of(st.integers(1, 999), amounts),
    now=st.just(NOW),
    promotions=st.lists(rules, max_size=4, unique_by=lambda each: each.key).map(tuple),
    gifts=st.just((GIFT,)),
    shipping=st.none() | methods,
    taxes=st.none() | tax_rules,
    prices_include_tax=st.booleans(),
    rounding=roundings,
)


@given(inputs)
def test_the_total_is_the_sum_of_its_parts_and_nothing_is_negative(given_input):
    quoted = quote(given_input)
    assert quoted.subtotal == sum((each.unit_price * each.quantity for each in quoted.lines), ZERO)
    assert quoted.discount == sum((each.discount for each in quoted.lines), ZERO)
    assert quoted.discount == sum((each.discount for each in quoted.promotions), ZERO)
    assert quoted.tax == sum((each.tax for each in quoted.lines), ZERO) + quoted.shipping_tax
    added_tax = ZERO if given_input.prices_include_tax else quoted.tax
    assert quoted.total == quoted.subtotal - quoted.discount + quoted.shipping + added_tax
    assert min(quoted.subtotal, quoted.discount, quoted.shipping, quoted.tax, quoted.total) >= 0
    for each in quoted.lines:
        assert 0 <= each.discount <= each.line_total
        assert each.discount == sum((share.amount for share in each.shares), ZERO)
        assert each.tax == sum((row.amount for row in each.taxes), ZERO)
        assert all(share.amount > 0 for share in each.shares) or each.discount == 0


@given(inputs)
def test_every_amount_is_whole_in_the_currencys_smallest_unit(given_input):
    quoted = quote(given_input)
    amounts_told = [quoted.total, quoted.tax, quoted.shipping, quoted.discount]
    amounts_told += [amount for each in quoted.lines for amount in (each.line_total, each.discount, each.tax)]
    assert all(amount == amount.quantize(exponent("USD")) for amount in amounts_told)


@given(inputs)
def test_replaying_the_explanation_gives_the_total_to_the_last_digit(given_input):
    quoted = quote(given_input)
    assert replay(quoted.steps) == quoted.total
    assert all(step.amount == step.exact + step.rounding for step in quoted.steps)
    tried = {step.facts["promotion"] for step in quoted.steps if step.kind in ("promotion", "gift")}
    assert tried == {str(rule.key) for rule in given_input.promotions}


@given(inputs, st.randoms())
def test_the_order_of_lines_and_promotions_does_not_matter(given_input, chance):
    lines, promotions = list(given_input.lines), list(given_input.promotions)
    chance.shuffle(lines)
    chance.shuffle(promotions)
    first, second = quote(given_input), quote(replace(given_input, lines=tuple(lines), promotions=tuple(promotions)))
    assert {each.key: each for each in first.lines} == {each.key: each for each in second.lines}
    assert replace(first, lines=(), steps=()) == replace(second, lines=(), steps=())


@given(inputs)
def test_each_promotion_counts_or_is_refused_with_a_reason(given_input):
    quoted = quote(given_input)
    counted, refused = [each.key for each in quoted.promotions], [each.key for each in quoted.refused]
    assert sorted(counted + refused) == sorted(rule.key for rule in given_input.promotions)
    assert all(each.reason for each in quoted.refused)


@given(inputs)
def test_promotions_never_make_the_goods_dearer(given_input):
    with_them, without = quote(given_input), quote(replace(given_input, promotions=()))
    assert with_them.subtotal - with_them.discount <= without.subtotal


@given(inputs, st.uuids())
def test_adding_a_line_and_taking_it_out_again_is_as_if_nothing_was(given_input, key):
    extra = PriceLine(key=key, variant=key, quantity=1, unit_price=D("5.00"))
    more = replace(given_input, lines=(*given_input.lines, extra))
    less = replace(more, lines=tuple(each for each in more.lines if each.key != key))
    assert quote(less) == quote(given_input)


# Without thresholds: no minimum, no tier, no shipping that is free over something, one group of promotions.
plain_benefits = st.builds(
    Benefit,
    kind=st.sampled_from(["percent", "amount", "fixed_price", "buy_x_get_y", "cheapest_free"]),
    value=st.decimals(0, 100, places=2),
    buy=counts,
    get=counts,
)
plain_rules = st.builds(
    PromotionRule,
    key=st.uuids(),
    name=st.sampled_from("abcdef"),
    benefit=plain_benefits,
    conditions=st.builds(Conditions, categories=covers),
)


@given(
    lines_of(st.integers(1, 20), st.decimals(min_value=1, max_value=500, places=2)).filter(bool),
    st.lists(plain_rules, max_size=3, unique_by=lambda each: each.key).map(tuple),
    st.sampled_from(["line", "total"]),
    st.data(),
)
def test_one_more_unit_never_costs_less_in_total_where_no_threshold_is_crossed(lines, promotions, level, data):
    rules_of_one_rate = TaxRules(by_category={STANDARD: (TaxRule("vat", D("0.19")),)})
    before = PricingInput("USD", lines, NOW, promotions=promotions, taxes=rules_of_one_rate, rounding=Rounding(level))
    grown = data.draw(st.sampled_from(lines))
    more = tuple(replace(each, quantity=each.quantity + (each is grown)) for each in lines)
    assert quote(replace(before, lines=more)).total >= quote(before).total


@given(st.dictionaries(st.uuids(), amounts, min_size=1, max_size=20), st.data())
def test_spread_shares_add_up_exactly_and_stay_within_their_weights(weights, data):
    total = sum(weights.values())
    amount = data.draw(st.decimals(0, total, places=2))
    shares = spread(amount, weights, "USD")
    assert sum(shares.values()) == amount
    assert all(0 <= shares[key] <= weights[key] for key in weights)
