"""The currencies of the shop, and how a converted price is rounded in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from babel.core import get_global
from django.conf import settings
from django.core.cache import cache

from apps.common.errors import Invalid
from apps.common.models import Currency
from apps.common.money import ZERO, exponent

_KEY = "currencies"
# A change drops the remembered rows when it commits; this is for a reader who was quicker than that commit.
_SECONDS = 60


class UnsupportedCurrency(Invalid):
    code = "unsupported_currency"
    detail = "The shop has no prices in this currency."


@dataclass(frozen=True, slots=True)
class RoundingRule:
    """How converted prices of a currency look: multiples of `increment`, or one of those plus `ending`."""

    currency: str
    increment: Decimal | None = None
    ending: Decimal | None = None

    def round(self, amount: Decimal) -> Decimal:
        """The nearest price that fits, the dearer one at the tie. What costs something never costs nothing."""
        step = self.increment or exponent(self.currency)
        ending = self.ending or ZERO
        if amount <= 0:
            return ZERO.quantize(exponent(self.currency))
        multiples = ((amount - ending) / step).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        least = ending or step
        return max(multiples * step + ending, least).quantize(exponent(self.currency))


def rules() -> Mapping[str, RoundingRule]:
    """The currencies the shop sells in, by code, its own always among them. No statement while Redis remembers."""
    known: dict[str, RoundingRule] | None = cache.get(_KEY)
    if known is None:
        known = {row.code: RoundingRule(row.code, row.increment, row.ending) for row in _active()}
        cache.set(_KEY, known, _SECONDS)
    own: str = settings.DEFAULT_CURRENCY
    return {own: RoundingRule(own)} | known


def is_supported(code: str) -> bool:
    """Whether prices may be asked for and named in this currency."""
    return bool(code == settings.DEFAULT_CURRENCY) or code in rules()


def require(code: str) -> str:
    """The code. Raises UnsupportedCurrency: a price in another currency is not a fallback."""
    if not is_supported(code):
        raise UnsupportedCurrency
    return code


def check(currency: Currency) -> None:
    """Raises Invalid for a code that ISO 4217 does not know or a rounding that the currency cannot express."""
    if currency.code not in get_global("all_currencies"):
        raise Invalid.field("/code", "invalid_choice", "ISO 4217 does not know this currency.")
    for name in ("increment", "ending"):
        value = getattr(currency, name)
        if value is not None and value % exponent(currency.code):
            raise Invalid.field(f"/{name}", "too_precise", "This is finer than the currency's smallest unit.")
    if currency.ending is not None and not (currency.increment and 0 < currency.ending < currency.increment):
        raise Invalid.field("/ending", "max_value", "This must be below the increment, and above zero.")


def forget() -> None:
    """Read the rows anew with the next question."""
    cache.delete(_KEY)


def _active() -> list[Currency]:
    return list(Currency.objects.filter(is_active=True))
