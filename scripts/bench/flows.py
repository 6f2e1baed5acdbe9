"""What is measured: the five flows of a shopper, and what they are compared with.

A flow is a function of a caller and a number. Equal numbers do the same, so "cold" flows get a new number each time
(nothing of the answer is cached yet) and "warm" ones always the same.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scripts.seed.words import KINDS, MATERIALS, coin

API = "/api/v1"
ADDRESS = {
    "first_name": "Ben",
    "last_name": "Mark",
    "line1": "350 Fifth Avenue",
    "city": "New York",
    "region": "NY",
    "postal_code": "10118",
    "country": "US",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller(Protocol):
    """Sends one request over an open connection."""

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow and how it is shown. `fresh`: each run gets a new number."""

    name: str
    mode: str
    run: Callable[[Caller, int], None]
    fresh: bool = True


class UnexpectedAnswer(Exception):  # noqa: N818 - what the server did
    """The shop did not do what the flow needs; the measurement means nothing."""


def _ask(call: Caller, method: str, path: str, *, expect: int = 200, **more: Any) -> Answer:
    answer = call(method, path, **more)
    if answer.status != expect:
        raise UnexpectedAnswer(f"{method} {path} answered {answer.status}: {answer.body[:300]!r}")
    return answer


def healthz(call: Caller, number: int) -> None:
    _ask(call, "GET", "/healthz")


def category_list(call: Caller, number: int) -> None:
    """A page of 20 of one category with everything below it, by a filter nobody has asked for with this number."""
    category = sorted(KINDS)[number % len(KINDS)]
    _ask(call, "GET", f"{API}/products/?category={category}&{_never_asked(number)}")


def product_detail(call: Caller, number: int) -> None:
    """A product that was not looked at before (with up to as many numbers as there are products)."""
    _ask(call, "GET", f"{API}/products/bulk-{number * 7919 % product_count():06d}/")


def search(call: Caller, number: int) -> None:
    """Two words, alternately frequent (one product in eleven) and rare (one in five hundred)."""
    word = MATERIALS[number % len(MATERIALS)] if number % 2 else coin(number % 500, "series")
    _ask(call, "GET", f"{API}/products/?search={word.lower()}&{_never_asked(number)}")


def new_cart(call: Caller, number: int) -> None:
    """A guest puts a first thing into a new cart."""
    _add_line(call, number)


def checkout(call: Caller, number: int) -> None:
    """A guest's new cart, one line, and the order: stock held, totals frozen."""
    _order(call, number)


def paid_checkout(call: Caller, number: int) -> None:
    """The same, then paid by card at the Stripe stand-in."""
    order = _order(call, number)
    headers = {"X-Order-Token": order["order_token"]}
    body = {"order": order["id"], "provider": "stripe"}
    intent = _ask(call, "POST", f"{API}/payments/create-intent/", expect=201, body=body, headers=headers).json()
    body = {"payment": intent["id"], "payment_method": "pm_card_visa"}
    _ask(call, "POST", f"{API}/payments/confirm/", body=body, headers=headers)


FLOWS = (
    Flow("bare view (/healthz)", "-", healthz),
    Flow("category list", "warm", category_list, fresh=False),
    Flow("category list", "cold", category_list),
    Flow("product detail", "warm", product_detail, fresh=False),
    Flow("product detail", "cold", product_detail),
    Flow("search", "warm", search, fresh=False),
    Flow("search", "cold", search),
    Flow("new cart and line", "-", new_cart),
    Flow("whole checkout", "-", checkout),
    Flow("checkout and payment", "-", paid_checkout),
)


def product_count() -> int:
    """How many bulk products there are; the run says it to its processes in BENCH_PRODUCTS."""
    return int(os.environ["BENCH_PRODUCTS"])


def sku_in_stock(number: int) -> str:
    """A SKU of the bulk products that has stock: every ninth has none (scripts/seed/scale.py)."""
    product = number * 7919 % product_count()
    size = "L" if product % 1000 % 9 == 2 else "S"
    return f"BULK-{product:06d}-{size}"


def _never_asked(number: int) -> str:
    return f"price_min=0.{number % 10_000:04d}&price_max={90_000 + number // 10_000}"


def _add_line(call: Caller, number: int) -> str:
    body = {"sku": sku_in_stock(number), "quantity": 1}
    token: str = _ask(call, "POST", f"{API}/cart/items/", expect=201, body=body).json()["token"]
    return token


def _order(call: Caller, number: int) -> dict[str, Any]:
    token = _add_line(call, number)
    body = {"email": "bench@example.com", "shipping_address": ADDRESS, "shipping_method": "standard"}
    headers = {"X-Cart-Token": token}
    order: dict[str, Any] = _ask(call, "POST", f"{API}/orders/", expect=201, body=body, headers=headers).json()
    return order
