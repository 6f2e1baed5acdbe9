"""Europe's VAT rates from the packaged dataset, and the reverse charge that needs them."""

from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.cart.models import TaxRate, TaxZone
from apps.cart.services import vat_rates
from apps.common.models import Event
from tests.factories import ADDRESS, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db
BERLIN = ADDRESS | {"city": "Berlin", "region": "", "postal_code": "10178", "country": "DE", "phone": ""}
PARIS = ADDRESS | {"city": "Paris", "region": "", "postal_code": "75001", "country": "FR", "phone": ""}
START = date(2026, 1, 1)


def rates(country: str) -> dict[str, list[tuple[str, str, str | None]]]:
    found: dict[str, list[Any]] = {}
    for row in TaxRate.objects.filter(zone__country=country).select_related("category").order_by("valid_from"):
        until = str(row.valid_until) if row.valid_until else None
        found.setdefault(row.category.code, []).append((f"{row.rate.normalize():f}", str(row.valid_from), until))
    return found


def test_every_country_gets_its_rates_and_a_second_import_changes_nothing():
    first = vat_rates.import_rates(starting=START)
    assert (first.changed, first.unchanged) == (0, 0)
    assert TaxZone.objects.count() == len(vat_rates.known_countries())
    assert rates("DE") == {"standard": [("0.19", "2000-01-01", None)], "reduced": [("0.07", "2000-01-01", None)]}
    assert rates("FR")["reduced"] == [("0.055", "2000-01-01", None)]
    again = vat_rates.import_rates(starting=START)
    assert (again.created, again.changed, again.unchanged) == (0, 0, first.created)
    assert Event.objects.filter(type="tax_rates.imported").count() == 1


def test_a_rate_that_changed_ends_the_day_before_and_the_new_one_begins():
    vat_rates.import_rates(starting=START, countries=["DE"])
    TaxRate.objects.filter(category__code="standard").update(rate=Decimal("0.16"))
    done = vat_rates.import_rates(starting=date(2027, 1, 1), countries=["DE"])
    assert (done.created, done.changed, done.unchanged) == (0, 1, 1)
    assert rates("DE")["standard"] == [("0.16", "2000-01-01", "2026-12-31"), ("0.19", "2027-01-01", None)]


def test_the_command_says_what_it_did():
    out = StringIO()
    call_command("import_vat_rates", "--from", "2026-01-01", "--country", "de", stdout=out)
    assert out.getvalue().startswith("2 rates created, 0 changed, 0 unchanged (dataset of ")
    assert list(TaxZone.objects.values_list("code", flat=True)) == ["de"]


@pytest.mark.parametrize("arguments", [("--country", "ZZ"), ("--from", "tomorrow")])
def test_the_command_refuses_what_it_does_not_know(arguments):
    with pytest.raises(CommandError):
        call_command("import_vat_rates", *arguments)
    assert TaxRate.objects.count() == 0


@pytest.fixture
def european_shop(settings: Any) -> None:
    settings.SHOP_COUNTRY, settings.SHOP_VAT_NUMBER = "DE", "DE136695976"
    shop_rates()
    TaxRate.objects.all().delete()
    vat_rates.import_rates(starting=START, countries=["DE", "FR"])


@pytest.mark.parametrize(
    ("address", "vat_number", "tax", "exemption"),
    [
        (PARIS, "FR40303265045", "0.00", "reverse_charge"),
        (PARIS, None, "20.00", ""),
        (PARIS, "DE136695976", "20.00", ""),
        (BERLIN, "FR40303265045", "19.00", ""),
    ],
)
def test_a_business_of_another_member_state_owes_the_tax_itself(european_shop, address, vat_number, tax, exemption):
    cart = cart_with(sellable(price="100.00"))
    if vat_number:
        assert cart.patch("/cart/", {"vat_number": vat_number}).status_code == 200
    placed = cart.post("/orders/", order_body(shipping_address=address))
    assert placed.status_code == 201, placed.json()
    assert (placed.json()["totals"]["tax"]["amount"], placed.json()["tax_exemption"] or "") == (tax, exemption)


@pytest.mark.parametrize("number", ["FR40303265046", "US123456789", "nonsense", "DE1"])
def test_a_number_that_cannot_be_is_refused_and_not_kept(european_shop, number):
    cart = cart_with(sellable())
    refused = cart.patch("/cart/", {"vat_number": number})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/vat_number")
    assert cart.get("/cart/").json()["vat_number"] in ("", None)
