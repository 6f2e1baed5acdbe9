"""Benefits as people name them (percent, amount, tiers), as the columns hold them (value, buy, get), and in words."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apps.cart.models import Promotion, PromotionTier
from apps.common.errors import FieldError, Invalid
from apps.common.money import ZERO, Money, format_money

Kind = Promotion.Kind
# What each kind requires, and what it may have beside that.
PARAMETERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    Kind.PERCENT: (frozenset({"percent"}), frozenset({"maximum"})),
    Kind.AMOUNT: (frozenset({"amount"}), frozenset()),
    Kind.FIXED_PRICE: (frozenset({"amount"}), frozenset()),
    Kind.BUY_X_GET_Y: (frozenset({"buy"}), frozenset({"get", "percent", "get_products"})),
    Kind.CHEAPEST_FREE: (frozenset(), frozenset({"get"})),
    Kind.TIERED: (frozenset({"tiers"}), frozenset()),
    Kind.FREE_SHIPPING: (frozenset(), frozenset()),
    Kind.GIFT: (frozenset({"gift"}), frozenset({"get"})),
}
_WITH_GET = (Kind.BUY_X_GET_Y, Kind.CHEAPEST_FREE, Kind.GIFT)
_NAMES_SHOWN = 3
LEAST, _HUNDRED = Decimal("0.01"), Decimal(100)
# A tier starts at one of the first two and gives one of the others.
_TIER_FROM = {"from_subtotal": Promotion.TierBy.SUBTOTAL, "from_quantity": Promotion.TierBy.QUANTITY}
_TIER_GIVES = {"percent": Promotion.TierKind.PERCENT, "amount": Promotion.TierKind.AMOUNT}


def columns_of(benefit: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a benefit given by `kind` and its parameters; what is None or empty is not given.

    Amounts are `Money`. Raises Invalid naming what is missing, too much or does not fit together.
    """
    kind = benefit["kind"]
    given = {name: value for name, value in benefit.items() if name != "kind" and value not in (None, [], "")}
    _require_exactly(kind, given)
    tiers = given.get("tiers", [])
    return {
        "kind": kind,
        "value": _value(kind, given),
        "maximum": given["maximum"].amount if "maximum" in given else None,
        "buy": given.get("buy", 0),
        "get": given.get("get", 1),
        "get_products": given.get("get_products", []),
        "gift": given.get("gift"),
        **_tier_columns(tiers),
    }


def amounts_in(benefit: Mapping[str, Any]) -> Iterable[tuple[str, Money]]:
    """Every amount of money of a benefit, with its JSON pointer."""
    for name in ("amount", "maximum"):
        if benefit.get(name) is not None:
            yield f"/benefit/{name}", benefit[name]
    for number, tier in enumerate(benefit.get("tiers") or ()):
        for name in ("from_subtotal", "amount"):
            if tier.get(name) is not None:
                yield f"/benefit/tiers/{number}/{name}", tier[name]


def benefit_of(promotion: Promotion, tiers: Sequence[PromotionTier]) -> dict[str, Any]:
    """The inverse of `columns_of`: every parameter, None (or empty) where the kind has none."""
    kind, money = promotion.kind, promotion.currency
    is_money = kind in (Kind.AMOUNT, Kind.FIXED_PRICE)
    return {
        "kind": kind,
        "percent": promotion.value if kind in (Kind.PERCENT, Kind.BUY_X_GET_Y) else None,
        "amount": Money(promotion.value, money) if is_money else None,
        "maximum": Money(promotion.maximum, money) if promotion.maximum is not None else None,
        "buy": promotion.buy or None,
        "get": promotion.get if kind in _WITH_GET else None,
        "gift": promotion.gift,
        "tiers": [_tier_of(promotion, tier) for tier in tiers],
    }


def sentence(promotion: Promotion, tiers: Sequence[PromotionTier] = ()) -> str:
    """What it gives, in words; what it asks stands in its conditions."""
    money = promotion.currency
    percent = f"{promotion.value.normalize():f} %"
    match promotion.kind:
        case Kind.PERCENT:
            cap = f", at most {format_money(promotion.maximum, money)}" if promotion.maximum is not None else ""
            return f"{percent} off{cap}"
        case Kind.AMOUNT:
            return f"{format_money(promotion.value, money)} off"
        case Kind.FIXED_PRICE:
            return f"{format_money(promotion.value, money)} each"
        case Kind.BUY_X_GET_Y:
            gives = "free" if promotion.value == _HUNDRED else f"{percent} off"
            return f"buy {promotion.buy}, get {promotion.get} {gives}"
        case Kind.CHEAPEST_FREE:
            return "the cheapest unit free" if promotion.get == 1 else f"the {promotion.get} cheapest units free"
        case Kind.TIERED:
            return "; ".join(_tier_sentence(promotion, tier) for tier in tiers) or "no tiers yet"
        case Kind.FREE_SHIPPING:
            return "free shipping"
    return f"{promotion.get} x {promotion.gift.sku if promotion.gift else 'nothing'} as a gift"


def full_sentence(promotion: Promotion) -> str:
    """What it gives and what it asks, for staff; read it with `Promotion.objects.for_staff()`."""
    money = promotion.currency
    named = [row.name for rows in (promotion.products, promotion.categories) for row in rows.all()]
    parts = [
        sentence(promotion, list(promotion.tiers.all())),
        f"on {_some([*named, *promotion.brands])}" if named or promotion.brands else "",
        f"from {format_money(promotion.minimum_subtotal, money)}" if promotion.minimum_subtotal else "",
        f"from {promotion.minimum_quantity} units" if promotion.minimum_quantity else "",
        f"for {_some([group.name for group in promotion.customer_groups.all()])}"
        if promotion.customer_groups.all()
        else "",
        "on a first order" if promotion.first_order else "",
        f"in {_some(promotion.countries)}" if promotion.countries else "",
        "with a code" if promotion.needs_coupon else "",
    ]
    return ", ".join(part for part in parts if part)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


def _require_exactly(kind: str, given: Mapping[str, Any]) -> None:
    required, optional = PARAMETERS[kind]
    errors = [
        FieldError("required", f"A benefit of the kind {kind} requires this.", f"/benefit/{name}")
        for name in sorted(required - given.keys())
    ]
    errors += [
        FieldError("unknown_field", f"A benefit of the kind {kind} does not have this.", f"/benefit/{name}")
        for name in sorted(given.keys() - required - optional)
    ]
    if errors:
        raise Invalid(errors=errors)


def _value(kind: str, given: Mapping[str, Any]) -> Decimal:
    if kind == Kind.BUY_X_GET_Y:
        return Decimal(given.get("percent", _HUNDRED))
    if "percent" in given:
        return Decimal(given["percent"])
    return Decimal(given["amount"].amount) if "amount" in given else ZERO


def _tier_columns(tiers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "tier_by": Promotion.TierBy.SUBTOTAL,
        "tier_kind": Promotion.TierKind.PERCENT,
        "tiers": [],
    }
    shapes = set()
    for number, tier in enumerate(tiers):
        start, gives = _one_of(number, tier, _TIER_FROM), _one_of(number, tier, _TIER_GIVES)
        shapes.add((start, gives))
        if len(shapes) > 1:
            raise Invalid.field(f"/benefit/tiers/{number}", "invalid", "All tiers must be of one form.")
        columns |= {"tier_by": _TIER_FROM[start], "tier_kind": _TIER_GIVES[gives]}
        row = (_plain(tier[start]), _plain(tier[gives]))
        if row[0] in {threshold for threshold, _ in columns["tiers"]}:
            raise Invalid.field(f"/benefit/tiers/{number}/{start}", "unique", "Two tiers start here.")
        columns["tiers"].append(row)
    return columns


def _one_of(number: int, tier: Mapping[str, Any], names: Iterable[str]) -> str:
    given = [name for name in names if tier.get(name) is not None]
    if len(given) != 1:
        raise Invalid.field(f"/benefit/tiers/{number}", "invalid", f"Exactly one of {', '.join(names)} is needed.")
    return given[0]


def _plain(value: Any) -> Decimal:
    return value.amount if isinstance(value, Money) else Decimal(value)


def _tier_of(promotion: Promotion, tier: PromotionTier) -> dict[str, Any]:
    by_subtotal = promotion.tier_by == Promotion.TierBy.SUBTOTAL
    in_percent = promotion.tier_kind == Promotion.TierKind.PERCENT
    return {
        "from_subtotal": Money(tier.threshold, promotion.currency) if by_subtotal else None,
        "from_quantity": None if by_subtotal else int(tier.threshold),
        "percent": tier.value if in_percent else None,
        "amount": None if in_percent else Money(tier.value, promotion.currency),
    }


def _tier_sentence(promotion: Promotion, tier: PromotionTier) -> str:
    row = _tier_of(promotion, tier)
    start = (
        format_money(tier.threshold, promotion.currency) if row["from_subtotal"] else f"{row['from_quantity']} units"
    )
    gives = (
        f"{tier.value.normalize():f} %" if row["percent"] is not None else format_money(tier.value, promotion.currency)
    )
    return f"from {start}: {gives} off"
