"""The tax rules of a basket: rates of its destination, and who is exempt."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from apps.cart.gateways.tax_engines import TaxEngine, TaxQuestion, tax_engine
from apps.cart.gateways.tax_tables import TaxTables
from apps.cart.models import TaxExemption
from apps.cart.pricing.terms import TaxRules
from apps.cart.services import vat_numbers
from apps.cart.services.outside_answers import remembered_or_asked
from apps.common.errors import Unavailable


class TaxUnavailable(Unavailable):
    code = "tax_unavailable"
    detail = "The tax of this address cannot be told at the moment. Try again shortly."


def rules_for(
    address: Mapping[str, str] | None, *, user_id: UUID | None, vat_number: str, now: datetime
) -> TaxRules | None:
    """The rules of an address on the shop's present day; None where no tax is known or no address is given.

    Raises TaxUnavailable when an outside engine gives no answer and TAX_ENGINE_FAILURE is `refuse`.
    """
    if not address or not address.get("country"):
        return None
    day = now.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date()
    rules = _rates(TaxQuestion.about(address, day))
    if rules is None:
        return None
    return replace(rules, exemption=_exemption(address["country"], user_id, vat_number, day))


def _rates(question: TaxQuestion) -> TaxRules | None:
    engine: TaxEngine = tax_engine()
    if not engine.calls_network:
        return engine.rates(question)
    answer = remembered_or_asked(settings.TAX_ENGINE, question, lambda: engine.rates(question))
    if answer is not None:
        return answer.value
    if settings.TAX_ENGINE_FAILURE == "refuse":
        raise TaxUnavailable
    return TaxTables().rates(question)


def _exemption(
    country: str, user_id: UUID | None, vat_number: str, day: date
) -> Literal["", "exempt", "reverse_charge"]:
    if vat_numbers.reverses_charge(vat_number, country=country):
        return "reverse_charge"
    if user_id is None:
        return ""
    exempt = TaxExemption.objects.filter(
        Q(valid_until=None) | Q(valid_until__gte=day), user_id=user_id, country__in=("", country)
    )
    return "exempt" if exempt.exists() else ""
