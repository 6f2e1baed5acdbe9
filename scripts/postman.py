"""Write docs/postman_collection.json: two shoppers' journeys as requests with assertions, each using the one before.

    python -m scripts.postman [--check]

Runs in Postman and under newman against `make run` (scripts/api_clients/newman.sh http://127.0.0.1:8000).
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
COLLECTION = PROJECT / "docs" / "postman_collection.json"
BASE_URL = "http://127.0.0.1:8000"
ADDRESS = {
    "first_name": "Sam",
    "last_name": "Lee",
    "line1": "350 Fifth Avenue",
    "city": "New York",
    "region": "NY",
    "postal_code": "10118",
    "country": "US",
}


@dataclass(frozen=True)
class Step:
    """One request. `{{name}}` stands for a variable; `saves` and `holds` are JavaScript over `body`."""

    name: str
    call: str
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    saves: dict[str, str] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)


_STATUSES = "body.results.filter((entry) => entry.kind === 'status').map((entry) => entry.to_status).join()"
SIGNED_IN = {"Authorization": "Bearer {{access}}"}
GUEST_CART = {"X-Cart-Token": "{{cartToken}}"}
GUEST_ORDER = {"X-Order-Token": "{{orderToken}}"}

BROWSE = [
    Step(
        "Find something in stock",
        "GET /products/?in_stock=true&ordering=price&page_size=5",
        saves={"slug": "body.results[0].slug"},
        holds={
            "the page has its envelope": "['count', 'next', 'previous', 'results'].every((name) => name in body)",
            "everything listed is in stock": "body.results.every((row) => row.in_stock)",
        },
    ),
    Step(
        "Read it",
        "GET /products/{{slug}}/",
        saves={"sku": "body.variants.find((variant) => variant.in_stock).sku"},
        holds={"the price is money": r"/^\d+\.\d{2}$/.test(body.price.amount) && body.price.currency.length === 3"},
    ),
]

ACCOUNT = [
    Step(
        "Register",
        "POST /auth/register/",
        201,
        body={
            "email": "{{email}}",
            "password": "{{password}}",
            "first_name": "Sam",
            "last_name": "Lee",
        },
        holds={"the answer names the address": "body.email === pm.collectionVariables.get('email')"},
    ),
    Step(
        "Sign in",
        "POST /auth/login/",
        body={"email": "{{email}}", "password": "{{password}}"},
        saves={"access": "body.access", "refresh": "body.refresh"},
        holds={"the address is not confirmed yet": "body.user.email_verified === false"},
    ),
    Step(
        "A wrong password",
        "POST /auth/login/",
        401,
        body={"email": "{{email}}", "password": "not-this-one-1"},
        holds={"the code says so": "body.code === 'invalid_credentials'"},
    ),
    *BROWSE,
    Step(
        "Put two into the cart",
        "POST /cart/items/",
        201,
        body={"sku": "{{sku}}", "quantity": 2},
        headers=SIGNED_IN,
        saves={"item": "body.items[0].id"},
        holds={"two units": "body.item_count === 2"},
    ),
    Step(
        "One is enough",
        "PUT /cart/items/{{item}}/",
        body={"quantity": 1},
        headers=SIGNED_IN,
        holds={"one unit": "body.item_count === 1"},
    ),
    Step(
        "Ask for shipping rates",
        "POST /cart/shipping-rates/",
        body={"country": "US"},
        headers=SIGNED_IN,
        saves={"shippingMethod": "body.results[0].code"},
        holds={"there is a method": "body.results.length > 0"},
    ),
    Step(
        "Save an address",
        "POST /users/me/addresses/",
        201,
        body=ADDRESS,
        headers=SIGNED_IN,
        saves={"address": "body.id"},
        holds={"the first one is the default": "body.is_default_shipping === true"},
    ),
    Step(
        "Place the order",
        "POST /orders/",
        201,
        body={"shipping_address_id": "{{address}}", "shipping_method": "{{shippingMethod}}"},
        headers={**SIGNED_IN, "Idempotency-Key": "{{orderKey}}"},
        saves={"order": "body.id", "total": "body.totals.total.amount"},
        holds={
            "it waits for its payment": "body.status === 'pending' && body.payment_status === 'unpaid'",
            "the stock is held": "body.expires_at !== null",
        },
    ),
    Step(
        "The same request again is the same order",
        "POST /orders/",
        201,
        body={"shipping_address_id": "{{address}}", "shipping_method": "{{shippingMethod}}"},
        headers={**SIGNED_IN, "Idempotency-Key": "{{orderKey}}"},
        holds={
            "the same id": "body.id === pm.collectionVariables.get('order')",
            "marked as a replay": "pm.response.headers.get('Idempotent-Replayed') === 'true'",
        },
    ),
    Step(
        "Begin to pay",
        "POST /payments/create-intent/",
        201,
        body={"order": "{{order}}", "provider": "stripe"},
        headers=SIGNED_IN,
        saves={"payment": "body.id"},
        holds={"the whole total": "body.amount.amount === pm.collectionVariables.get('total')"},
    ),
    Step(
        "A card that is declined",
        "POST /payments/confirm/",
        402,
        body={"payment": "{{payment}}", "payment_method": "pm_card_chargeDeclined"},
        headers=SIGNED_IN,
        holds={"the code says so": "body.code === 'payment_declined'"},
    ),
    Step(
        "A card that works",
        "POST /payments/confirm/",
        body={"payment": "{{payment}}", "payment_method": "pm_card_visa"},
        headers=SIGNED_IN,
        holds={"it succeeded": "body.status === 'succeeded'"},
    ),
    Step(
        "The order is paid",
        "GET /orders/{{order}}/",
        headers=SIGNED_IN,
        holds={"confirmed and paid": "body.status === 'confirmed' && body.payment_status === 'paid'"},
    ),
    Step(
        "Its timeline",
        "GET /orders/{{order}}/timeline/",
        headers=SIGNED_IN,
        holds={"from pending to confirmed": f"{_STATUSES} === 'pending,confirmed'"},
    ),
    Step(
        "My orders",
        "GET /orders/",
        headers=SIGNED_IN,
        holds={"this one alone": "body.count === 1 && body.results[0].id === pm.collectionVariables.get('order')"},
    ),
    Step(
        "A stranger does not find it",
        "GET /orders/{{order}}/",
        404,
        holds={"as if it did not exist": "body.code === 'not_found'"},
    ),
    Step(
        "Exchange the refresh token",
        "POST /auth/refresh/",
        body={"refresh": "{{refresh}}"},
        saves={"refresh": "body.refresh", "access": "body.access"},
        holds={"a new pair": "body.access.length > 0 && body.refresh.length > 0"},
    ),
    Step("Sign out", "POST /auth/logout/", 204, body={"refresh": "{{refresh}}"}, headers=SIGNED_IN),
    Step(
        "The access token is dead",
        "GET /users/me/",
        401,
        headers=SIGNED_IN,
        holds={"the code says so": "body.code === 'token_invalid'"},
    ),
]

GUEST = [
    *BROWSE,
    Step(
        "The first item makes a cart",
        "POST /cart/items/",
        201,
        body={"sku": "{{sku}}", "quantity": 1},
        saves={"cartToken": "body.token"},
        holds={"its token is in the header too": "pm.response.headers.get('X-Cart-Token') === body.token"},
    ),
    Step(
        "Ask for shipping rates",
        "POST /cart/shipping-rates/",
        body={"country": "US"},
        headers=GUEST_CART,
        saves={"shippingMethod": "body.results[0].code"},
    ),
    Step(
        "Say where it goes",
        "PATCH /cart/",
        body={"email": "{{guestEmail}}", "shipping_address": ADDRESS, "shipping_method": "{{shippingMethod}}"},
        headers=GUEST_CART,
        holds={"tax and shipping are known": "body.shipping_method !== null && body.totals.tax.amount !== null"},
    ),
    Step(
        "Place the order",
        "POST /orders/",
        201,
        body={},
        headers=GUEST_CART,
        saves={"order": "body.id", "number": "body.number", "orderToken": "body.order_token"},
        holds={"a guest gets a token": "body.order_token.length > 20"},
    ),
    Step(
        "The cart is used up",
        "POST /orders/",
        409,
        body={},
        headers=GUEST_CART,
        holds={"one cart, one order": "body.code === 'cart_already_ordered'"},
    ),
    Step(
        "Begin to pay",
        "POST /payments/create-intent/",
        201,
        body={"order": "{{order}}", "provider": "stripe"},
        headers=GUEST_ORDER,
        saves={"payment": "body.id"},
    ),
    Step(
        "Pay",
        "POST /payments/confirm/",
        body={"payment": "{{payment}}", "payment_method": "pm_card_visa"},
        headers=GUEST_ORDER,
        holds={"it succeeded": "body.status === 'succeeded'"},
    ),
    Step(
        "Find the order again by number and e-mail",
        "POST /orders/lookup/",
        body={"number": "{{number}}", "email": "{{guestEmail}}"},
        saves={"orderToken": "body.order_token"},
        holds={"the same order": "body.id === pm.collectionVariables.get('order')"},
    ),
    Step(
        "Change one's mind",
        "POST /orders/{{order}}/cancel/",
        body={"reason": "Ordered by mistake"},
        headers=GUEST_ORDER,
        holds={"it is cancelled": "body.status === 'cancelled'"},
    ),
    Step(
        "Its timeline",
        "GET /orders/{{order}}/timeline/",
        headers=GUEST_ORDER,
        holds={"every step is there": f"{_STATUSES} === 'pending,confirmed,cancelled'"},
    ),
    Step(
        "It cannot be cancelled into something else",
        "POST /payments/create-intent/",
        409,
        body={"order": "{{order}}", "provider": "stripe"},
        headers=GUEST_ORDER,
        holds={"a cancelled order is not paid": "body.status === 409"},
    ),
]

BEGIN = [
    "const id = pm.variables.replaceIn('{{$guid}}');",
    "pm.collectionVariables.set('email', `postman-${id}@example.com`);",
    "pm.collectionVariables.set('guestEmail', `guest-${id}@example.com`);",
    "pm.collectionVariables.set('orderKey', id);",
]


def collection() -> dict[str, Any]:
    """The Postman collection, format 2.1."""
    account = [_item(step) for step in ACCOUNT]
    guest = [_item(step) for step in GUEST]
    for journey in (account, guest):
        journey[0]["event"].append(_script("prerequest", BEGIN))
    return {
        "info": {
            "_postman_id": "6f1c2d3e-4f50-4a55-9b7a-0199f3a27c1e",
            "name": "Tradepost",
            "description": "Two shoppers, from the first look to the paid order. Run each folder from its top, against"
            " `make run`.",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [
            {"name": "A customer buys", "item": account},
            {"name": "A guest buys and changes their mind", "item": guest},
        ],
        "variable": [
            {"key": "baseUrl", "value": BASE_URL},
            {"key": "password", "value": "a-long-Passphrase-7"},
        ],
    }


def _item(step: Step) -> dict[str, Any]:
    method, path = step.call.split(" ", 1)
    request: dict[str, Any] = {
        "method": method,
        "header": [{"key": key, "value": value} for key, value in step.headers.items()],
        "url": "{{baseUrl}}/api/v1" + path,
    }
    if step.body is not None:
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = {"mode": "raw", "raw": json.dumps(step.body, indent=2)}
    return {"name": step.name, "request": request, "event": [_script("test", _assertions(step))]}


def _assertions(step: Step) -> list[str]:
    lines = [
        f"pm.test('status {step.status}', () => pm.response.to.have.status({step.status}));",
        "pm.test('has a request id', () => pm.response.to.have.header('X-Request-ID'));",
    ]
    if step.status != 204:
        lines.append("const body = pm.response.json();")
    for text, expression in step.holds.items():
        lines.append(f"pm.test({json.dumps(text)}, () => pm.expect({expression}).to.equal(true));")
    for name, expression in step.saves.items():
        lines.append(f"pm.collectionVariables.set('{name}', {expression});")
    return lines


def _script(listen: str, lines: list[str]) -> dict[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}


def render() -> str:
    """The collection as it is committed."""
    return json.dumps(collection(), indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """0 when written or current, 1 when --check finds the committed collection old."""
    text = render()
    name = COLLECTION.relative_to(PROJECT)
    if arguments != ["--check"]:
        COLLECTION.write_text(text, encoding="utf-8")
        print(f"wrote {name}: {len(ACCOUNT) + len(GUEST)} requests")
        return 0
    if COLLECTION.is_file() and COLLECTION.read_text(encoding="utf-8") == text:
        print(f"{name} is current")
        return 0
    print(f"{name} is not what scripts/postman.py says: run `make postman` and commit it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
