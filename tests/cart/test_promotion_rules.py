"""Promotions one by one: each condition with its reason, each benefit with its numbers, and how they go together."""

import uuid
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.cart.pricing.terms import Gift, Shopper, Tier
from tests.cart.pricing_steps import (
    NOW,
    SHOES,
    STANDARD_SHIPPING,
    D,
    line,
    names,
    price,
    promotion,
    reasons,
)

MUG = Gift(variant=uuid.UUID(int=900), sku="MUG", name="Mug", available=3, worth=D("8.00"))


@pytest.mark.parametrize(
    ("asked", "given", "reason"),
    [
        ({"starts_at": NOW + timedelta(seconds=1)}, {}, "not_started"),
        ({"ends_at": NOW}, {}, "ended"),
        ({"currencies": frozenset({"EUR"})}, {}, "wrong_currency"),
        ({"channels": frozenset({"app"})}, {"channel": "web"}, "wrong_channel"),
        ({"countries": frozenset({"DE"})}, {"country": "US"}, "wrong_country"),
        ({"countries": frozenset({"DE"})}, {}, "wrong_country"),
        (
            {"customer_groups": frozenset({"staff"})},
            {"shopper": Shopper(groups=frozenset({"vip"}))},
            "wrong_customer_group",
        ),
        ({"first_order": True}, {}, "not_first_order"),
        ({"weekdays": frozenset({0, 6})}, {}, "wrong_time"),
        ({"from_time": time(12, 1)}, {}, "wrong_time"),
        ({"until_time": time(12)}, {}, "wrong_time"),
        ({"categories": frozenset({SHOES})}, {}, "no_covered_products"),
        ({"products": frozenset({uuid.UUID(int=1)})}, {}, "no_covered_products"),
        ({"brands": frozenset({"Oak"})}, {}, "no_covered_products"),
        ({"minimum_subtotal": D("10.01")}, {}, "minimum_subtotal_not_reached"),
        ({"minimum_quantity": 2}, {}, "minimum_quantity_not_reached"),
        ({"blocked": "usage_limit_reached"}, {}, "usage_limit_reached"),
    ],
)
def test_a_promotion_that_does_not_fit_changes_nothing_and_says_why(asked, given, reason):
    quoted = price(line(1, "10.00"), promotions=(promotion("percent", "50", **asked),), **given)
    assert (quoted.discount, quoted.promotions, quoted.total) == (D("0"), (), D("10.00"))
    assert reasons(quoted) == {"percent 50": reason}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"currencies": frozenset({"USD", "EUR"})}, {}),
        ({"channels": frozenset({"web"})}, {"channel": "web"}),
        ({"countries": frozenset({"DE", "US"})}, {"country": "US"}),
        ({"customer_groups": frozenset({"vip"})}, {"shopper": Shopper(groups=frozenset({"vip", "b2b"}))}),
        ({"first_order": True}, {"shopper": Shopper(is_first_order=True)}),
        ({"weekdays": frozenset({5})}, {}),
        ({"from_time": time(12), "until_time": time(12, 1)}, {}),
        ({"minimum_subtotal": D("10.00")}, {}),
        ({"minimum_quantity": 1}, {}),
    ],
)
def test_a_promotion_that_fits_exactly_counts(asked, given):
    assert price(line(1, "10.00"), promotions=(promotion("percent", "50", **asked),), **given).discount == D("5.00")


@pytest.mark.parametrize(
    ("hour", "day", "counts"), [(21, 20, False), (22, 20, True), (1, 21, True), (2, 21, False), (23, 21, False)]
)
def test_a_window_over_midnight_belongs_to_the_day_it_began_on(hour, day, counts):
    friday_night = promotion(
        "percent", "50", weekdays=frozenset({4}), from_time=time(22), until_time=time(2), starts_at=None
    )
    quoted = price(
        line(1, "10.00"),
        promotions=(friday_night,),
        now=datetime(2026, 11, day, hour, 30, tzinfo=UTC).replace(minute=0),
    )
    assert bool(quoted.promotions) is counts


def test_times_of_day_are_those_of_the_shops_zone():
    morning = promotion("percent", "50", from_time=time(7), until_time=time(8))
    assert price(line(1, "10.00"), promotions=(morning,)).discount == 0
    new_york = ZoneInfo("America/New_York")  # 12:00 UTC is 07:00 there
    assert price(line(1, "10.00"), promotions=(morning,), zone=new_york).discount == D("5.00")


def test_a_percentage_may_be_capped():
    capped = promotion("percent", "50", maximum=D("7.50"))
    assert price(line(1, "10.00"), promotions=(capped,)).discount == D("5.00")
    assert price(line(1, "100.00"), promotions=(capped,)).discount == D("7.50")


def test_a_fixed_price_holds_per_unit_and_never_makes_dearer():
    fixed = promotion("fixed_price", "8.00")
    quoted = price(line(1, "10.00", 3), line(2, "5.00", 2), promotions=(fixed,))
    assert [each.discount for each in quoted.lines] == [D("6.00"), D("0")]


@pytest.mark.parametrize(("units", "free"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (8, 2), (9, 3)])
def test_three_for_two_gives_the_last_of_every_three(units, free):
    quoted = price(line(1, "10.00", units), promotions=(promotion("buy_x_get_y", "100", buy=2, get=1),))
    assert quoted.discount == D("10.00") * free


def test_of_each_block_the_cheapest_is_reduced():
    half = promotion("buy_x_get_y", "50", buy=1, get=1)
    quoted = price(line(1, "10.00", 1), line(2, "30.00", 1), line(3, "20.00", 2), promotions=(half,))
    # 30 20 | 20 10: half of the second of each pair
    assert [each.discount for each in quoted.lines] == [D("5.00"), D("0"), D("10.00")]


def test_what_is_bought_and_what_is_given_may_differ():
    socks = uuid.UUID(int=202)
    rule = promotion("buy_x_get_y", "100", buy=1, get=2, categories=frozenset({SHOES}), get_products=frozenset({socks}))
    quoted = price(line(1, "80.00", 2, SHOES), line(2, "4.00", 7), promotions=(rule,))
    assert [each.discount for each in quoted.lines] == [D("0"), D("16.00")]


def test_the_cheapest_unit_is_free():
    rule = promotion("cheapest_free", minimum_quantity=3)
    assert price(line(1, "9.00", 2), promotions=(rule,)).discount == 0
    quoted = price(line(1, "9.00", 2), line(2, "4.00", 2), promotions=(rule,))
    assert [each.discount for each in quoted.lines] == [D("0"), D("4.00")]


@pytest.mark.parametrize(("quantity", "discount"), [(4, "0"), (5, "2.50"), (9, "4.50"), (10, "10.00")])
def test_tiers_by_quantity(quantity, discount):
    tiers = (Tier(D("10"), D("20")), Tier(D("5"), D("10")))
    rule = promotion("tiered", tiers=tiers, tier_by="quantity")
    assert price(line(1, "5.00", quantity), promotions=(rule,)).discount == D(discount)


def test_tiers_by_amount_of_money():
    rule = promotion("tiered", tiers=(Tier(D("50"), D("5")), Tier(D("100"), D("15"))), tier_kind="amount")
    totals = ("49.99", "50.00", "100.00")
    assert [price(line(1, each), promotions=(rule,)).discount for each in totals] == [D("0"), D("5"), D("15")]


def test_a_gift_is_a_line_of_its_own_at_no_price():
    rule = promotion("gift", gift=MUG.variant, get=2)
    quoted = price(line(1, "10.00"), promotions=(rule,), gifts=(MUG,))
    gift = quoted.lines[-1]
    assert (gift.sku, gift.quantity, gift.unit_price, gift.line_total, gift.gift_of) == ("MUG", 2, 0, 0, rule.key)
    assert (quoted.subtotal, quoted.total) == (D("10.00"), D("10.00"))
    assert quoted.lines[-1].key == price(line(1, "10.00"), promotions=(rule,), gifts=(MUG,)).lines[-1].key


def test_gifts_are_given_while_there_are_any():
    one, two = (
        promotion("gift", name="one", gift=MUG.variant, get=2, group=""),
        promotion("gift", name="two", gift=MUG.variant, get=2, group=""),
    )
    quoted = price(line(1, "10.00"), promotions=(two, one), gifts=(MUG,))
    assert (names(quoted), reasons(quoted)) == (["one"], {"two": "gift_unavailable"})


def test_of_a_group_the_best_counts_and_others_are_told_why_not():
    quoted = price(
        line(1, "50.00"), promotions=(promotion("percent", "10"), promotion("amount", "6"), promotion("amount", "0"))
    )
    assert (names(quoted), quoted.discount) == (["amount 6"], D("6"))
    assert reasons(quoted) == {"percent 10": "better_offer_in_group", "amount 0": "saves_nothing"}


def test_of_equal_offers_the_higher_priority_then_the_name_counts():
    a, b = promotion("amount", "5", name="a"), promotion("amount", "5", name="b")
    assert names(price(line(1, "50.00"), promotions=(b, a))) == ["a"]
    b = promotion("amount", "5", name="b", priority=1)
    assert names(price(line(1, "50.00"), promotions=(a, b))) == ["b"]


def test_groups_are_taken_by_priority_each_on_what_is_left():
    half, ten = promotion("percent", "50", group="a"), promotion("amount", "10", group="b")
    first_half = price(line(1, "100.00"), promotions=(promotion("percent", "50", group="a", priority=2), ten))
    assert (first_half.total, names(first_half)) == (D("40.00"), ["percent 50", "amount 10"])
    first_ten = price(line(1, "100.00"), promotions=(half, promotion("amount", "10", group="b", priority=2)))
    assert (first_ten.total, names(first_ten)) == (D("45.00"), ["amount 10", "percent 50"])


def test_promotions_without_a_group_add_up():
    rules = (promotion("percent", "10", group=""), promotion("percent", "20", group=""))
    assert price(line(1, "100.00"), promotions=rules).total == D("72.00")


def test_an_exclusive_promotion_counts_alone_when_it_saves_more():
    exclusive = promotion("percent", "25", exclusive=True)
    others = (promotion("percent", "10", group="a"), promotion("amount", "5", group="b"))
    quoted = price(line(1, "100.00"), promotions=(exclusive, *others))
    assert (names(quoted), quoted.discount) == (["percent 25"], D("25.00"))
    assert reasons(quoted) == {
        "percent 10": "exclusive_offer_is_better",
        "amount 5": "exclusive_offer_is_better",
    }
    weaker = promotion("percent", "14", exclusive=True)
    quoted = price(line(1, "100.00"), promotions=(weaker, *others))
    assert (quoted.discount, reasons(quoted)) == (D("14.50"), {"percent 14": "other_offers_are_better"})


def test_a_promotion_of_shipping_goes_with_one_of_goods_in_another_group():
    rules = (promotion("percent", "10"), promotion("free_shipping", group="shipping"))
    quoted = price(line(1, "20.00"), shipping=STANDARD_SHIPPING, promotions=rules)
    assert (quoted.discount, quoted.shipping, quoted.total) == (D("2.00"), D("0"), D("18.00"))


def test_shares_of_several_promotions_are_kept_apart_on_each_line():
    rules = (promotion("percent", "10", group="a", priority=1), promotion("amount", "3", group="b"))
    quoted = price(line(1, "10.00"), line(2, "20.00"), promotions=rules)
    assert [[(share.name, str(share.amount)) for share in each.shares] for each in quoted.lines] == [
        [("percent 10", "1.00"), ("amount 3", "1.00")],
        [("percent 10", "2.00"), ("amount 3", "2.00")],
    ]
