"""Tax zones, rates, categories and exemptions: which rate an address pays, and how staff keep them over HTTP."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.cart.gateways.tax_engines import TaxQuestion
from apps.cart.gateways.tax_tables import TaxTables
from apps.cart.models import TaxExemption, TaxRate, TaxZone
from apps.common.models import Event
from apps.products.models import Product, TaxCategory
from tests.cart.staff import promotion_staff
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates, tax_rate
from tests.orders.steps import cart_with

pytestmark = pytest.mark.django_db
_MODELS = ("taxcategory", "taxzone", "taxrate", "taxexemption")


@pytest.fixture
def clerk() -> ApiClient:
    return promotion_staff(*(f"{verb}_{model}" for verb in ("view", "add", "change", "delete") for model in _MODELS))


def zone(key: str, **fields: Any) -> TaxZone:
    return TaxZone.objects.create(code=key, name=key, country=fields.pop("country", "US"), **fields)


def rate_in(where: TaxZone, rate: str, **fields: Any) -> TaxRate:
    category, _ = TaxCategory.objects.get_or_create(code=fields.pop("category", "standard"), defaults={"name": "C"})
    values = {"name": where.code, "jurisdiction": where.code} | fields
    return TaxRate.objects.create(zone=where, category=category, rate=Decimal(rate), **values)


def rates_at(**place: Any) -> dict[str, list[str]] | None:
    day = place.pop("day", date(2026, 6, 1))
    rules = TaxTables().rates(TaxQuestion.about({"country": "US", **place}, day))
    if rules is None:
        return None
    return {kind: [f"{rule.rate.normalize():f}" for rule in found] for kind, found in rules.by_category.items()}


def fault(response: Any) -> tuple[int, str, str]:
    error = response.json()["errors"][0]
    return response.status_code, error["pointer"], error["code"]


def test_the_most_specific_zone_of_an_address_taxes_it_alone():
    rate_in(zone("us"), "0.01")
    rate_in(zone("us-ny", region="NY"), "0.02")
    rate_in(zone("nyc", postal_from="100", postal_to="104"), "0.03")
    rate_in(zone("one-block", postal_from="10118", postal_to="10118"), "0.04")
    assert rates_at(region="CA", postal_code="90001") == {"standard": ["0.01"]}
    assert rates_at(region="ny", postal_code="12207") == {"standard": ["0.02"]}
    assert rates_at(region="NY", postal_code="104-99") == {"standard": ["0.03"]}
    assert rates_at(region="NY", postal_code="10118") == {"standard": ["0.04"]}
    assert rates_at(region="NY", postal_code="10599") == {"standard": ["0.02"]}
    assert rates_at(country="CA") is None


def test_a_zone_that_is_off_leaves_its_addresses_to_the_next():
    rate_in(zone("us"), "0.01")
    rate_in(zone("us-ny", region="NY", is_active=False), "0.02")
    assert rates_at(region="NY") == {"standard": ["0.01"]}


def test_rates_hold_from_their_first_day_to_their_last():
    de = zone("de", country="DE")
    rate_in(de, "0.19", valid_until=date(2026, 6, 30))
    rate_in(de, "0.16", valid_from=date(2026, 7, 1), valid_until=date(2026, 12, 31))
    found = {day: rates_at(country="DE", day=day) for day in (date(2026, 6, 30), date(2026, 7, 1), date(2027, 1, 1))}
    assert list(found.values()) == [{"standard": ["0.19"]}, {"standard": ["0.16"]}, None]


def test_rates_of_several_jurisdictions_add_up_and_categories_stand_apart():
    ny = zone("us-ny", region="NY")
    rate_in(ny, "0.04", jurisdiction="state")
    rate_in(ny, "0.045", jurisdiction="city")
    rate_in(ny, "0", jurisdiction="state", category="books")
    assert rates_at(region="NY") == {"standard": ["0.045", "0.04"], "books": ["0"]}


def test_the_database_refuses_two_rates_at_once():
    de = zone("de", country="DE")
    rate_in(de, "0.19", valid_until=date(2026, 6, 30))
    with pytest.raises(IntegrityError, match="tax_rates_do_not_overlap"), transaction.atomic():
        rate_in(de, "0.16", valid_from=date(2026, 6, 30))
    rate_in(de, "0.16", valid_from=date(2026, 7, 1))
    rate_in(de, "0.01", jurisdiction="another")
    assert TaxRate.objects.count() == 3


def test_staff_make_a_zone_with_a_rate_and_a_cart_pays_it(clerk):
    variant = sellable(price="100.00")
    cart = cart_with(variant)
    cart.patch("/cart/", {"shipping_address": ADDRESS})
    assert cart.get("/cart/").json()["totals"]["tax"]["amount"] == "0.00"
    made = clerk.post("/admin/tax-categories/", {"code": "bags", "name": "Bags"})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/admin/tax-categories/bags/")
    Product.objects.filter(pk=variant.product_id).update(tax_category="bags")
    body = {"code": "nyc", "name": "New York", "country": "US", "postal_from": "100", "postal_to": "104"}
    assert clerk.post("/admin/tax-zones/", body).json() == body | {"region": "", "is_active": True}
    rate = {"zone": "nyc", "category": "bags", "name": "Sales tax", "jurisdiction": "US-NY", "rate": "0.08875"}
    made = clerk.post("/admin/tax-rates/", rate)
    assert made.status_code == 201
    assert made.json() == rate | {
        "id": made.json()["id"],
        "taxes_shipping": True,
        "valid_from": "2000-01-01",
        "valid_until": None,
    }
    assert cart.get("/cart/").json()["totals"]["tax"]["amount"] == "8.88"
    assert list(Event.objects.filter(type="tax_rate.created").values_list("data", flat=True)) == [
        {"fields": ["category", "jurisdiction", "name", "rate", "zone"]}
    ]


def test_overlapping_rates_are_refused_with_a_clear_problem(clerk):
    first = tax_rate("0.19", country="DE")
    rate = {"zone": "de", "category": "standard", "name": "New", "jurisdiction": first.jurisdiction, "rate": "0.16"}
    refused = clerk.post("/admin/tax-rates/", rate | {"valid_from": "2027-01-01"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {
            "code": "overlaps",
            "detail": "Another rate of this zone, category and jurisdiction holds at that time.",
            "pointer": "",
        }
    ]
    assert TaxRate.objects.count() == 1
    assert clerk.patch(f"/admin/tax-rates/{first.pk}/", {"valid_until": "2026-12-31"}).status_code == 200
    assert clerk.post("/admin/tax-rates/", rate | {"valid_from": "2027-01-01"}).status_code == 201
    late = clerk.patch(f"/admin/tax-rates/{first.pk}/", {"valid_until": None})
    assert fault(late) == (400, "", "overlaps")
    first.refresh_from_db()
    assert first.valid_until == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("changes", "pointer", "why"),
    [
        ({"zone": "nowhere"}, "/zone", "does_not_exist"),
        ({"category": "nothing"}, "/category", "does_not_exist"),
        ({"rate": "1"}, "/rate", "max_value"),
        ({"rate": "-0.1"}, "/rate", "min_value"),
        ({"rate": 0.19}, "/rate", "wrong_type"),
        ({"rate": "0.123456"}, "/rate", "max_decimal_places"),
        ({"valid_from": "2027-01-01", "valid_until": "2026-12-31"}, "/valid_until", "invalid"),
        ({"name": "two\nlines"}, "/name", "control_character"),
        ({"surprise": 1}, "/surprise", "unknown_field"),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused(clerk, changes, pointer, why):
    tax_rate("0.19", country="DE")
    body = {"zone": "de", "category": "standard", "name": "X", "jurisdiction": "X", "rate": "0.1"} | changes
    assert fault(clerk.post("/admin/tax-rates/", body)) == (400, pointer, why)
    assert TaxRate.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "why"),
    [
        ({"country": "QQ"}, "/country", "invalid_choice"),
        ({"country": "us"}, "/country", "invalid"),
        ({"code": "de"}, "/code", "unique"),
        ({"code": "other", "country": "DE"}, "", "unique"),
        ({"postal_from": "100", "postal_to": "99"}, "", "invalid"),
        ({"postal_from": "100"}, "", "invalid"),
        ({"postal_from": "10 0", "postal_to": "10 4"}, "/postal_from", "invalid"),
    ],
)
def test_a_zone_that_makes_no_sense_is_refused(clerk, changes, pointer, why):
    zone("de", country="DE")
    body = {"code": "new", "name": "New", "country": "US"} | changes
    assert fault(clerk.post("/admin/tax-zones/", body)) == (400, pointer, why)
    assert TaxZone.objects.count() == 1


def test_changes_heed_if_match(clerk):
    tax_rate("0.19", country="DE")
    path = "/admin/tax-zones/de/"
    etag = clerk.get(path).headers["ETag"]
    assert clerk.get(path, If_None_Match=etag).status_code == 304
    changed = clerk.patch(path, {"name": "Germany"}, If_Match=etag)
    assert (changed.status_code, changed.json()["name"]) == (200, "Germany")
    assert changed.headers["ETag"] == clerk.get(path).headers["ETag"]
    assert code(clerk.patch(path, {"name": "Allemagne"}, If_Match=etag)) == (412, "precondition_failed")
    assert code(clerk.delete(path, If_Match=etag)) == (412, "precondition_failed")
    assert TaxZone.objects.get(code="de").name == "Germany"


def test_what_others_refer_to_is_not_deleted(clerk):
    rate = tax_rate("0.07", country="DE", category="books")
    assert code(clerk.delete("/admin/tax-zones/de/")) == (409, "still_used")
    assert code(clerk.delete("/admin/tax-categories/books/")) == (409, "still_used")
    assert clerk.delete(f"/admin/tax-rates/{rate.pk}/").status_code == 204
    Product.objects.filter(pk=sellable().product_id).update(tax_category="books")
    assert code(clerk.delete("/admin/tax-categories/books/")) == (409, "still_used")
    Product.objects.update(tax_category="standard")
    assert clerk.delete("/admin/tax-categories/books/").status_code == 204
    assert clerk.delete("/admin/tax-zones/de/").status_code == 204
    assert code(clerk.delete("/admin/tax-zones/de/")) == (404, "not_found")


def test_lists_are_found_by_what_staff_look_for(clerk):
    tax_rate("0.19", country="DE", valid_until=date(2026, 12, 31)), tax_rate("0.07", country="DE", category="books")
    tax_rate("0.20", country="FR")
    rates = lambda query: [row["rate"] for row in clerk.get("/admin/tax-rates/", query).json()["results"]]  # noqa: E731
    assert rates("") == ["0.07", "0.19", "0.2"]
    assert rates("zone=de&category=standard") == ["0.19"]
    assert rates("valid_on=2027-01-01") == ["0.07", "0.2"]
    zones = clerk.get("/admin/tax-zones/", "country=FR").json()
    assert ([row["code"] for row in zones["results"]], zones["count"]) == (["fr"], 1)
    assert code(clerk.get("/admin/tax-rates/", "zones=de")) == (400, "unknown_parameter")


def test_an_exempt_customer_pays_no_tax_where_and_while_exempt(clerk):
    shop_rates()
    alice = UserFactory(email="alice@example.com")
    cart = cart_with(sellable(price="100.00"), user=alice)
    cart.patch("/cart/", {"shipping_address": ADDRESS})
    tax = lambda: cart.get("/cart/").json()["totals"]["tax"]["amount"]  # noqa: E731
    assert tax() == "8.88"
    made = clerk.post("/admin/tax-exemptions/", {"email": "Alice@Example.com", "country": "US", "reason": "Cert 1"})
    assert (made.status_code, made.json()["email"]) == (201, "alice@example.com")
    assert tax() == "0.00"
    twice = clerk.post("/admin/tax-exemptions/", {"email": "alice@example.com", "country": "US", "reason": "Cert 2"})
    assert fault(twice) == (400, "", "unique")
    yesterday = (timezone.now() - timedelta(days=1)).date()
    path = f"/admin/tax-exemptions/{made.json()['id']}/"
    assert clerk.patch(path, {"valid_until": str(yesterday)}).status_code == 200
    assert tax() == "8.88"
    found = clerk.get("/admin/tax-exemptions/", "email=ALICE@example.com").json()
    assert [row["reason"] for row in found["results"]] == ["Cert 1"]
    assert clerk.delete(path).status_code == 204
    assert TaxExemption.objects.count() == 0


def test_an_exemption_needs_a_known_account_and_a_reason(clerk):
    UserFactory(email="alice@example.com")
    nobody = clerk.post("/admin/tax-exemptions/", {"email": "nobody@example.com", "reason": "x"})
    assert fault(nobody) == (400, "/email", "does_not_exist")
    blank = clerk.post("/admin/tax-exemptions/", {"email": "alice@example.com", "reason": " "})
    assert fault(blank) == (400, "/reason", "blank")
    assert TaxExemption.objects.count() == 0


def test_a_retried_post_makes_one_row(clerk):
    body = {"code": "books", "name": "Books"}
    first = clerk.post("/admin/tax-categories/", body, Idempotency_Key="k1")
    again = clerk.post("/admin/tax-categories/", body, Idempotency_Key="k1")
    assert (first.status_code, again.status_code, TaxCategory.objects.filter(code="books").count()) == (201, 201, 1)
    assert fault(clerk.post("/admin/tax-categories/", body)) == (400, "/code", "unique")
