"""Buyers over HTTP, in a process of their own: browse, fill a cart, order, pay, some cancel. They never give up early.

    python -m scripts.chaos.buyers --shop 8150 --stripe 8151 --name x --orders 50 --seconds 10 --out x.json

Every step that fails is sent again, orders and payments with their Idempotency-Key, until there is a definite answer.
"""

import argparse
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from scripts.bench.flows import ADDRESS, API, sku_in_stock
from scripts.chaos.provider import INTENTS, Provider

PATIENCE_SECONDS = 150.0
PAUSE_SECONDS = 0.3
SKUS = 7  # few, so that buyers meet at the same rows
CUT = "cut"


class GaveUp(Exception):  # noqa: N818 - what a buyer did
    """No definite answer within the patience of a buyer."""


class Refused(Exception):  # noqa: N818 - what the shop did
    """A definite answer that no step expects."""


@dataclass
class Purchase:
    """What a buyer saw. `ended`: paid, cancelled, or why not. `waited`: longest, in seconds, for a definite answer
    since the step's first request or, where connections broke, since the last of them broke.
    """

    email: str
    order: str = ""
    intent: str = ""
    ended: str = ""
    placed_at: float = 0.0
    slowest: float = 0.0
    waited: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)


class Buyer:
    """One purchase after the other over one kept connection."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.provider = Provider(options.stripe)
        self.http = HTTPConnection("127.0.0.1", options.shop, timeout=30)

    def buy(self, number: int) -> Purchase:
        bought = Purchase(email=f"{self.options.name}-{number}@chaos.example")
        try:
            bought.ended = self._steps(bought, number)
        except (GaveUp, Refused) as problem:
            bought.ended = f"{type(problem).__name__}: {problem}"
        return bought

    def _steps(self, bought: Purchase, number: int) -> str:
        headers = self._order(bought, number)
        self._pay(bought, number, headers)
        if number % 10 != 7:
            return "paid"
        path = f"/orders/{bought.order}/cancel/"
        self._until(bought, 200, "POST", path, {"reason": "changed my mind"}, headers)
        return "cancelled"

    def leave_unpaid(self, number: int) -> Purchase:
        """An order with a payment begun and never made."""
        bought = Purchase(email=f"{self.options.name}-{number}@chaos.example", ended="left")
        self._begin_payment(bought, self._order(bought, number))
        return bought

    def _order(self, bought: Purchase, number: int) -> dict[str, str]:
        """Browse, fill a cart, place the order; returns the headers that open it."""
        sku = sku_in_stock(number % SKUS)
        self._until(bought, 200, "GET", f"/products/?search=bulk&page_size={1 + number % 20}")
        self._until(bought, 200, "GET", f"/products/{sku[:11].lower()}/")
        cart = self._until(bought, 201, "POST", "/cart/items/", {"sku": sku, "quantity": 1})
        body = {"email": bought.email, "shipping_address": ADDRESS, "shipping_method": "standard"}
        headers = {"X-Cart-Token": cart["token"], "Idempotency-Key": f"order-{bought.email}"}
        order = self._until(bought, 201, "POST", "/orders/", body, headers)
        bought.order, bought.placed_at = order["id"], time.time()
        return {"X-Order-Token": order["order_token"]}

    def _begin_payment(self, bought: Purchase, headers: dict[str, str]) -> str:
        keyed = headers | {"Idempotency-Key": f"intent-{bought.email}"}
        body = {"order": bought.order, "provider": "stripe"}
        intent = self._until(bought, 201, "POST", "/payments/create-intent/", body, keyed)
        bought.intent = intent["client_secret"].split("_secret")[0]
        return str(intent["id"])

    def _pay(self, bought: Purchase, number: int, headers: dict[str, str]) -> None:
        payment = self._begin_payment(bought, headers)
        if self.options.browser:
            self._pay_in_the_browser(bought)
            return
        if number % 10 == 3:
            self._confirm(bought, payment, "pm_card_chargeDeclined", 402, headers)
        self._confirm(bought, payment, "pm_card_visa", 200, headers)

    def _confirm(self, bought: Purchase, payment: str, card: str, expected: int, headers: dict[str, str]) -> None:
        body = {"payment": payment, "payment_method": card}
        keyed = headers | {"Idempotency-Key": f"{card}-{bought.email}"}
        self._until(bought, expected, "POST", "/payments/confirm/", body, keyed)

    def _pay_in_the_browser(self, bought: Purchase) -> None:
        """As Stripe.js does: the shop hears of it by its webhook alone."""
        path = f"{INTENTS}/{bought.intent}/confirm"
        fields = {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"}
        self._patiently(bought, lambda: self.provider.ask(path, **fields)[0] == 200 or None)

    def _until(
        self,
        bought: Purchase,
        expected: int,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """The answer with the expected status, the same request sent again until it comes. Raises GaveUp, Refused."""

        def attempt() -> Any:
            status, answer = self._ask(bought, method, API + path, body, headers or {})
            if status == expected:
                return answer
            again = status >= 500 or status == 429 or answer.get("code") == "request_in_progress"
            if not again:
                raise Refused(f"{method} {path} answered {status} {answer.get('code')}")
            return None

        return self._patiently(bought, attempt)

    def _patiently(self, bought: Purchase, attempt: Callable[[], Any]) -> Any:
        began = last = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            try:
                if (found := attempt()) is not None:
                    return found
            except (OSError, HTTPException):
                bought.answers[CUT] += 1
                self.http.close()
                last = time.monotonic()
            finally:
                bought.waited = max(bought.waited, round(time.monotonic() - last, 2))
            time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))
        raise GaveUp(f"no answer in {PATIENCE_SECONDS:.0f} s")

    def _ask(
        self, bought: Purchase, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        sent = headers | ({"Content-Type": "application/json"} if body is not None else {})
        began = time.monotonic()
        try:
            self.http.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
            response = self.http.getresponse()
            text = response.read()
        finally:
            bought.slowest = max(bought.slowest, round(time.monotonic() - began, 2))
        bought.answers[str(response.status)] += 1
        if response.status >= 500 and response.headers.get("Content-Type") != "application/problem+json":
            bought.odd.append(f"{method} {path}: a {response.status} that is no problem document")
        answer: dict[str, Any] = json.loads(text)
        if response.status == 503 and "Retry-After" not in response.headers:
            bought.odd.append(f"{method} {path}: a 503 without Retry-After")
        if response.status >= 500 and response.status not in (502, 503):
            bought.odd.append(f"{method} {path}: {response.status} {answer.get('code')} {answer.get('request_id')}")
        return response.status, answer


def run(options: argparse.Namespace) -> list[Purchase]:
    """So many purchases by so many buyers, begun evenly over the given time."""
    numbers, lock = itertools.count(), threading.Lock()
    done: list[Purchase] = []
    began = time.monotonic()

    def browse() -> None:
        buyer = Buyer(options)
        while True:
            with lock:
                number = next(numbers)
            if number >= options.orders:
                return
            time.sleep(max(0.0, began + number * options.seconds / options.orders - time.monotonic()))
            purchase = buyer.buy(number)
            with lock:
                done.append(purchase)

    threads = [threading.Thread(target=browse) for _ in range(options.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("shop", "stripe", "orders"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--browser", action="store_true", help="pay at the provider, as Stripe.js does")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    done = run(options)
    options.out.write_text(json.dumps([vars(each) for each in done], indent=1))


if __name__ == "__main__":
    main()
