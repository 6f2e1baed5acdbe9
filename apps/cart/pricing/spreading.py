"""Splitting an amount so that the parts add up exactly."""

from collections.abc import Hashable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Any, TypeVar

from apps.common.money import ZERO, exponent

Key = TypeVar("Key", bound=Hashable)


def spread(amount: Decimal, weights: Mapping[Key, Decimal], currency: str) -> dict[Key, Decimal]:
    """Split an amount in proportion to weights; the shares add up exactly (largest remainder, Hamilton's method).

    Shares are whole smallest units and never exceed their weight when the amount does not exceed the sum of weights.
    Ties go to the smaller key, so the order of lines does not matter. Raises ValueError when all weights are zero.
    """
    total = sum(weights.values(), ZERO)
    if total <= 0:
        raise ValueError("nothing to spread over")
    unit = exponent(currency)
    exact = {key: amount * weight / total for key, weight in weights.items()}
    shares = {key: value.quantize(unit, rounding=ROUND_FLOOR) for key, value in exact.items()}
    missing = int((amount - sum(shares.values(), ZERO)) / unit)

    def by_remainder(key: Any) -> Any:
        return shares[key] - exact[key], key

    for key in sorted(exact, key=by_remainder)[:missing]:
        shares[key] += unit
    return shares
