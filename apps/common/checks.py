"""System checks for mistakes that would only show in production."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from babel.core import get_global
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def the_shops_currency_exists(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Every price of the catalogue is in it."""
    if settings.DEFAULT_CURRENCY in get_global("all_currencies"):
        return []
    return [Error("DEFAULT_CURRENCY is not a currency of ISO 4217", id="tradepost.E001")]


@register()
def ways_of_working_are_known(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A mistyped rounding would fail with the first priced basket, a mistyped way to merge with a sign-in."""
    known = {
        "TAX_ROUNDING_LEVEL": ("line", "total"),
        "CART_MERGE": ("max", "sum", "guest", "customer"),
        "TAX_ENGINE_FAILURE": ("fallback", "refuse"),
        "TAX_ROUNDING_MODE": ("half_up", "half_even", "half_down", "up", "down"),
    }
    return [
        Error(f"{name} must be one of {', '.join(values)}", id="tradepost.E002")
        for name, values in known.items()
        if getattr(settings, name) not in values
    ]


@register()
def the_shops_time_zone_exists(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Promotions by weekday or time of day need it."""
    if settings.SHOP_TIME_ZONE in available_timezones():
        return []
    return [Error("SHOP_TIME_ZONE is not a known time zone", id="tradepost.E003")]
