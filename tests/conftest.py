"""Fixtures of the whole suite."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apps.common import events
from apps.payments.gateways.registry import close_circuits
from scripts.standin.server import StripeStandin
from tests import cache_keys
from tests.client import ApiClient

# A busy machine is slow, not broken.
hypothesis_settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """No test sees another's cache."""
    yield
    cache_keys.forget_everything()


@pytest.fixture
def api() -> ApiClient:
    """An anonymous API client."""
    return ApiClient()


@pytest.fixture
def deliver() -> Any:
    """Deliver all pending events, as the worker would, until none is left."""

    def run() -> int:
        total = 0
        while done := events.deliver_due():
            total += done
        return total

    return run


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[StripeStandin]:
    """One stand-in for the whole run."""
    with StripeStandin() as server:
        yield server


@pytest.fixture
def stripe(stripe_server: StripeStandin, settings: Any) -> StripeStandin:
    """The stand-in, empty and well-behaved, as the shop's Stripe."""
    stripe_server.reset()
    close_circuits()
    settings.STRIPE_API_BASE = stripe_server.url
    settings.STRIPE_WEBHOOK_SECRET = stripe_server.webhook_secret
    return stripe_server
