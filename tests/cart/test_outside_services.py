"""Tax engines and carriers outside: asked before the transaction, never in it; what happens when they fail or hang."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from apps.cart.gateways.carriers import CarrierQuestion
from apps.cart.gateways.tax_engines import TaxQuestion
from apps.cart.gateways.vat_registries import vat_registry
from apps.cart.models import Cart, ShippingMethod
from apps.cart.pricing.terms import TaxRule, TaxRules
from apps.cart.services import outside_answers
from apps.orders.models import Order
from tests.client import ApiClient, code
from tests.factories import ADDRESS, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db
HERE = f"{__name__}"


def in_a_transaction_of_the_shop() -> bool:
    """The test's own transaction does not count."""
    return any(not block._from_testcase for block in connection.atomic_blocks)


class Outside:
    """How the other side behaves, and what it was asked."""

    asked: list[Any] = []
    in_transaction: list[bool] = []
    fails = False
    hangs: threading.Event | None = None

    @classmethod
    def answers(cls, question: Any) -> None:
        cls.asked.append(question)
        cls.in_transaction.append(in_a_transaction_of_the_shop())
        if cls.hangs is not None:
            cls.hangs.wait(10)
        if cls.fails:
            raise ConnectionError("the other side is down")


class FivePercent:
    calls_network = True

    def rates(self, question: TaxQuestion) -> TaxRules:
        Outside.answers(question)
        rule = TaxRule(name="Engine", rate=Decimal("0.05"), jurisdiction=question.region)
        return TaxRules(by_category={"standard": (rule,)}, shipping=())


class ByPieces:
    calls_network = True

    def price(self, question: CarrierQuestion) -> Decimal | None:
        Outside.answers(question)
        return None if question.country == "AQ" else Decimal("7.50")


@pytest.fixture(autouse=True)
def _outside(monkeypatch: Any) -> Iterator[None]:
    monkeypatch.setattr(outside_answers, "_in_transaction", in_a_transaction_of_the_shop)
    outside_answers.forget()
    Outside.asked, Outside.in_transaction, Outside.fails, Outside.hangs = [], [], False, None
    yield
    if Outside.hangs is not None:
        Outside.hangs.set()
    outside_answers.forget()


@pytest.fixture
def engine(settings: Any) -> None:
    settings.TAX_ENGINE = f"{HERE}.FivePercent"
    shop_rates()


@pytest.fixture
def post_office(settings: Any) -> None:
    settings.SHIPPING_CARRIERS = {"post": f"{HERE}.ByPieces"}
    shop_rates()
    ShippingMethod.objects.create(
        code="post", name="Post", kind="carrier", carrier="post", service="parcel", price=Decimal("1.00")
    )


def tax_of(answer: Any) -> str:
    return str(answer.json()["totals"]["tax"]["amount"])


def test_an_order_is_taxed_by_the_engine_that_was_asked_before_the_transaction(engine):
    placed = cart_with(sellable(price="100.00")).post("/orders/", order_body(), Idempotency_Key="one")
    assert (placed.status_code, tax_of(placed)) == (201, "5.00")
    assert Outside.in_transaction == [False]
    (question,) = Outside.asked
    assert (question.country, question.region, question.postal_code, question.line1) == (
        "US",
        "NY",
        "10118",
        "350 Fifth Avenue",
    )


def test_an_answer_is_remembered_and_asked_again_when_it_is_old(engine, settings):
    cart = cart_with(sellable(price="100.00"))
    cart.patch("/cart/", {"shipping_address": ADDRESS})
    for _ in range(3):
        assert tax_of(cart.get("/cart/")) == "5.00"
    assert len(Outside.asked) == 1
    settings.OUTSIDE_ANSWER_SECONDS = 0
    assert tax_of(cart.get("/cart/")) == "5.00"
    assert len(Outside.asked) == 2


def test_while_the_engine_fails_our_tables_answer_and_the_checkout_goes_on(engine):
    Outside.fails = True
    placed = cart_with(sellable(price="100.00")).post("/orders/", order_body())
    assert (placed.status_code, tax_of(placed)) == (201, "8.88")


def test_while_the_engine_fails_its_last_answer_is_better_than_none(engine, settings):
    cart = cart_with(sellable(price="100.00"))
    cart.patch("/cart/", {"shipping_address": ADDRESS})
    Outside.fails, settings.OUTSIDE_ANSWER_SECONDS = True, 0
    assert tax_of(cart.post("/orders/", order_body())) == "5.00"
    settings.OUTSIDE_ANSWER_KEPT_SECONDS = 0
    other = cart_with(sellable(price="100.00"))
    assert tax_of(other.post("/orders/", order_body())) == "8.88"


def test_a_shop_that_must_not_guess_refuses_to_price_and_keeps_the_cart(engine, settings):
    settings.TAX_ENGINE_FAILURE, Outside.fails = "refuse", True
    cart = cart_with(sellable(price="100.00"))
    refused = cart.post("/orders/", order_body())
    assert code(refused) == (503, "tax_unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert (Order.objects.count(), Cart.objects.get().status) == (0, "open")
    Outside.fails = False
    outside_answers.forget()
    assert tax_of(cart.post("/orders/", order_body())) == "5.00"


def test_nobody_waits_longer_than_the_timeout_and_the_pause_spares_the_next(engine, settings):
    settings.OUTSIDE_TIMEOUT_SECONDS, Outside.hangs = 0.2, threading.Event()
    cart = cart_with(sellable(price="100.00"))
    started = time.monotonic()
    assert tax_of(cart.post("/orders/", order_body())) == "8.88"
    first = time.monotonic() - started
    assert 0.2 <= first < 3
    other = cart_with(sellable(price="100.00"))
    assert tax_of(other.post("/orders/", order_body(shipping_address=ADDRESS | {"line1": "2 Main St"}))) == "8.88"
    assert len(Outside.asked) == 1


def test_the_pause_ends(engine, settings):
    settings.OUTSIDE_PAUSE_SECONDS, Outside.fails = 0, True
    cart = cart_with(sellable(price="100.00"))
    cart.patch("/cart/", {"shipping_address": ADDRESS})
    assert tax_of(cart.get("/cart/")) == "8.88"
    Outside.fails = False
    assert tax_of(cart.get("/cart/")) == "5.00"


def test_without_the_cache_an_answer_still_reaches_the_transaction(engine, monkeypatch):
    monkeypatch.setattr(cache, "get", lambda *args, **kwargs: None)
    monkeypatch.setattr(cache, "set", lambda *args, **kwargs: None)
    assert tax_of(cart_with(sellable(price="100.00")).post("/orders/", order_body())) == "5.00"


def test_a_carrier_is_asked_for_an_order_that_names_address_and_method_at_once(post_office):
    cart = cart_with(sellable(weight_grams=500), quantity=2)
    placed = cart.post("/orders/", order_body(shipping_method="post"), Idempotency_Key="one")
    assert placed.status_code == 201, placed.json()
    assert placed.json()["totals"]["shipping"]["amount"] == "8.50"
    (question,) = Outside.asked
    assert (question.service, question.country, question.currency) == ("parcel", "US", "USD")
    assert [(parcels.grams, parcels.count) for parcels in question.parcels] == [(1000, 1)]
    assert Outside.in_transaction == [False]


def test_a_carrier_that_fails_takes_its_own_methods_off_and_no_other(post_office):
    Outside.fails = True
    cart = cart_with(sellable())
    found = cart.post("/cart/shipping-rates/", {"country": "US", "include_unavailable": True}).json()
    assert [row["code"] for row in found["results"]] == ["standard", "express"]
    assert [(row["code"], row["reason"]) for row in found["unavailable"]] == [("post", "no_rate")]
    refused = cart.post("/orders/", order_body(shipping_method="post"))
    assert (*code(refused), refused.json()["reason"]) == (409, "shipping_unavailable", "no_rate")
    assert cart.post("/orders/", order_body()).status_code == 201


def test_a_carrier_that_failed_since_is_ordered_at_its_last_price(post_office, settings):
    cart = cart_with(sellable())
    offered = cart.post("/cart/shipping-rates/", {"country": "US", "region": "NY", "postal_code": "10118"}).json()
    assert (
        offered["results"][0] | {"code": "post", "price": {"amount": "8.50", "currency": "USD"}} in offered["results"]
    )
    Outside.fails, settings.OUTSIDE_ANSWER_SECONDS = True, 0
    placed = cart.post("/orders/", order_body(shipping_method="post"))
    assert (placed.status_code, placed.json()["totals"]["shipping"]["amount"]) == (201, "8.50")


def test_a_carrier_may_refuse_a_destination(post_office):
    found = cart_with(sellable()).post("/cart/shipping-rates/", {"country": "AQ", "include_unavailable": True}).json()
    assert [(row["code"], row["reason"]) for row in found["unavailable"]] == [("post", "no_rate")]


def test_a_quote_asks_too(engine, post_office_only):
    quote = cart_with(sellable(price="100.00")).post(
        "/cart/quote/", {"shipping_address": ADDRESS, "shipping_method": "post"}
    )
    assert quote.status_code == 200, quote.json()
    assert (quote.json()["totals"]["tax"]["amount"], quote.json()["totals"]["shipping"]["amount"]) == ("5.00", "8.50")
    assert Outside.in_transaction == [False, False]


@pytest.fixture
def post_office_only(settings: Any) -> None:
    settings.SHIPPING_CARRIERS = {"post": f"{HERE}.ByPieces"}
    ShippingMethod.objects.create(code="post", name="Post", kind="carrier", carrier="post", price=Decimal("1.00"))


class Register:
    known = True

    def is_registered(self, number: str) -> bool:
        if Outside.fails:
            raise TimeoutError
        return Register.known


def vat_check(client: ApiClient) -> tuple[int, str]:
    answer = client.patch("/cart/", {"vat_number": "DE136695976"})
    return answer.status_code, Cart.objects.get().vat_number_check


def test_a_register_confirms_refuses_or_is_left_out(settings, monkeypatch):
    shop_rates()
    client = cart_with(sellable())
    assert (vat_registry(), vat_check(client)) == (None, (200, "format"))
    settings.VAT_REGISTRY = f"{HERE}.Register"
    assert vat_check(client) == (200, "register")
    Outside.fails = True
    assert vat_check(client) == (200, "format")
    Outside.fails = False
    monkeypatch.setattr(Register, "known", False)
    assert vat_check(client) == (400, "format")
