"""Who knows what parcels cost: the table that staff keep, or a carrier outside."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.cart.models import ShippingBand
from apps.common.money import ZERO
from apps.common.text import plain_code


@dataclass(frozen=True, slots=True)
class Parcels:
    """So many parcels of the same weight."""

    grams: int
    count: int


@dataclass(frozen=True, slots=True)
class CarrierQuestion:
    """What is to be carried where, at a price in `currency`. `service` is the carrier's name of its product."""

    service: str
    country: str
    region: str
    postal_code: str
    parcels: tuple[Parcels, ...]
    currency: str


class CarrierRates(Protocol):
    """Prices parcels.

    `calls_network`: then it is asked outside transactions only and its answers are remembered
    (apps/cart/services/outside_answers.py). It must end by itself within a few seconds; whatever it raises counts as no
    answer.
    """

    calls_network: bool

    def price(self, question: CarrierQuestion) -> Decimal | None:
        """What all parcels cost together; None when the carrier does not take them."""


class TableRates:
    """The offline carrier: a table of destinations and weights. The most specific destination has all the say."""

    calls_network = False

    def __init__(self, rows: Iterable[ShippingBand]) -> None:
        self._rows = list(rows)

    def price(self, question: CarrierQuestion) -> Decimal | None:
        """The sum of each parcel's highest band; None where the destination or a weight is not in the table."""
        rows = self._of_destination(question.country, plain_code(question.postal_code))
        total = ZERO
        for parcels in question.parcels:
            reached = [row for row in rows if row.threshold <= parcels.grams]
            if not reached:
                return None
            total += max(reached, key=lambda row: row.threshold).price * parcels.count
        return total

    def _of_destination(self, country: str, postal_code: str) -> list[ShippingBand]:
        held = [
            row
            for row in self._rows
            if row.country in ("", country) and (not row.postal_prefix or postal_code.startswith(row.postal_prefix))
        ]
        best = max(((bool(row.country), len(row.postal_prefix)) for row in held), default=None)
        return [row for row in held if (bool(row.country), len(row.postal_prefix)) == best]


def carrier(key: str) -> CarrierRates | None:
    """The carrier that SHIPPING_CARRIERS names by this key; None when it names none."""
    path = settings.SHIPPING_CARRIERS.get(key)
    if path is None:
        return None
    found: CarrierRates = import_string(path)()
    return found
