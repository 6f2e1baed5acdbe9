"""What past orders and left carts would have paid under a promotion: a background job that reads and changes nothing.

Each order is priced again from what it froze: lines, prices, tax rates, shipping, rounding, the moment it was placed,
and the promotions it carried at what they took off then. The promotion in question is added, whatever its dates, its
status and its need of a code; its caps count over the orders of the run, oldest first. An order on which it would not
count keeps its total to the cent. Categories, brands and customer groups are today's: orders do not keep them. Amounts
of the shop's own currency are converted by the rate that the order froze. Carts that were left are priced as of today.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q

from apps.cart.models import Promotion
from apps.cart.pricing.terms import (
    Benefit,
    Conditions,
    Gift,
    PriceLine,
    PricingInput,
    PromotionRule,
    Rounding,
    ShippingRule,
    Shopper,
    TaxRule,
    TaxRules,
)
from apps.cart.services.pricing import quote
from apps.cart.services.promotion_rules import converted, rule_of
from apps.cart.services.promotion_use import limit_per_customer
from apps.common import jobs
from apps.common.currencies import RoundingRule, rules
from apps.common.errors import NotFound
from apps.common.money import ZERO, money_json
from apps.orders.models import Order
from apps.orders.services import dry_run_carts
from apps.orders.services.dry_run_carts import LeftCart
from apps.products.models import Product, ProductVariant
from apps.products.services import tree
from apps.products.services.exchange import Rate
from apps.products.services.prices import Conversion

_STEP: Final = 100


@dataclass(slots=True)
class _Trial:
    """The promotion in question and what every order's price needs of the shop of today."""

    promotion: Any
    rule: PromotionRule
    gifts: tuple[Gift, ...]
    carried: Mapping[UUID, Promotion]
    products: Mapping[UUID, tuple[frozenset[UUID], str]]
    groups: Mapping[UUID, frozenset[str]]
    uses: Counter[str] = field(default_factory=Counter)

    def rule_in(self, conversion: Conversion | None) -> PromotionRule:
        """The rule for baskets of another currency: its amounts are converted when they are the shop's own."""
        row = self.promotion
        is_own = row.names_amounts and row.currency == settings.DEFAULT_CURRENCY
        return converted(self.rule, conversion if is_own else None)

    def gifts_in(self, conversion: Conversion | None) -> tuple[Gift, ...]:
        if conversion is None:
            return self.gifts
        return tuple(replace(gift, worth=conversion.of(gift.worth)) for gift in self.gifts)


def run(job: jobs.Run) -> jobs.Result:
    """The job. Raises NotFound when the promotion has gone meanwhile."""
    given = job.arguments
    promotion = Promotion.objects.with_terms().filter(pk=given["promotion"]).first()
    if promotion is None:
        raise NotFound
    orders = _orders(given)
    carts = dry_run_carts.left(given) if given.get("carts") else []
    trial = _trial(promotion, orders, carts)
    rows, total = [], len(orders) + len(carts)
    for done, each in enumerate([*orders, *carts], start=1):
        rows.append(_cart_row(each, trial) if isinstance(each, LeftCart) else _row(each, trial))
        if done % _STEP == 0:
            job.advance(done=done, total=total)
    job.advance(done=total, total=total)
    return jobs.Result({"promotion": given["promotion"], **_report(rows)})


def _orders(given: Mapping[str, Any]) -> list[Any]:
    """The newest of the period, then oldest first; cancelled ones are no sales."""
    found = Order.objects.exclude(status=Order.Status.CANCELLED)
    if given["since"]:
        found = found.filter(placed_at__gte=datetime.fromisoformat(given["since"]))
    if given["until"]:
        found = found.filter(placed_at__lt=datetime.fromisoformat(given["until"]))
    same = Q(email=OuterRef("email")) | Q(user_id=OuterRef("user_id"))
    earlier = Order.objects.exclude(status=Order.Status.CANCELLED).filter(same, placed_at__lt=OuterRef("placed_at"))
    rows = found.annotate(had_ordered=Exists(earlier)).prefetch_related("items", "taxes", "discounts")
    return list(rows.order_by("-placed_at", "-id")[: given["limit"]])[::-1]


def _trial(promotion: Any, orders: Sequence[Any], carts: Sequence[LeftCart]) -> _Trial:
    rule = rule_of(promotion)
    carried = {each.promotion_id for order in orders for each in order.discounts.all()}
    products = {item.product_id for order in orders for item in order.items.all()}
    products |= {line.product for each in carts for line in each.pricing.lines}
    users = {order.user_id for order in orders} | {each.cart.user_id for each in carts}
    lineage = tree.lineages()
    rows = Product.objects.filter(pk__in=products).values_list("pk", "category_id", "brand")
    return _Trial(
        promotion=promotion,
        rule=replace(rule, conditions=replace(rule.conditions, starts_at=None, ends_at=None)),
        gifts=_gifts(promotion),
        carried=Promotion.objects.in_bulk(carried - {promotion.pk}),
        products={pk: (lineage.get(category, frozenset()), brand) for pk, category, brand in rows},
        groups=_groups(user for user in users if user is not None),
    )


def _gifts(promotion: Promotion) -> tuple[Gift, ...]:
    """As if there had been enough: what was in stock then is not asked."""
    if promotion.gift_id is None:
        return ()
    variants = ProductVariant.objects.filter(pk=promotion.gift_id).select_related("product")
    return tuple(Gift(row.pk, row.sku, row.product.name, promotion.get, row.price) for row in variants)


def _groups(users: Iterable[UUID]) -> Mapping[UUID, frozenset[str]]:
    names: dict[UUID, set[str]] = defaultdict(set)
    for user_id, name in Group.objects.filter(user__in=list(users)).values_list("user__pk", "name"):
        names[user_id].add(name)
    return {user_id: frozenset(found) for user_id, found in names.items()}


def _row(order: Any, trial: _Trial) -> dict[str, Any]:
    who, conversion = _people(order), _conversion(order)
    rule = replace(trial.rule_in(conversion), blocked=_blocked(who, trial))
    found = _tried(_given(order, trial, rule, conversion), trial, who, order.total)
    return {"order": str(order.pk), "number": order.number, "cart": None, "currency": order.currency, **found}


def _cart_row(each: LeftCart, trial: _Trial) -> dict[str, Any]:
    cart, who = each.cart, _people(each.cart)
    pricing = dry_run_carts.with_rule(
        each,
        replace(trial.rule_in(each.conversion), blocked=_blocked(who, trial)),
        gifts=trial.gifts_in(each.conversion),
        products=trial.products,
        groups=trial.groups.get(cart.user_id, frozenset()) if cart.user_id is not None else frozenset(),
    )
    found = _tried(pricing, trial, who, quote(each.pricing).total)
    return {"order": None, "number": None, "cart": str(cart.pk), "currency": cart.currency, **found}


def _tried(pricing: PricingInput, trial: _Trial, who: Collection[str], old_total: Decimal) -> dict[str, Any]:
    found = quote(pricing)
    applied = any(each.key == trial.rule.key for each in found.promotions)
    if applied:
        trial.uses.update(["", *who])
    why = next((each.reason for each in found.refused if each.key == trial.rule.key), "")
    return {
        "applied": applied,
        "reason": why or None,
        "old_total": old_total,
        "new_total": found.total if applied else old_total,
    }


def _conversion(order: Any) -> Conversion | None:
    """From the shop's currency into the order's, by the rate that the order froze."""
    if order.exchange_rate is None:
        return None
    own: str = settings.DEFAULT_CURRENCY
    rate = Rate(own, order.currency, order.exchange_rate, order.exchange_rate_on)
    return Conversion(order.currency, rate, rules().get(order.currency, RoundingRule(order.currency)))


def _people(holder: Any) -> set[str]:
    """Who holds the order or cart: a guest without an address is nobody yet."""
    return {str(each) for each in (holder.email, holder.user_id) if each}


def _blocked(who: Collection[str], trial: _Trial) -> str:
    """The caps, counted over the run."""
    total, each = trial.promotion.usage_limit, limit_per_customer(trial.promotion)
    if total is not None and trial.uses[""] >= total:
        return "usage_limit_reached"
    if each is not None and max((trial.uses[one] for one in who), default=0) >= each:
        return "customer_limit_reached"
    return ""


def _given(order: Any, trial: _Trial, rule: PromotionRule, conversion: Conversion | None) -> PricingInput:
    bought = [item for item in order.items.all() if item.gift_of is None]
    taken_off = list(order.discounts.all())
    shipping = order.shipping_total + sum((each.shipping for each in taken_off), ZERO)
    return PricingInput(
        currency=order.currency,
        lines=tuple(_line(item, trial) for item in bought),
        now=order.placed_at,
        zone=ZoneInfo(settings.SHOP_TIME_ZONE),
        country=order.shipping_address.get("country", ""),
        shopper=Shopper(trial.groups.get(order.user_id, frozenset()), is_first_order=not order.had_ordered),
        promotions=(rule, *_carried(order, trial)),
        gifts=trial.gifts_in(conversion),
        shipping=ShippingRule(code=order.shipping_method, price=shipping),
        taxes=_taxes(order, bought),
        prices_include_tax=order.tax_included,
        rounding=Rounding(order.tax_rounding_level, order.tax_rounding_mode),
    )


def _line(item: Any, trial: _Trial) -> PriceLine:
    categories, brand = trial.products.get(item.product_id, (frozenset(), ""))
    return PriceLine(
        key=item.pk,
        variant=item.variant_id,
        quantity=item.quantity,
        unit_price=item.unit_price,
        product=item.product_id,
        categories=categories,
        brand=brand,
        sku=item.sku,
        tax_category=str(item.pk),
    )


def _carried(order: Any, trial: _Trial) -> Iterable[PromotionRule]:
    """What the order carried, at the amount it took off then, in its group and with its priority of today."""
    for each in order.discounts.all():
        if each.promotion_id == trial.rule.key:
            continue
        kind = Benefit("free_shipping") if each.shipping else Benefit("amount", value=each.discount)
        row = trial.carried.get(each.promotion_id)
        yield PromotionRule(
            key=each.promotion_id,
            name=each.name,
            benefit=kind,
            conditions=Conditions(),
            priority=row.priority if row is not None else 0,
            exclusive=row.exclusive if row is not None else False,
            group=row.group if row is not None else "default",
        )


def _taxes(order: Any, items: Sequence[Any]) -> TaxRules:
    """The frozen rates, a tax category for each line. Free shipping froze none: taxed as the first line."""
    rows: dict[Any, tuple[TaxRule, ...]] = defaultdict(tuple)
    for tax in order.taxes.all():
        rows[tax.item_id] += (TaxRule(tax.name, tax.rate, tax.jurisdiction),)
    by_line = {str(item.pk): rows[item.pk] or _rate_of(item) for item in items}
    shipping = rows[None] if order.shipping_total else next(iter(by_line.values()), ())
    return TaxRules(by_category=by_line, shipping=shipping, exemption=order.tax_exemption)


def _rate_of(item: Any) -> tuple[TaxRule, ...]:
    return (TaxRule("Tax", item.tax_rate),) if item.tax_rate else ()


def _report(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rows:
        sums[row["currency"]][0] += row["old_total"]
        sums[row["currency"]][1] += row["new_total"]
    return {
        "orders": sum(row["order"] is not None for row in rows),
        "carts": sum(row["cart"] is not None for row in rows),
        "affected": sum(row["applied"] for row in rows),
        "sums": [_amounts(currency, old, new) for currency, (old, new) in sorted(sums.items())],
        "rows": [
            {name: row[name] for name in ("order", "number", "cart", "applied", "reason")}
            | _amounts(row["currency"], row["old_total"], row["new_total"])
            for row in rows
        ],
    }


def _amounts(currency: str, old: Decimal, new: Decimal) -> dict[str, Any]:
    amounts = {"old_total": old, "new_total": new, "difference": new - old}
    return {name: money_json(amount, currency) for name, amount in amounts.items()}
