"""A provider that fails in a row is left alone for a while; the order stays payable."""

from contextlib import suppress

import pytest

from apps.orders.models import Order
from apps.payments.gateways.base import ProviderPaused, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.breaker import CircuitBreaker
from apps.payments.models import Payment
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import at_stripe, confirm, intent_for, order_to_pay


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(settings, clock) -> CircuitBreaker:
    settings.PAYMENT_BREAKER_FAILURES, settings.PAYMENT_BREAKER_SECONDS = 3, 30
    return CircuitBreaker("stripe", clock)


def silent() -> None:
    raise ProviderUnavailable("timeout")


def refusing() -> None:
    raise ProviderRefused("no", "No.")


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ProviderUnavailable):
            breaker.call(silent)


def test_it_opens_after_failures_in_a_row_and_says_how_long(breaker, clock):
    fail(breaker, 3)
    clock.now += 10
    with pytest.raises(ProviderPaused) as paused:
        breaker.call(lambda: "never")
    assert paused.value.retry_after == 21


@pytest.mark.parametrize("answer", [lambda: "fine", refusing])
def test_any_answer_between_them_begins_the_row_anew(breaker, answer):
    fail(breaker, 2)
    with suppress(ProviderRefused):
        breaker.call(answer)
    fail(breaker, 2)
    assert breaker.call(lambda: "fine") == "fine"


def test_one_probe_at_a_time_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 30

    def probe() -> str:
        with pytest.raises(ProviderPaused):
            breaker.call(lambda: "a second probe")
        return "back"

    assert breaker.call(probe) == "back"
    assert breaker.call(lambda: "open to all") == "open to all"


def test_a_probe_that_fails_opens_it_again(breaker, clock):
    fail(breaker, 3)
    clock.now += 30
    fail(breaker, 1)
    with pytest.raises(ProviderPaused):
        breaker.call(lambda: "never")


@pytest.mark.django_db
def test_while_it_is_open_an_intent_is_refused_at_once_and_the_order_stays_payable(stripe, settings):
    shop_rates()
    settings.PAYMENT_BREAKER_FAILURES, settings.STRIPE_MAX_RETRIES = 2, 0
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "stripe"}
    stripe.control("POST", "faults", {"path": "/v1/*", "method": "*", "kind": "status", "status": 503, "times": 0})
    for _ in range(2):
        assert code(client.post("/payments/create-intent/", body)) == (502, "payment_provider_error")
    asked = len(stripe.control("GET", "log")["requests"])
    refused = client.post("/payments/create-intent/", body)
    assert code(refused) == (502, "payment_provider_error")
    assert 0 < int(refused["Retry-After"]) <= 31
    assert len(stripe.control("GET", "log")["requests"]) == asked
    stripe.control("DELETE", "faults")
    settings.PAYMENT_BREAKER_FAILURES = 5
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING
    assert confirm(client, intent_for(client, order)["id"]).json()["order"]["status"] == "confirmed"
    assert (Payment.objects.count(), len(at_stripe(stripe, "payment_intent"))) == (1, 1)
