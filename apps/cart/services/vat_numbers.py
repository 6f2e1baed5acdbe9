"""VAT numbers of businesses in the European Union: their form, their check digits, and the reverse charge.

The check is offline: form and check digits, not whether somebody registered the number. An online register (VIES) is
asked only when VAT_REGISTRY names one.
"""

from typing import Final

import structlog
from django.conf import settings
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from apps.cart.gateways.vat_registries import vat_registry
from apps.cart.models import VatNumberCheck
from apps.common.errors import Invalid

log = structlog.get_logger(__name__)
EU_COUNTRIES: Final = frozenset(code.upper() for code in vat.MEMBER_STATES) - {"XI"}
# Greece's numbers begin with the letters of its language's name.
_COUNTRY_OF_PREFIX: Final = {"EL": "GR"}


def checked(number: str) -> tuple[str, VatNumberCheck]:
    """The number in its short form, and how far it was checked. Raises Invalid.

    Not to be called in a transaction: a register may be asked. One that gives no answer leaves it at the form.
    """
    try:
        short = str(vat.validate(number))
    except ValidationError:
        raise Invalid.field("/vat_number", "invalid", "This is no VAT number of the European Union.") from None
    registry = vat_registry()
    if registry is None:
        return short, VatNumberCheck.FORMAT
    try:
        is_registered = registry.is_registered(short)
    except Exception:
        log.exception("vat_registry_failed")
        return short, VatNumberCheck.FORMAT
    if not is_registered:
        raise Invalid.field("/vat_number", "not_registered", "The register does not know this number.")
    return short, VatNumberCheck.REGISTER


def reverses_charge(number: str, *, country: str) -> bool:
    """Whether the buyer owes the tax: a business of another member state, goods that leave the shop's for another.

    `number` was checked before. A shop without a VAT number of its own, or outside the Union, always charges the tax.
    """
    ours = settings.SHOP_COUNTRY
    if not number or not settings.SHOP_VAT_NUMBER or ours not in EU_COUNTRIES:
        return False
    theirs = _COUNTRY_OF_PREFIX.get(number[:2], number[:2])
    return theirs in EU_COUNTRIES and theirs != ours and country in EU_COUNTRIES and country != ours
