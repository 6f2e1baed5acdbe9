"""The words of pricing: everything a price depends on (`PricingInput`) and what a price is (`Quote`). All frozen.

Nothing here reads a database, a setting or a clock. Amounts are Decimals of the input's currency; times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.common.money import ZERO

BenefitKind = Literal[
    "percent", "amount", "fixed_price", "buy_x_get_y", "cheapest_free", "tiered", "free_shipping", "gift"
]
RoundingLevel = Literal["line", "total"]
RoundingMode = Literal["half_up", "half_even", "half_down", "up", "down"]
StepKind = Literal["base_price", "gift", "promotion", "shipping", "tax"]
STANDARD = "standard"
UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """So many units of a variant at a unit price, and what rules may ask of it. `key` names the line in the quote."""

    key: UUID
    variant: UUID
    quantity: int
    unit_price: Decimal
    product: UUID | None = None
    categories: frozenset[UUID] = frozenset()
    """The product's categories and all their ancestors, so that a rule on a category covers what lies below it."""
    brand: str = ""
    sku: str = ""
    tax_category: str = STANDARD
    weight_grams: int = 0
    price_source: str = "list_price"
    """`list_price`, `price_list:<code>`, or `converted:<rate>@<date>`."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """What rules may ask of who is buying."""

    groups: frozenset[str] = frozenset()
    is_first_order: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a promotion applies and to which lines. What is empty asks nothing.

    `products`, `categories` and `brands` choose the lines it covers (each that is named must match); the minimum
    subtotal is that of the whole basket before discounts, the minimum quantity counts covered units. Weekdays (Monday
    is 0) and times of day are those of the shop's time zone; a window such as 22:00 to 02:00 goes over midnight.
    """

    minimum_subtotal: Decimal = ZERO
    minimum_quantity: int = 0
    products: frozenset[UUID] = frozenset()
    categories: frozenset[UUID] = frozenset()
    brands: frozenset[str] = frozenset()
    customer_groups: frozenset[str] = frozenset()
    first_order: bool = False
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    weekdays: frozenset[int] = frozenset()
    from_time: time | None = None
    until_time: time | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """From `threshold` on (money or units, by `Benefit.tier_by`) the benefit is `value` (percent or money)."""

    threshold: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Benefit:
    """What a promotion gives on the lines it covers.

    percent: `value` % off. amount: `value` off together, at most what they cost. fixed_price: `value` per unit.
    buy_x_get_y: of every `buy + get` units the cheapest `get` are `value` % off (100: free); with `get_products` the
    bought units are the covered ones and the cheapest units of those products are reduced. cheapest_free: the cheapest
    `get` units are free. tiered: the highest tier reached, in percent or money by `tier_kind`. free_shipping: shipping
    costs nothing. gift: `get` units of variant `gift` at no price. `maximum` caps what a percent may save.
    """

    kind: BenefitKind
    value: Decimal = ZERO
    maximum: Decimal | None = None
    buy: int = 0
    get: int = 1
    get_products: frozenset[UUID] = frozenset()
    tiers: tuple[Tier, ...] = ()
    tier_by: Literal["subtotal", "quantity"] = "subtotal"
    tier_kind: Literal["percent", "amount"] = "percent"
    gift: UUID | None = None


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """A promotion. Of one `group` only the offer that saves most applies; without a group it adds to all others.

    Groups are taken by priority (highest first), each on what the ones before left. An `exclusive` promotion applies
    alone, when it saves more than all others together. `code` is the coupon it was asked for with; `blocked` the reason
    why it can't be used whatever is in the basket (a cap that is reached).
    """

    key: UUID
    name: str
    benefit: Benefit
    conditions: Conditions = field(default_factory=Conditions)
    code: str = ""
    priority: int = 0
    exclusive: bool = False
    group: str = "default"
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Gift:
    """A variant that promotions may give away, while there are `available` units of it beyond the basket's own."""

    variant: UUID
    sku: str
    name: str
    available: int
    worth: Decimal


@dataclass(frozen=True, slots=True)
class ShippingBand:
    """From this many grams, or this much money, on shipping costs `price`."""

    threshold: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class ShippingRule:
    """A chosen shipping method.

    flat: `price`. weight: `price` and `per_kilogram` for each kilogram begun, or the band of the weight. price: the
    band of the discounted goods. A basket over `parcel_grams` is split into that many parcels, each at the price.
    """

    code: str
    price: Decimal
    name: str = ""
    basis: Literal["flat", "weight", "price"] = "flat"
    per_kilogram: Decimal = ZERO
    bands: tuple[ShippingBand, ...] = ()
    parcel_grams: int | None = None
    free_over: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TaxRule:
    """One rate of one jurisdiction; 0.19 is 19 %. Several rules of one category add up (state and county)."""

    name: str
    rate: Decimal
    jurisdiction: str = ""


@dataclass(frozen=True, slots=True)
class TaxRules:
    """The rates of the destination, by tax category; a category without its own entry takes `standard`'s.

    `exemption` is empty, `exempt` or `reverse_charge`: then nothing is taxed, and a price that contains tax is brought
    down to its net first.
    """

    by_category: Mapping[str, tuple[TaxRule, ...]]
    shipping: tuple[TaxRule, ...] = ()
    exemption: Literal["", "exempt", "reverse_charge"] = ""

    def of(self, category: str) -> tuple[TaxRule, ...]:
        return self.by_category.get(category, self.by_category.get(STANDARD, ()))


@dataclass(frozen=True, slots=True)
class Rounding:
    """Whether tax is rounded line by line or once per rate of the whole, and how ties go."""

    level: RoundingLevel = "line"
    mode: RoundingMode = "half_up"


@dataclass(frozen=True, slots=True)
class PricingInput:
    """Everything a price depends on. Nothing else may."""

    currency: str
    lines: tuple[PriceLine, ...]
    now: datetime
    zone: ZoneInfo = UTC
    country: str = ""
    channel: str = ""
    shopper: Shopper = field(default_factory=Shopper)
    promotions: tuple[PromotionRule, ...] = ()
    gifts: tuple[Gift, ...] = ()
    shipping: ShippingRule | None = None
    taxes: TaxRules | None = None
    prices_include_tax: bool = False
    rounding: Rounding = field(default_factory=Rounding)


@dataclass(frozen=True, slots=True)
class Share:
    """What a promotion takes off a line."""

    promotion: UUID
    name: str
    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One rate on one line or on the shipping: `amount` of `base`, contained in it where prices contain tax."""

    name: str
    jurisdiction: str
    rate: Decimal
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """What a line costs; `discount` and `tax` are the sums of its shares and rows."""

    key: UUID
    variant: UUID
    sku: str
    quantity: int
    unit_price: Decimal
    line_total: Decimal
    discount: Decimal
    tax: Decimal
    shares: tuple[Share, ...]
    taxes: tuple[TaxRow, ...]
    gift_of: UUID | None = None
    """The promotion that gives this line away."""

    @property
    def tax_rate(self) -> Decimal:
        return sum((row.rate for row in self.taxes), ZERO)


@dataclass(frozen=True, slots=True)
class AppliedPromotion:
    """A promotion that counts: what it takes off the goods and off the shipping."""

    key: UUID
    name: str
    code: str
    discount: Decimal
    shipping: Decimal


@dataclass(frozen=True, slots=True)
class RefusedPromotion:
    """A promotion that was tried and does not count, and why (a code of docs/pricing.md)."""

    key: UUID
    name: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the explanation. The amounts of the steps that count add up to the total.

    `amount = exact + rounding`. A tax that the price contains does not count.
    """

    kind: StepKind
    detail: str
    amount: Decimal
    exact: Decimal
    counts: bool = True
    line: UUID | None = None
    code: str = ""
    """Of a promotion `applied` or the reason why not; of a base price its source; of a tax its jurisdiction."""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def rounding(self) -> Decimal:
        return self.amount - self.exact


@dataclass(frozen=True, slots=True)
class Quote:
    """The price. `tax` includes `shipping_tax`; amounts are rounded to the currency.

    subtotal - discount + shipping (+ tax, unless prices contain it) = total.
    """

    currency: str
    lines: tuple[QuotedLine, ...]
    subtotal: Decimal
    discount: Decimal
    shipping: Decimal
    shipping_tax: Decimal
    shipping_taxes: tuple[TaxRow, ...]
    tax: Decimal
    total: Decimal
    prices_include_tax: bool
    exemption: str
    promotions: tuple[AppliedPromotion, ...]
    refused: tuple[RefusedPromotion, ...]
    steps: tuple[Step, ...]
    rounding: Rounding
