"""The rules of risk: each looks at the facts of an order and says, if anything, how much they weigh and why.

Pure: no database, no settings. docs/risk.md has the table; weights may be changed by RISK_WEIGHTS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import structlog

log = structlog.get_logger(__name__)
DEFAULT_WEIGHTS: dict[str, int] = {
    "amount_above_history": 20,
    "account_velocity": 25,
    "address_velocity": 25,
    "card_velocity": 40,
    "address_mismatch": 20,
    "disposable_mail": 35,
    "many_declines": 30,
    "new_account_express": 20,
    "provider_elevated": 40,
    "provider_highest": 80,
}
_SAME_PLACE = ("country", "postal_code", "line1")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an order when its money has been promised. Amounts are in the order's currency."""

    total: Decimal
    currency: str
    highest_before: Decimal | None  # the most that this buyer has paid for an order; None: the first one
    large_first_order: Decimal  # a first order above it is unusual
    orders_of_buyer: int  # in 24 hours, with this one
    buyers_at_address: int  # different mail addresses, in 24 hours, with this one
    buyers_with_card: int  # different mail addresses, in 7 days, with this one
    declines: int  # of this buyer's payments, in 24 hours
    billing: Mapping[str, str]
    shipping: Mapping[str, str]
    mail_domain: str
    is_disposable: bool
    is_new_account: bool  # a guest, or registered within 24 hours
    is_express: bool
    provider_level: str = ""
    provider_score: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that spoke, in words for staff."""

    rule: str
    weight: int
    detail: str

    def as_json(self) -> dict[str, str | int]:
        return {"rule": self.rule, "weight": self.weight, "detail": self.detail}


def _amount_above_history(facts: Facts) -> str:
    if facts.highest_before is None:
        if facts.total > facts.large_first_order:
            return f"A first order of {facts.total:.2f} {facts.currency}, above {facts.large_first_order:.2f}."
        return ""
    if facts.total > 3 * facts.highest_before:
        return f"{facts.total:.2f} {facts.currency}; the most so far was {facts.highest_before:.2f}."
    return ""


def _account_velocity(facts: Facts) -> str:
    return f"{facts.orders_of_buyer} orders of this buyer in 24 hours." if facts.orders_of_buyer > 4 else ""


def _address_velocity(facts: Facts) -> str:
    return f"{facts.buyers_at_address} buyers at this address in 24 hours." if facts.buyers_at_address > 2 else ""


def _card_velocity(facts: Facts) -> str:
    return f"{facts.buyers_with_card} buyers with this card in 7 days." if facts.buyers_with_card > 2 else ""


def _address_mismatch(facts: Facts) -> str:
    differs = [name for name in _SAME_PLACE if _folded(facts.billing, name) != _folded(facts.shipping, name)]
    if "country" in differs:
        return f"Billed to {facts.billing.get('country')}, shipped to {facts.shipping.get('country')}."
    return "Billed to another address of the same country." if len(differs) == 2 else ""


def _disposable_mail(facts: Facts) -> str:
    return f"{facts.mail_domain} hands out addresses to be thrown away." if facts.is_disposable else ""


def _many_declines(facts: Facts) -> str:
    return f"{facts.declines} declined attempts in 24 hours." if facts.declines > 2 else ""


def _new_account_express(facts: Facts) -> str:
    return "A new account, or none, and express delivery." if facts.is_new_account and facts.is_express else ""


def _provider_elevated(facts: Facts) -> str:
    return _provider_said(facts) if facts.provider_level == "elevated" else ""


def _provider_highest(facts: Facts) -> str:
    return _provider_said(facts) if facts.provider_level == "highest" else ""


def _provider_said(facts: Facts) -> str:
    score = "" if facts.provider_score is None else f", score {facts.provider_score}"
    return f"The provider's own risk level: {facts.provider_level}{score}."


def _folded(address: Mapping[str, str], name: str) -> str:
    return "".join(str(address.get(name) or "").split()).casefold()


RULES: dict[str, Callable[[Facts], str]] = {
    "amount_above_history": _amount_above_history,
    "account_velocity": _account_velocity,
    "address_velocity": _address_velocity,
    "card_velocity": _card_velocity,
    "address_mismatch": _address_mismatch,
    "disposable_mail": _disposable_mail,
    "many_declines": _many_declines,
    "new_account_express": _new_account_express,
    "provider_elevated": _provider_elevated,
    "provider_highest": _provider_highest,
}


def reasons_of(facts: Facts, weights: Mapping[str, int]) -> list[Reason]:
    """The rules that speak, heaviest first. A weight of 0 switches a rule off; one that fails is named and weighs 0."""
    found = []
    for name, rule in RULES.items():
        weight = weights.get(name, DEFAULT_WEIGHTS[name])
        if weight <= 0:
            continue
        try:
            detail = rule(facts)
        except Exception:
            log.exception("risk_rule_failed", rule=name)
            weight, detail = 0, "This rule failed; the log says why."
        if detail:
            found.append(Reason(name, weight, detail))
    return sorted(found, key=lambda reason: -reason.weight)


def score_of(reasons: list[Reason]) -> int:
    """0 to 100: the weights together."""
    return min(sum(reason.weight for reason in reasons), 100)
