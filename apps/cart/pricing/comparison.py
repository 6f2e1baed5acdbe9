"""What changed between two prices of one cart, and why: line by line, field by field.

A price is compared as a snapshot, a plain dict that JSON can hold, so that an old one can wait in the database. Amounts
in it are decimal strings of the currency's digits. `compare` names every difference that a buyer would pay or save by;
where it finds none, the two prices are the same on every line.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from apps.cart.pricing.terms import PricingInput, Quote, QuotedLine, TaxRow
from apps.common.money import money_json

Cause = Literal[
    "consequence",
    "coupon_expired",
    "coupon_not_applicable",
    "currency_changed",
    "exchange_rate_changed",
    "insufficient_stock",
    "line_added",
    "line_removed",
    "price_changed",
    "promotion_changed",
    "promotion_ended",
    "promotion_not_applicable",
    "promotion_started",
    "quantity_changed",
    "quantity_not_allowed",
    "shipping_changed",
    "shipping_method_changed",
    "shipping_unavailable",
    "tax_changed",
    "variant_unavailable",
]
# Reasons that no change of the basket can overcome.
OVER = frozenset({"not_running", "ended", "code_inactive", "code_expired", "code_used", "usage_limit_reached"})
Snapshot = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `line` is null for the whole cart; `reason` says more of a promotion (docs/pricing.md)."""

    line: str | None
    field: str
    old: str | None
    new: str | None
    cause: Cause
    reason: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {
            "line": self.line,
            "field": self.field,
            "old": self.old,
            "new": self.new,
            "cause": self.cause,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What the present cart tells of what is missing: lines not sold any more, promotions refused and why."""

    unavailable: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


def snapshot(given: PricingInput, quote: Quote) -> dict[str, Any]:
    """A price as it can be stored and compared. It holds no address."""

    def money(amount: Decimal) -> str:
        return money_json(amount, quote.currency)["amount"]

    sources = {line.key: line.price_source for line in given.lines}
    return {
        "currency": quote.currency,
        "exemption": quote.exemption,
        "lines": {
            str(line.key): _line(line, sources.get(line.key, "gift"), money)
            for line in sorted(quote.lines, key=lambda line: line.key)
        },
        "promotions": {
            str(each.key): {
                "name": each.name,
                "code": each.code,
                "discount": money(each.discount),
                "shipping": money(each.shipping),
            }
            for each in quote.promotions
        },
        "shipping_method": given.shipping.code if given.shipping is not None else "",
        "shipping": money(quote.shipping),
        "shipping_tax": money(quote.shipping_tax),
        "shipping_rates": _rates(quote.shipping_taxes),
        "subtotal": money(quote.subtotal),
        "discount": money(quote.discount),
        "tax": money(quote.tax),
        "total": money(quote.total),
    }


def compare(old: Snapshot, new: Snapshot, known: Known | None = None) -> list[Change]:
    """Every difference between two snapshots, in a fixed order, the total last; empty when the price still holds."""
    if old["currency"] != new["currency"]:
        rows = [Change(None, "currency", old["currency"], new["currency"], "currency_changed")]
    else:
        both = _Both(old, new, known or Known())
        rows = [*both.lines(), *both.promotions(), *both.shipping()]
    return [*rows, *_field(None, "total", old["total"], new["total"], "consequence")]


def promotion_cause(*, code: str, reason: str) -> Cause:
    """Why a promotion that counted does not any more, by the reason pricing refuses it for."""
    if code:
        return "coupon_expired" if reason in OVER else "coupon_not_applicable"
    return "promotion_ended" if reason in OVER else "promotion_not_applicable"


def _line(line: QuotedLine, source: str, money: Any) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "quantity": str(line.quantity),
        "unit_price": money(line.unit_price),
        "source": source,
        "discount": money(line.discount),
        "tax": money(line.tax),
        "shares": {str(share.promotion): money(share.amount) for share in line.shares},
        "rates": _rates(line.taxes),
        "gift_of": str(line.gift_of) if line.gift_of is not None else None,
    }


def _rates(rows: Iterable[TaxRow]) -> list[list[str]]:
    return sorted([row.jurisdiction, row.name, f"{row.rate.normalize():f}"] for row in rows)


def _field(line: str | None, name: str, old: str, new: str, cause: Cause) -> Iterator[Change]:
    if old != new:
        yield Change(line, name, old, new, cause)


@dataclass(frozen=True, slots=True)
class _Both:
    """Two snapshots of one currency."""

    old: Snapshot
    new: Snapshot
    known: Known

    def lines(self) -> Iterator[Change]:
        before, after = self.old["lines"], self.new["lines"]
        for key, line in before.items():
            if key in after:
                yield from self._kept(key, line, after[key])
            else:
                yield Change(key, "quantity", line["quantity"], None, self._gone(key, line))
        for key, line in after.items():
            if key not in before:
                yield Change(key, "quantity", None, line["quantity"], self._came(line))

    def _gone(self, key: str, line: Mapping[str, Any]) -> Cause:
        if line["gift_of"] is not None:
            return self._promotion(line["gift_of"])[0]
        return "variant_unavailable" if key in self.known.unavailable else "line_removed"

    def _came(self, line: Mapping[str, Any]) -> Cause:
        return "line_added" if line["gift_of"] is None else self._promotion(line["gift_of"])[0]

    def _kept(self, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        yield from _field(key, "quantity", old["quantity"], new["quantity"], "quantity_changed")
        yield from _field(key, "unit_price", old["unit_price"], new["unit_price"], self._price_cause(old, new))
        yield from _field(key, "discount", old["discount"], new["discount"], self._discount_cause(old, new))
        other_rates = old["rates"] != new["rates"] or self._exemption_changed
        yield from _field(key, "tax", old["tax"], new["tax"], "tax_changed" if other_rates else "consequence")

    def _price_cause(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Cause:
        if self._exemption_changed:
            return "tax_changed"
        if old["source"] == new["source"]:
            return "price_changed"
        converted = all(each["source"].startswith("converted:") for each in (old, new))
        if converted:
            return "exchange_rate_changed"
        # Another quantity may reach another tier of a price list.
        return "price_changed" if old["quantity"] == new["quantity"] else "quantity_changed"

    def _discount_cause(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> Cause:
        before, after = old["shares"], new["shares"]
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        causes = [self._promotion(key)[0] for key in changed]
        return next((cause for cause in causes if cause != "consequence"), "consequence")

    def promotions(self) -> Iterator[Change]:
        before, after = self.old["promotions"], self.new["promotions"]
        for key in {**before, **after}:
            old, new = before.get(key), after.get(key)
            if (old or {}).get("discount") == (new or {}).get("discount") and bool(old) == bool(new):
                continue
            cause, reason = self._promotion(key)
            shown = old or new or {}
            name = shown["code"] or shown["name"]
            kind = "coupon" if shown["code"] else "promotion"
            if old is None or new is None:
                yield Change(None, kind, name if old else None, name if new else None, cause, reason)
            elif cause != "consequence":
                yield Change(None, f"{kind}_discount", old["discount"], new["discount"], cause)

    def _promotion(self, key: str) -> tuple[Cause, str | None]:
        old, new = self.old["promotions"].get(key), self.new["promotions"].get(key)
        if old is None:
            return "promotion_started", None
        if new is None:
            reason = self.known.refused.get(key, "not_running")
            return promotion_cause(code=old["code"], reason=reason), reason
        return ("consequence" if self._goods_changed else "promotion_changed"), None

    @property
    def _goods_changed(self) -> bool:
        """Whether quantities or prices changed, of which discounts and shipping follow."""

        def goods(each: Snapshot) -> dict[str, Any]:
            return {key: (line["quantity"], line["unit_price"]) for key, line in each["lines"].items()}

        return goods(self.old) != goods(self.new) or self.old["promotions"].keys() != self.new["promotions"].keys()

    @property
    def _exemption_changed(self) -> bool:
        return bool(self.old["exemption"] != self.new["exemption"])

    def shipping(self) -> Iterator[Change]:
        old, new = self.old, self.new
        method = "shipping_method"
        yield from _field(None, method, old[method], new[method], "shipping_method_changed")
        yield from _field(None, "shipping", old["shipping"], new["shipping"], self._shipping_cause())
        other_rates = old["shipping_rates"] != new["shipping_rates"] or self._exemption_changed
        cause: Cause = "tax_changed" if other_rates else "consequence"
        yield from _field(None, "shipping_tax", old["shipping_tax"], new["shipping_tax"], cause)

    def _shipping_cause(self) -> Cause:
        if self.old["shipping_method"] != self.new["shipping_method"]:
            return "shipping_method_changed"
        for key in {**self.old["promotions"], **self.new["promotions"]}:
            either = [each["promotions"].get(key) for each in (self.old, self.new)]
            if None in either and any(Decimal(each["shipping"]) for each in either if each):
                return self._promotion(key)[0]
        return "consequence" if self._goods_changed else "shipping_changed"
