import pytest
import stripe

from scripts.standin.server import StripeStandin
from tests.standin.receiver import Receiver

KEY = "sk_test_tradepost"


def client_for(standin, key=KEY, **options):
    http = stripe.RequestsClient(timeout=options.pop("timeout", 10))
    return stripe.StripeClient(key, base_addresses={"api": standin.url}, http_client=http, **options)


@pytest.fixture(autouse=True)
def _empty_cache():
    """Nothing of Django is used here: do without the suite's cache."""


@pytest.fixture(scope="session")
def shared_standin():
    with StripeStandin(webhook_backoff=0.02) as standin:
        yield standin


@pytest.fixture
def standin(shared_standin):
    shared_standin.reset()
    return shared_standin


@pytest.fixture
def client(standin):
    return client_for(standin)


@pytest.fixture
def api(client):
    return client.v1


@pytest.fixture
def receiver(standin):
    target = Receiver(standin.webhook_secret)
    standin.control("POST", "webhooks", {"url": target.url})
    yield target
    standin.reset()
    target.close()


@pytest.fixture
def pay(api):
    """Create and confirm in one call: 20.00 USD with a Visa unless told otherwise."""

    def make(method="pm_card_visa", **params):
        no_redirects = {"enabled": True, "allow_redirects": "never"}
        defaults = {"amount": 2000, "currency": "usd", "automatic_payment_methods": no_redirects}
        return api.payment_intents.create(params={**defaults, "payment_method": method, "confirm": True, **params})

    return make
