"""The built-in tax engine: reads the zones and rates that staff keep."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import CharField, F, FilteredRelation, Func, Q, Value
from django.db.models.functions import Length

from apps.cart.gateways.tax_engines import TaxQuestion
from apps.cart.models import TaxZone
from apps.cart.models.taxes import SHIPPING_CATEGORY
from apps.cart.pricing.terms import STANDARD, TaxRule, TaxRules
from apps.common.text import plain_code

_DIGITS_AND_LETTERS = 36


class TaxTables:
    """One statement, however many zones, categories and rates there are."""

    calls_network = False

    def rates(self, question: TaxQuestion) -> TaxRules | None:
        """The rates of the most specific active zone of the address; None where there is no zone or it has none."""
        rows = list(_rows(question))
        if not rows:
            return None
        zone = max(rows, key=_specificity)["id"]
        found = [row for row in rows if row["id"] == zone and row["rate"] is not None]
        return _as_rules(found) if found else None


def _rows(question: TaxQuestion) -> Iterable[Mapping[str, Any]]:
    """Every zone that holds the address, once per rate that is valid then."""
    postal_code = plain_code(question.postal_code)
    beginning = Func(Value(postal_code), Length("postal_from"), function="left", output_field=CharField())
    return (
        TaxZone.objects.filter(Q(region="") | Q(region__iexact=question.region), country=question.country)
        .filter(is_active=True)
        .annotate(beginning=beginning, known=Length("beginning"), asked=Length("postal_from"))
        .filter(Q(postal_from__lte=F("beginning"), postal_to__gte=F("beginning"), known=F("asked")))
        .annotate(
            valid=FilteredRelation(
                "rates",
                condition=Q(rates__valid_from__lte=question.day)
                & (Q(rates__valid_until=None) | Q(rates__valid_until__gte=question.day)),
            )
        )
        .order_by("valid__category__code", "valid__jurisdiction", "valid__id")
        .values(
            "id",
            "code",
            "region",
            "postal_from",
            "postal_to",
            rate=F("valid__rate"),
            label=F("valid__name"),
            jurisdiction=F("valid__jurisdiction"),
            category=F("valid__category__code"),
            taxes_shipping=F("valid__taxes_shipping"),
        )
    )


def _specificity(row: Mapping[str, Any]) -> tuple[int, int, bool, str]:
    """Longer postal codes first, then narrower ranges, then regions; the code decides between equal ones."""
    first, last = row["postal_from"], row["postal_to"]
    width = int(last, _DIGITS_AND_LETTERS) - int(first, _DIGITS_AND_LETTERS) if first else 0
    return len(first), -width, bool(row["region"]), row["code"]


def _as_rules(rows: list[Mapping[str, Any]]) -> TaxRules:
    by_category: dict[str, tuple[TaxRule, ...]] = {}
    shipping: tuple[TaxRule, ...] = ()
    for row in rows:
        rule = TaxRule(name=row["label"], rate=row["rate"], jurisdiction=row["jurisdiction"])
        by_category[row["category"]] = (*by_category.get(row["category"], ()), rule)
        if row["category"] == STANDARD and row["taxes_shipping"]:
            shipping = (*shipping, rule)
    return TaxRules(by_category=by_category, shipping=by_category.get(SHIPPING_CATEGORY, shipping))
