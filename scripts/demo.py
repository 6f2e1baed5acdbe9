"""`make demo`: a shopper buys something, over HTTP, step by step, from the first look to the parcel.

Runs against a shop with the demo data and the Stripe stand-in (`make run`), at BASE_URL or at PORT of this machine.
Every step says what it expects; the first difference ends the demo with a message and exit code 1. The shopper is
a new one each time, so it may run as often as you like.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from apps.notifications.services.mailbox import StoredMail, newest
from scripts.supervisor import coloured

BASE_URL = (os.environ.get("BASE_URL") or f"http://127.0.0.1:{os.environ.get('PORT') or '8000'}").rstrip("/")
MAIL_FOLDER = Path(os.environ.get("MAIL_FOLDER") or Path(__file__).resolve().parents[1] / ".local/mail")
PATIENCE_SECONDS = 15.0
GREEN, RED, BOLD, CYAN = 32, 31, 1, 36

STAFF = {"email": "staff@example.com", "password": "Staff@123"}
MUG, SHIRT = "OS-MUG-OAT", "HL-TEE-M-WHITE"
ADDRESS = {
    "first_name": "Dana",
    "last_name": "Demo",
    "line1": "350 Fifth Avenue",
    "city": "New York",
    "region": "NY",
    "postal_code": "10118",
    "country": "US",
    "phone": "+12125550123",
}
# Worked by hand from the demo data:
#   2 mugs at 18.50 and a shirt at 24.00            61.00
#   10 % off the mugs (Coffee week)                 -3.70
#   standard delivery (free from 100.00 on)         +5.00
#   New York sales tax 8.875 %, rounded per line:
#     mugs 33.30 -> 2.96, shirt 24.00 -> 2.13, delivery 5.00 -> 0.44
EXPECTED = {"subtotal": "61.00", "discount": "3.70", "shipping": "5.00", "tax": "5.53", "total": "67.83"}


class DemoFailed(Exception):  # noqa: N818 - what happened to the demo
    """Something is not as it should be; the text says what."""


class Client:
    """One person's browser: remembers tokens, checks every status, explains what differs."""

    def __init__(self) -> None:
        self.http = requests.Session()

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> requests.Response:
        url = BASE_URL + (path if path.startswith(("/healthz", "/ready")) else f"/api/v1{path}")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            answer = self.http.request(method, url, json=body, headers=sent, timeout=10)
        except requests.ConnectionError:
            raise DemoFailed(f"No shop answers at {BASE_URL}. Start it in another terminal: make run") from None
        except requests.RequestException as problem:
            raise DemoFailed(f"{method} {path} did not answer: {problem}") from None
        if answer.status_code != expect:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:400]}")
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def post(self, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        return self.call("POST", path, body, expect=expect, **headers).json()

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        pair: dict[str, Any] = self.post("/auth/login/", {"email": email, "password": password})
        self.http.headers["Authorization"] = f"Bearer {pair['access']}"
        return pair


def step(number: int, title: str) -> None:
    print(coloured(f"\n{number:>2}  {title}", BOLD))


def say(text: str) -> None:
    print(f"      {text}")


def check(what: str, found: object, expected: object) -> None:
    """One line per promise kept. Raises DemoFailed when it is not."""
    if found != expected:
        raise DemoFailed(f"{what}: found {found!r}, expected {expected!r}")
    print(coloured("    ✓", GREEN), what)


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """What `look` finds once it finds something. Raises DemoFailed after PATIENCE_SECONDS."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS:
        if found := look():
            print(coloured("    ✓", GREEN), f"{what} (after {time.monotonic() - began:.1f} s)")
            return found
        time.sleep(0.2)
    raise DemoFailed(f"{what}: not within {PATIENCE_SECONDS:.0f} s. Is the worker running?")


def amounts(totals: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: money["amount"] for name, money in totals.items()}


class Demo:
    """The story, a method per chapter."""

    def __init__(self) -> None:
        self.shopper, self.staff = Client(), Client()
        self.email = f"demo-{secrets.token_hex(4)}@example.com"
        self.password = f"Demo-{secrets.token_hex(6)}-pass"
        self.order: dict[str, Any] = {}

    def play(self) -> None:
        chapters = (
            ("The shop is up", self.health),
            ("Looking around", self.browse),
            ("A cart, before signing in", self.fill_cart_as_guest),
            ("Registering and signing in: the cart comes along", self.register),
            ("What it costs", self.price),
            ("Placing the order", self.place),
            ("Paying", self.pay),
            ("The order's life so far", self.timeline),
            ("The confirmation mail", self.confirmation_mail),
            ("Staff ships it", self.ship),
            ("The mail with the tracking number", self.shipped_mail),
        )
        for number, (title, chapter) in enumerate(chapters, start=1):
            step(number, title)
            chapter()

    def health(self) -> None:
        check("/healthz: the process is alive", self.shopper.get("/healthz")["status"], "ok")
        check("/ready: database, cache and broker answer", self.shopper.call("GET", "/ready").status_code, 200)

    def browse(self) -> None:
        roots = self.shopper.get("/products/categories/")["results"]
        say(", ".join(f"{root['name']} ({root['product_count']})" for root in roots))
        check("the tree begins with Electronics", [root["slug"] for root in roots[:1]], ["electronics"])
        coffee = self.shopper.get("/products/?category=coffee-tea&in_stock=true&ordering=price")
        for row in coffee["results"][:3]:
            say(f"{row['price']['amount']:>8} {row['price']['currency']}  {row['name']}  {row['rating'] or '-'} stars")
        prices = [float(row["price"]["amount"]) for row in coffee["results"]]
        check("a filtered list, cheapest first", prices, sorted(prices))
        hits = self.shopper.get("/products/?search=stoneware")["results"]
        check("a search for 'stoneware' finds the mug first", [hit["slug"] for hit in hits[:1]], ["stoneware-mug"])
        mug = self.shopper.get("/products/stoneware-mug/")
        variants = {variant["sku"]: variant for variant in mug["variants"]}
        say(f"{mug['name']}: " + ", ".join(f"{sku} {each['availability']}" for sku, each in variants.items()))
        check("the oat-coloured one costs 18.50 USD", variants[MUG]["price"], {"amount": "18.50", "currency": "USD"})
        check("its picture is served", len(mug["images"]), 2)

    def fill_cart_as_guest(self) -> None:
        cart = self.shopper.post("/cart/items/", {"sku": MUG, "quantity": 2}, expect=201)
        self.shopper.http.headers["X-Cart-Token"] = cart["token"]
        check("two mugs in a guest's cart", (cart["item_count"], cart["items"][0]["sku"]), (2, MUG))
        refused = self.shopper.post("/cart/items/", {"sku": "TN-SKIFF-SLATE", "quantity": 1}, expect=409)
        check("a sold-out laptop is refused", refused["code"], "insufficient_stock")

    def register(self) -> None:
        person = {"email": self.email, "password": self.password, "first_name": "Dana", "last_name": "Demo"}
        self.shopper.post("/auth/register/", person, expect=201)
        signed_in = self.shopper.sign_in(self.email, self.password)
        self.shopper.http.headers.pop("X-Cart-Token")
        check("signed in", signed_in["user"]["email"], self.email)
        check("the guest's cart is hers now", self.shopper.get("/cart/")["item_count"], 2)
        cart = self.shopper.post("/cart/items/", {"sku": SHIRT, "quantity": 1}, expect=201)
        check("and a shirt", cart["item_count"], 3)
        mail = wait_for("a mail asks to verify the address", lambda: self._mail("confirm your"))
        say(f"subject: {mail.subject}")

    def price(self) -> None:
        address = self.shopper.post("/users/me/addresses/", ADDRESS, expect=201)
        say(f"ships to {address['line1']}, {address['city']} {address['region']} {address['postal_code']}")
        destination = {name: address[name] for name in (*ADDRESS, "line2", "company")}
        self.address_id = address["id"]
        rates = self.shopper.post("/cart/shipping-rates/", {"country": address["country"]})["results"]
        say(", ".join(f"{rate['name']} {rate['price']['amount']}" for rate in rates))
        codes = [rate["code"] for rate in rates]
        check("four ways to get it in New York", codes, ["standard", "express", "economy", "pickup"])
        cart = self.shopper.call(
            "PATCH", "/cart/", {"shipping_address": destination, "shipping_method": "standard"}
        ).json()
        offers = ", ".join(each["name"] for each in cart["promotions"])
        say(f"{offers}; " + ", ".join(f"{name} {amount}" for name, amount in amounts(cart["totals"]).items()))
        check("the totals are those worked out by hand", amounts(cart["totals"]), EXPECTED)

    def place(self) -> None:
        self.staff.sign_in(**STAFF)
        before = self._stock(MUG)
        say(f"stock of {MUG}: {before['on_hand']} on hand, {before['reserved']} reserved")
        body = {
            "shipping_address_id": self.address_id,
            "shipping_method": "standard",
            "expected_total": {"amount": EXPECTED["total"], "currency": "USD"},
        }
        key = secrets.token_hex(8)
        order = self.shopper.post("/orders/", body, expect=201, Idempotency_Key=key)
        say(f"order {order['number']}, {order['status']}, {order['payment_status']}")
        check("the order costs what the cart said", amounts(order["totals"]), EXPECTED | {"cancelled": "0.00"})
        again = self.shopper.call("POST", "/orders/", body, expect=201, Idempotency_Key=key)
        check(
            "sent again with the same Idempotency-Key, the first answer comes back",
            (again.json()["id"], again.headers.get("Idempotent-Replayed")),
            (order["id"], "true"),
        )
        other = self.shopper.post("/orders/", {**body, "note": "x"}, expect=422, Idempotency_Key=key)
        check("the key with another body is refused", other["code"], "idempotency_key_reused")
        held = self._stock(MUG)
        say(f"stock of {MUG}: {held['on_hand']} on hand, {held['reserved']} reserved")
        check("two mugs are reserved, none has left", self._moved(before, held), (0, 2))
        self.order, self.before = order, before

    def pay(self) -> None:
        intent = self.shopper.post(
            "/payments/create-intent/", {"order": self.order["id"], "provider": "stripe"}, expect=201
        )
        check("a payment of the order's total", intent["amount"], {"amount": EXPECTED["total"], "currency": "USD"})
        refused = self.shopper.post(
            "/payments/confirm/", {"payment": intent["id"], "payment_method": "pm_card_chargeDeclined"}, expect=402
        )
        check("a declined card leaves the order open", refused["code"], "payment_declined")
        paid = self.shopper.post("/payments/confirm/", {"payment": intent["id"], "payment_method": "pm_card_visa"})
        check("a good card pays", paid["status"], "succeeded")
        wait_for("the order is confirmed", lambda: self._order()["status"] == "confirmed")
        check("and paid", self._order()["payment_status"], "paid")
        after = self._stock(MUG)
        say(f"stock of {MUG}: {after['on_hand']} on hand, {after['reserved']} reserved")
        check("the reservation has become a sale", self._moved(self.before, after), (-2, 0))

    def timeline(self) -> None:
        entries = self.shopper.get(f"/orders/{self.order['id']}/timeline/")["results"]
        moves = [entry for entry in entries if entry["kind"] == "status"]
        for move in moves:
            say(f"{move['created_at'][:19]}  {move['from_status'] or 'new'} -> {move['to_status']}  by {move['actor']}")
        check("placed, then confirmed", [move["to_status"] for move in moves], ["pending", "confirmed"])

    def confirmation_mail(self) -> None:
        mail = wait_for("the mail is out", lambda: self._mail("is confirmed"))
        check("it names the order", self.order["number"] in mail.subject, True)
        check("and the total", f"${EXPECTED['total']}" in mail.text, True)
        print(coloured("\n".join(f"      | {line}" for line in mail.text.rstrip().splitlines()), CYAN))

    def ship(self) -> None:
        move = {"to": "shipped", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}
        refused = self.shopper.post(f"/admin/orders/{self.order['id']}/transitions/", move, expect=403)
        check("the shopper may not", refused["code"], "permission_denied")
        order = self.staff.post(f"/admin/orders/{self.order['id']}/transitions/", move)
        check("the order desk may", (order["status"], order["fulfilment_status"]), ("shipped", "fulfilled"))
        shipments = self._order()["shipments"]
        check("the shopper sees the parcel", shipments[0]["tracking_number"], move["tracking_number"])

    def shipped_mail(self) -> None:
        mail = wait_for("the mail is out", lambda: self._mail("is on its way"))
        say(f"subject: {mail.subject}")
        check("it has the tracking number", "1Z999AA10123456784" in mail.text, True)

        expected = ["invoice", "order_confirmation", "order_shipped", "verification"]

        def all_sent() -> list[str] | None:
            rows = self.shopper.get("/notifications/")["results"]
            sent = sorted(row["kind"] for row in rows if row["status"] == "sent")
            return sent if len(sent) >= len(expected) else None

        check("four mails in all", wait_for("every mail is noted as sent", all_sent), expected)

    def _order(self) -> dict[str, Any]:
        order: dict[str, Any] = self.shopper.get(f"/orders/{self.order['id']}/")
        return order

    def _stock(self, sku: str) -> dict[str, int]:
        """What staff see of a SKU, over both warehouses."""
        levels: dict[str, int] = self.staff.get(f"/admin/inventory/{sku}/")
        return levels

    @staticmethod
    def _moved(before: dict[str, int], after: dict[str, int]) -> tuple[int, int]:
        return after["on_hand"] - before["on_hand"], after["reserved"] - before["reserved"]

    def _mail(self, subject: str) -> StoredMail | None:
        if not MAIL_FOLDER.is_dir():
            return None
        mails = newest(MAIL_FOLDER, to=self.email, last=10)
        return next((mail for mail in mails if subject in mail.subject.lower()), None)


def main() -> int:
    began = time.monotonic()
    print(coloured(f"A purchase at {BASE_URL}", BOLD))
    try:
        Demo().play()
    except DemoFailed as problem:
        print(coloured(f"    ✗ {problem}", RED), file=sys.stderr)
        return 1
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        print(coloured(f"    ✗ an answer has another form: {type(problem).__name__} {problem}", RED), file=sys.stderr)
        return 1
    print(coloured(f"\nAll as it should be, in {time.monotonic() - began:.1f} s.", GREEN))
    return 0


if __name__ == "__main__":
    sys.exit(main())
