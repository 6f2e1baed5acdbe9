"""Reading Stripe's form encoding (a[b][0]=c) and checking values, with Stripe's messages."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from scripts.standin.errors import invalid, missing_param
from scripts.standin.store import Obj

Params = dict[str, Any]

MAX_DEPTH = 8
MAX_AMOUNT = 99_999_999
SMALLEST = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "cad": 50,
    "aud": 50,
    "chf": 50,
    "jpy": 50,
    "sek": 300,
    "nok": 300,
}
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NO_DECIMALS = _words("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf")
CURRENCIES = NO_DECIMALS | _words(
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils "
    "inr isk jmd jod kes kgs khr kwd kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr "
    "mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos "
    "srd std szl thb tjs tnd top try ttd twd tzs uah uyu uzs wst xcd yer zar zmw"
)
URL = re.compile(r"^(https?|[a-z][a-z0-9+.-]*)://[^\s]+$", re.IGNORECASE)


def parse_form(encoded: str) -> Params:
    """Decode a query string or body; arrays are `[]` or numbered keys."""
    root: Params = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        path = [part.rstrip("]") for part in name.split("[")]
        if len(path) > MAX_DEPTH:
            raise invalid("Invalid request: parameters are nested too deeply.")
        node = root
        for part in path[:-1]:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise invalid(f"Invalid object: {name}", param=path[0])
            node = child
        leaf = path[-1] if path[-1] else str(len(node))
        node[leaf] = value
    return dict(_lists(root))


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    # The keys of metadata are the caller's own, and may well be numbers.
    return {key: child if key == "metadata" else _lists(child) for key, child in value.items()}


def refuse_unknown(params: Params, allowed: frozenset[str]) -> None:
    for name in params:
        if name not in allowed and name != "expand":
            raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")


def text(params: Params, name: str) -> str | None:
    """A string, None when absent or empty (Stripe takes an empty value as unset)."""
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param=name)
    return value or None


def required_text(params: Params, name: str) -> str:
    value = text(params, name)
    if value is None:
        raise missing_param(name)
    return value


def boolean(params: Params, name: str, default: bool = False) -> bool:
    value = params.get(name)
    if value in (None, ""):
        return default
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def integer(params: Params, name: str, *, minimum: int = 1) -> int | None:
    value = params.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    number = int(value)
    if number < minimum:
        message = f"This value must be greater than or equal to {minimum}."
        raise invalid(message, param=name, code="parameter_invalid_integer")
    return number


def choice(params: Params, name: str, allowed: tuple[str, ...]) -> str | None:
    value = text(params, name)
    if value is not None and value not in allowed:
        options = ", ".join(allowed[:-1]) + f", or {allowed[-1]}" if len(allowed) > 1 else allowed[0]
        raise invalid(f"Invalid {name}: must be one of {options}", param=name)
    return value


def mapping(params: Params, name: str) -> Params:
    value = params.get(name)
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=name)
    return value


def url(params: Params, name: str) -> str | None:
    value = text(params, name)
    if value is not None and not URL.match(value):
        raise invalid("Not a valid URL", param=name, code="url_invalid")
    return value


def currency(params: Params) -> str:
    value = required_text(params, "currency").lower()
    if value not in CURRENCIES:
        message = f"Invalid currency: {value}. Stripe currently supports these currencies: usd, eur, gbp, ..."
        raise invalid(message, param="currency")
    return value


def amount_within_limits(amount: int, currency_code: str) -> None:
    smallest = SMALLEST.get(currency_code, 1)
    if amount < smallest:
        message = f"Amount must be at least {money(smallest, currency_code)}"
        raise invalid(message, param="amount", code="amount_too_small")
    if amount > MAX_AMOUNT:
        message = f"Amount must be no more than {money(MAX_AMOUNT, currency_code)}"
        raise invalid(message, param="amount", code="amount_too_large")


def money(amount: int, currency_code: str) -> str:
    """The amount (minor units) as Stripe writes it in messages: $10.00, or 10.00 chf."""
    plain = f"{amount:,}" if currency_code in NO_DECIMALS else f"{amount // 100:,}.{amount % 100:02d}"
    symbol = SYMBOLS.get(currency_code)
    return f"{symbol}{plain}" if symbol else f"{plain} {currency_code}"


def merge_metadata(obj: Obj, params: Params) -> None:
    """Set given keys, drop keys given empty, drop all when metadata itself is empty."""
    if "metadata" not in params:
        return
    if params["metadata"] == "":
        obj["metadata"] = {}
        return
    merged = dict(obj.get("metadata") or {})
    for key, value in mapping(params, "metadata").items():
        _check_metadata(key, value)
        merged[key] = value
    merged = {key: value for key, value in merged.items() if value != ""}
    if len(merged) > 50:
        raise invalid("Metadata can have up to 50 keys.", param="metadata")
    obj["metadata"] = merged


def _check_metadata(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise invalid("Metadata values must be strings.", param=f"metadata[{key}]")
    if len(key) > 40:
        message = f"Metadata keys can have up to 40 characters, '{key[:40]}' has {len(key)}."
        raise invalid(message, param="metadata")
    if len(value) > 500:
        message = f"Metadata values can have up to 500 characters, but you passed in a value of {len(value)}."
        raise invalid(message, param=f"metadata[{key}]")
