"""Which gateway speaks to which provider: `PAYMENT_GATEWAYS` names a class for each."""

from functools import lru_cache
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.payments.gateways.base import Gateway
from apps.payments.gateways.breaker import CircuitBreaker, GuardedGateway
from apps.payments.gateways.vault import CardVault


@lru_cache(maxsize=16)
def _guarded(provider: str, path: str) -> GuardedGateway:
    return GuardedGateway(import_string(path)(), CircuitBreaker(provider))


def gateway(provider: str) -> Gateway:
    """The gateway of a provider, behind its circuit breaker. Raises KeyError for an unknown one."""
    return cast(Gateway, _guarded(provider, settings.PAYMENT_GATEWAYS[provider]))


def vault(provider: str) -> CardVault:
    """The same gateway as keeper of cards; Stripe is the one that does."""
    return cast(CardVault, _guarded(provider, settings.PAYMENT_GATEWAYS[provider]))


def close_circuits() -> None:
    """Forget every provider's failures."""
    for provider, path in settings.PAYMENT_GATEWAYS.items():
        _guarded(provider, path).breaker.reset()
