"""Where which tax is due in the demo shop."""

from decimal import Decimal

from apps.cart.models import TaxRate, TaxZone
from apps.cart.models.taxes import BEGINNING
from apps.cart.services import vat_rates
from apps.products.models import TaxCategory

D = Decimal
# State sales tax in percent; for New York the combined rate of the city. States without one are left out.
US_STATES = (
    "AL 4 AZ 5.6 AR 6.5 CA 7.25 CO 2.9 CT 6.35 DC 6 FL 6 GA 4 HI 4 ID 6 IL 6.25 IN 7 IA 6 KS 6.5 KY 6 LA 5 ME 5.5 MD 6"
    " MA 6.25 MI 6 MN 6.875 MS 7 MO 4.225 NE 5.5 NV 6.85 NJ 6.625 NM 4.875 NY 8.875 NC 4.75 ND 5 OH 5.75 OK 4.5 PA 6"
    " RI 7 SC 6 SD 4.2 TN 7 TX 6.25 UT 6.1 VT 6 VA 5.3 WA 6.5 WV 6 WI 5 WY 4"
)
# States that do not tax delivery when it is charged apart.
_UNTAXED_DELIVERY = "AL AZ CA CO FL ID IL IA LA ME MD MA MO NV OK UT VA WY"
# Beyond the dataset of Europe.
ELSEWHERE = "AU 10 CA 5 JP 10 NZ 15"
# Zones within a state or country: code, name, country, region, first and last postal code, then rates by jurisdiction.
LOCAL = (
    (
        *("us-ca-beverly-hills", "Beverly Hills", "US", "CA", "90209", "90213"),
        (("US-CA", "California state tax", "6"), ("US-CA-LOS-ANGELES", "Los Angeles County tax", "3.5")),
    ),
    # The Canary Islands are outside the Union's VAT; their own tax is IGIC.
    (*("es-gc", "Las Palmas", "ES", "", "35", "35"), (("ES-CN", "IGIC", "7"),)),
    (*("es-tf", "Santa Cruz de Tenerife", "ES", "", "38", "38"), (("ES-CN", "IGIC", "7"),)),
)


def seed_taxes() -> None:
    """Europe from the dataset, the states of the US, some countries more, and places that differ from theirs."""
    vat_rates.import_rates(starting=BEGINNING)
    standard = TaxCategory.objects.get(code="standard")
    rates = []
    for state, percent in _pairs(US_STATES):
        zone = _zone(f"us-{state.lower()}", f"US-{state}", "US", state)
        untaxed = state in _UNTAXED_DELIVERY.split()
        rates.append((zone, f"US-{state}", f"{state} sales tax", percent, not untaxed))
    for country, percent in _pairs(ELSEWHERE):
        rates.append((_zone(country.lower(), country, country), country, "Value added tax", percent, True))
    for code, name, country, region, first, last, parts in LOCAL:
        zone = _zone(code, name, country, region, first, last)
        untaxed = region in _UNTAXED_DELIVERY.split()
        rates += [(zone, jurisdiction, label, percent, not untaxed) for jurisdiction, label, percent in parts]
    for zone, jurisdiction, label, percent, taxes_shipping in rates:
        TaxRate.objects.update_or_create(
            zone=zone,
            category=standard,
            jurisdiction=jurisdiction,
            valid_from=BEGINNING,
            defaults={"name": label, "rate": D(percent) / 100, "taxes_shipping": taxes_shipping},
        )


def _zone(code: str, name: str, country: str, region: str = "", first: str = "", last: str = "") -> TaxZone:
    place = {"country": country, "region": region, "postal_from": first, "postal_to": last}
    return TaxZone.objects.update_or_create(code=code, defaults={"name": name, **place})[0]


def _pairs(text: str) -> list[tuple[str, str]]:
    words = text.split()
    return list(zip(words[::2], words[1::2], strict=True))
