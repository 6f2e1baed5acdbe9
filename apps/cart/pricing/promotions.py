"""Which promotions count, and what each takes off. docs/pricing.md tells the rules.

Of one group the offer that saves the shopper most counts; groups are taken by priority, each on what the ones before
left; a promotion without a group adds to all others. An exclusive promotion counts alone, when it saves more than all
the others together. Ties go to the higher priority, then to the name, then to the key: never to the order of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from apps.cart.pricing.benefits import Covered, Saving, saving
from apps.cart.pricing.conditions import covered, refusal
from apps.cart.pricing.shipping import shipping_price, weight_of
from apps.cart.pricing.terms import Gift, PriceLine, PricingInput, PromotionRule
from apps.common.money import ZERO


@dataclass(frozen=True, slots=True)
class Counted:
    """A promotion that counts, with what it saves on goods and shipping and the units it gives away."""

    rule: PromotionRule
    saving: Saving = field(default_factory=Saving)
    shipping: Decimal = ZERO
    gift: Gift | None = None

    @property
    def worth(self) -> Decimal:
        gift = self.gift.worth * self.rule.benefit.get if self.gift else ZERO
        return self.saving.amount + self.shipping + gift

    @property
    def counts(self) -> bool:
        return self.worth > 0 or self.gift is not None


@dataclass(frozen=True, slots=True)
class Plan:
    """The promotions that count, in the order in which they were taken, and why each other one does not."""

    counted: tuple[Counted, ...] = ()
    refused: tuple[tuple[PromotionRule, str], ...] = ()

    @property
    def worth(self) -> Decimal:
        return sum((each.worth for each in self.counted), ZERO)

    def share_of(self, line: UUID) -> Decimal:
        """What all of them together take off a line."""
        return sum(((each.saving.shares or {}).get(line, ZERO) for each in self.counted), ZERO)


@dataclass(frozen=True, slots=True)
class _Basket:
    """What the promotions before have left: the cost of the goods by line, shipping, and gifts."""

    given: PricingInput
    left: Mapping[UUID, Decimal]
    free_shipping: bool = False
    gifts: Mapping[UUID, int] = field(default_factory=dict)

    def after(self, one: Counted) -> "_Basket":
        shares = one.saving.shares or {}
        gifts = dict(self.gifts)
        if one.gift:
            gifts[one.gift.variant] -= one.rule.benefit.get
        return replace(
            self,
            left={key: cost - shares.get(key, ZERO) for key, cost in self.left.items()},
            free_shipping=self.free_shipping or one.rule.benefit.kind == "free_shipping",
            gifts=gifts,
        )


def plan(given: PricingInput, line_totals: Mapping[UUID, Decimal]) -> Plan:
    """The promotions that count for a basket whose lines cost `line_totals`."""
    subtotal = sum(line_totals.values(), ZERO)
    fitting, refused = [], []
    for rule in sorted(given.promotions, key=_rank):
        reason = refusal(rule, given, subtotal, covered(rule, given.lines))
        if reason:
            refused.append((rule, reason))
        else:
            fitting.append(rule)
    basket = _Basket(given, line_totals, gifts={gift.variant: gift.available for gift in given.gifts})
    together = _combine([rule for rule in fitting if not rule.exclusive], basket)
    alone = [_combine([rule], basket) for rule in fitting if rule.exclusive]
    plans = [together, *alone]
    best = max(plans, key=lambda each: each.worth)  # of equal ones the first: promotions that go together
    return replace(best, refused=(*refused, *_why_not(fitting, best, plans)))


def _rank(rule: PromotionRule) -> tuple[int, str, UUID]:
    return -rule.priority, rule.name, rule.key


def _why_not(fitting: Sequence[PromotionRule], best: Plan, plans: Sequence[Plan]) -> list[tuple[PromotionRule, str]]:
    """The reason of each fitting rule that does not count in the end."""
    known = {rule.key: reason for each in plans for rule, reason in each.refused}
    counted = {each.rule.key for each in best.counted}
    lost = "other_offers_are_better" if best is plans[0] else "exclusive_offer_is_better"
    return [(rule, known.get(rule.key, lost)) for rule in fitting if rule.key not in counted]


def _combine(rules: Sequence[PromotionRule], basket: _Basket) -> Plan:
    counted: list[Counted] = []
    refused: list[tuple[PromotionRule, str]] = []
    for group in _groups(rules):
        offers = [_offer(rule, basket) for rule in group]
        best = max(offers, key=lambda each: (each.worth, each.counts))  # of equal ones the first by rank
        for offer in offers:
            if not offer.counts:
                refused.append((offer.rule, _worthless(offer.rule, basket)))
            elif offer is not best:
                refused.append((offer.rule, "better_offer_in_group"))
        if best.counts:
            counted.append(best)
            basket = basket.after(best)
    return Plan(tuple(counted), tuple(refused))


def _groups(rules: Sequence[PromotionRule]) -> list[list[PromotionRule]]:
    """Rules by group, the group with the highest-ranking rule first; a rule without a group is one of its own."""
    named = sorted((rule for rule in rules if rule.group), key=lambda rule: rule.group)
    groups = [sorted(members, key=_rank) for _, members in groupby(named, key=lambda rule: rule.group)]
    groups += [[rule] for rule in rules if not rule.group]
    return sorted(groups, key=lambda group: _rank(group[0]))


def _offer(rule: PromotionRule, basket: _Basket) -> Counted:
    given, benefit = basket.given, rule.benefit
    if benefit.kind == "free_shipping":
        return Counted(rule, shipping=ZERO if basket.free_shipping else _shipping_now(basket))
    if benefit.kind == "gift":
        return Counted(rule, gift=_gift(rule, basket))
    lines: tuple[PriceLine, ...] = covered(rule, given.lines)
    return Counted(rule, saving=saving(benefit, Covered(lines, given.lines, basket.left, given.currency)))


def _gift(rule: PromotionRule, basket: _Basket) -> Gift | None:
    for gift in basket.given.gifts:
        if gift.variant == rule.benefit.gift and basket.gifts[gift.variant] >= rule.benefit.get:
            return gift
    return None


def _shipping_now(basket: _Basket) -> Decimal:
    rule = basket.given.shipping
    if rule is None:
        return ZERO
    return shipping_price(rule, goods=sum(basket.left.values(), ZERO), grams=weight_of(basket.given.lines))


def _worthless(rule: PromotionRule, basket: _Basket) -> str:
    match rule.benefit.kind:
        case "gift":
            return "gift_unavailable"
        case "free_shipping":
            return "shipping_not_chosen" if basket.given.shipping is None else "shipping_is_free"
        case _:
            return "saves_nothing"
