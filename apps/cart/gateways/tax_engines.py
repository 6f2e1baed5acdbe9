"""Who knows the tax rates of a destination: our tables, or an engine outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from apps.cart.pricing.terms import TaxRules


@dataclass(frozen=True, slots=True)
class TaxQuestion:
    """Where goods go and on which day the tax is due. Texts are those of a validated address, empty when unknown."""

    country: str
    region: str
    city: str
    postal_code: str
    line1: str
    day: date

    @classmethod
    def about(cls, address: Mapping[str, str], day: date) -> "TaxQuestion":
        names = ("country", "region", "city", "postal_code", "line1")
        return cls(day=day, **{name: address.get(name) or "" for name in names})


class TaxEngine(Protocol):
    """Answers the rates of a destination by tax category.

    `calls_network`: then it is asked outside transactions only and its answers are remembered
    (apps/cart/services/outside_answers.py). It must end by itself within a few seconds; whatever it raises counts as no
    answer.
    """

    calls_network: bool

    def rates(self, question: TaxQuestion) -> TaxRules | None:
        """The rates; None where no tax is due at all."""


def tax_engine() -> TaxEngine:
    """The engine of the setting TAX_ENGINE."""
    engine: TaxEngine = import_string(settings.TAX_ENGINE)()
    return engine
