"""THE price: a pure function from what is in a basket to what it costs. docs/pricing.md tells it with worked numbers.

Order of steps:
0. net prices      where the buyer is exempt and prices contain tax, each unit price without it, rounded
1. line total      = unit price x quantity (exact)
2. subtotal        = sum of line totals
3. discount        = the promotions that count (apps/cart/pricing/promotions.py), spread over lines by largest remainder
4. shipping        = the method's price for the discounted goods and their weight; nothing by promotion
5. tax             = per line and rate on (line total - discount), and on the shipping; rounded as the shop says
6. total           = subtotal - discount + shipping (+ tax, unless prices contain it)

Guarantees, each a property test: shares add up exactly; total = sum of its parts = sum of the explanation's steps;
nothing is negative; the order of lines and of promotions does not matter; the discount never exceeds the subtotal.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid5

from apps.cart.pricing import explanation
from apps.cart.pricing.promotions import Counted, Plan, plan
from apps.cart.pricing.shipping import shipping_price, weight_of
from apps.cart.pricing.taxes import Taxable, Taxed, net_of, tax_rows
from apps.cart.pricing.terms import (
    AppliedPromotion,
    PriceLine,
    PricingInput,
    Quote,
    QuotedLine,
    RefusedPromotion,
    Share,
)
from apps.common.money import ZERO

# The shipping's place among the lines when tax is rounded together: after all of them.
_SHIPPING = UUID(int=2**128 - 1)


def quote(given: PricingInput) -> Quote:
    """Price a basket. Pure: the same input gives the same quote."""
    given = _net_prices(given)
    line_totals = {line.key: line.unit_price * line.quantity for line in given.lines}
    chosen = plan(given, line_totals)
    subtotal = sum(line_totals.values(), ZERO)
    discount = sum((each.saving.amount for each in chosen.counted), ZERO)
    method = _method_price(given, subtotal - discount)
    freed = next((each for each in chosen.counted if each.rule.benefit.kind == "free_shipping"), None)
    shipping = ZERO if freed else method
    rows = _taxes(given, line_totals, chosen, shipping)
    lines = (*_goods(given, line_totals, chosen, rows), *_gifts(chosen))
    shipping_taxes = tuple(taxed.row for taxed in rows.get(_SHIPPING, ()))
    shipping_tax = sum((row.amount for row in shipping_taxes), ZERO)
    tax = sum((line.tax for line in lines), ZERO) + shipping_tax
    return Quote(
        currency=given.currency,
        lines=lines,
        subtotal=subtotal,
        discount=discount,
        shipping=shipping,
        shipping_tax=shipping_tax,
        shipping_taxes=shipping_taxes,
        tax=tax,
        total=subtotal - discount + shipping + (ZERO if given.prices_include_tax else tax),
        prices_include_tax=given.prices_include_tax,
        exemption=given.taxes.exemption if given.taxes else "",
        promotions=tuple(_applied(each, method if each is freed else ZERO) for each in chosen.counted),
        refused=tuple(RefusedPromotion(rule.key, rule.name, rule.code, why) for rule, why in chosen.refused),
        steps=explanation.steps(given, chosen, method=method, freed=freed, taxes=rows, shipping_key=_SHIPPING),
        rounding=given.rounding,
    )


def _net_prices(given: PricingInput) -> PricingInput:
    """Step 0: an exempt buyer pays prices without the tax that they would contain."""
    taxes = given.taxes
    if taxes is None or not taxes.exemption or not given.prices_include_tax:
        return given

    def net(line: PriceLine) -> PriceLine:
        rules = taxes.of(line.tax_category)
        price = net_of(line.unit_price, rules, currency=given.currency, rounding=given.rounding)
        return replace(line, unit_price=price, price_source=f"{line.price_source}, without tax")

    return replace(given, lines=tuple(net(line) for line in given.lines))


def _method_price(given: PricingInput, goods: Decimal) -> Decimal:
    """What the chosen method costs for the discounted goods, whatever a promotion says."""
    if given.shipping is None or not given.lines:
        return ZERO
    price = shipping_price(given.shipping, goods=goods, grams=weight_of(given.lines))
    if given.taxes and given.taxes.exemption and given.prices_include_tax:
        return net_of(price, given.taxes.shipping, currency=given.currency, rounding=given.rounding)
    return price


def _taxes(
    given: PricingInput, line_totals: dict[UUID, Decimal], chosen: Plan, shipping: Decimal
) -> dict[UUID, tuple[Taxed, ...]]:
    taxes = given.taxes
    if taxes is None or taxes.exemption:
        return {}
    taxables = [
        Taxable(line.key, line_totals[line.key] - chosen.share_of(line.key), taxes.of(line.tax_category))
        for line in given.lines
    ]
    taxables.append(Taxable(_SHIPPING, shipping, taxes.shipping))
    return tax_rows(taxables, currency=given.currency, included=given.prices_include_tax, rounding=given.rounding)


def _goods(
    given: PricingInput, line_totals: dict[UUID, Decimal], chosen: Plan, rows: dict[UUID, tuple[Taxed, ...]]
) -> Iterable[QuotedLine]:
    for line in given.lines:
        taxes = tuple(taxed.row for taxed in rows.get(line.key, ()))
        shares = tuple(
            Share(each.rule.key, each.rule.name, each.rule.code, each.saving.shares[line.key])
            for each in chosen.counted
            if each.saving.shares and line.key in each.saving.shares
        )
        yield QuotedLine(
            key=line.key,
            variant=line.variant,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=line.unit_price,
            line_total=line_totals[line.key],
            discount=sum((share.amount for share in shares), ZERO),
            tax=sum((row.amount for row in taxes), ZERO),
            shares=shares,
            taxes=taxes,
        )


def _gifts(chosen: Plan) -> Iterable[QuotedLine]:
    """A line of its own at no price for each gift; its key is the same for the same promotion and variant."""
    for each in chosen.counted:
        if each.gift:
            yield QuotedLine(
                key=uuid5(each.rule.key, str(each.gift.variant)),
                variant=each.gift.variant,
                sku=each.gift.sku,
                quantity=each.rule.benefit.get,
                unit_price=ZERO,
                line_total=ZERO,
                discount=ZERO,
                tax=ZERO,
                shares=(),
                taxes=(),
                gift_of=each.rule.key,
            )


def _applied(each: Counted, shipping: Decimal) -> AppliedPromotion:
    return AppliedPromotion(each.rule.key, each.rule.name, each.rule.code, each.saving.amount, shipping)
