"""Cards as payment methods: from a test token or a raw test number, attached to customers or not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from scripts.standin import cards
from scripts.standin.calls import Call, Route, takes
from scripts.standin.cards import Card, Decline
from scripts.standin.errors import ApiError, invalid, missing_param, no_such
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import Params, integer, mapping, merge_metadata, required_text, text
from scripts.standin.store import Obj, new_id, now, random_text, render

USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
    "with a connected account without Customer attachment, or was detached from a Customer. It may not be "
    "used again. To use a PaymentMethod multiple times, you must attach it to a Customer first."
)


def card_of(method: Obj) -> Card:
    return cards.BY_NUMBER[method["_number"]]


def decline_error(decline: Decline, **more: Any) -> ApiError:
    """402 card_error for a card the bank refuses."""
    code, decline_code, message = decline
    error = {"type": "card_error", "code": code, "decline_code": decline_code, "message": message, **more}
    if code in ("expired_card", "incorrect_cvc", "incorrect_number"):
        error["param"] = {"expired_card": "exp_month", "incorrect_cvc": "cvc", "incorrect_number": "number"}[code]
    return ApiError(402, error)


def resolve(call: Call, method_id: str) -> Obj:
    """The stored method; a pm_card_ token makes a new one each time, as at Stripe."""
    card = cards.by_token(method_id)
    if card and method_id.startswith("pm_card_"):
        return call.store.put(_new(card, {}))
    found = call.store.get("payment_method", method_id)
    if found is None:
        raise no_such("PaymentMethod", method_id, param="payment_method", status=400)
    return found


def from_params(call: Call) -> Obj | None:
    """The method that `payment_method` or `payment_method_data` of a payment or setup asks for."""
    if call.params.get("payment_method_data"):
        return call.store.put(_from_data(mapping(call.params, "payment_method_data"), "payment_method_data"))
    method_id = text(call.params, "payment_method")
    return resolve(call, method_id) if method_id else None


def check_usable(method: Obj, customer: str | None) -> None:
    """Refuse a method of another customer, or one that was used up."""
    if method["_used_up"]:
        raise invalid(USED_UP, param="payment_method")
    if method["customer"] and customer is None:
        message = (
            f"The payment method supplied ({method['id']}) belongs to a customer. "
            "Please include the customer in the `customer` parameter on the PaymentIntent."
        )
        raise invalid(message, param="payment_method")
    if method["customer"] and method["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {method['id']}. "
            "The payment method must be attached to the customer."
        )
        raise invalid(message, param="payment_method")


def join(call: Call, method: Obj, customer_id: str) -> None:
    """Attach to a customer (no check of the card)."""
    if method["customer"] != customer_id:
        method["customer"] = customer_id
        call.store.put(method)
        emit(call, "payment_method.attached", method)


def create(call: Call) -> Obj:
    return call.store.put(_from_data(call.params, None))


def retrieve(call: Call) -> Obj:
    card = cards.by_token(call.id)
    if card and call.id.startswith("pm_card_"):
        return _new(card, {})
    return call.addressed("payment_method")


def update(call: Call) -> Obj:
    method = call.addressed("payment_method")
    merge_metadata(method, call.params)
    method["billing_details"] |= mapping(call.params, "billing_details")
    return call.store.put(method)


def attach(call: Call) -> Obj:
    customer = call.referenced("customer", required_text(call.params, "customer"), "customer")
    method = retrieve(call)
    if method["_used_up"]:
        raise invalid(USED_UP, param="payment_method")
    if method["customer"] not in (None, customer["id"]):
        message = "The payment method you provided has already been attached to a customer."
        raise invalid(message, code="payment_method_already_attached")
    card = card_of(method)
    if card.decline and not card.attachable:
        raise decline_error(card.decline)
    join(call, method, customer["id"])
    return method


def detach(call: Call) -> Obj:
    method = call.addressed("payment_method")
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message, param="payment_method")
    previous = {"customer": method["customer"]}
    method["customer"] = None
    method["_used_up"] = True
    call.store.put(method)
    emit(call, "payment_method.detached", method, previous)
    return method


def list_all(call: Call) -> Obj:
    if text(call.params, "customer"):
        call.referenced("customer", call.params["customer"], "customer")
    return page(call, "payment_method", "customer", "type")


def list_of_customer(call: Call) -> Obj:
    call.params["customer"] = call.addressed("customer")["id"]
    return page(call, "payment_method", "customer", "type")


def _from_data(params: Params, within: str | None) -> Obj:
    prefix = f"{within}[card]" if within else "card"
    if required_text(params, "type") != "card":
        raise invalid("This stand-in knows payment methods of type card only.", param="type")
    data = mapping(params, "card")
    token = text(data, "token")
    if token:
        card = cards.by_token(token)
        if card is None:
            raise no_such("token", token, param=f"{prefix}[token]", status=400)
        method = _new(card, params)
    else:
        method = _new(_checked_number(data, prefix), params)
        # One number is one card; each use of a token such as pm_card_visa is another one.
        method["card"]["fingerprint"] = hashlib.sha256(method["_number"].encode()).hexdigest()[:16]
        method["card"]["exp_month"], method["card"]["exp_year"] = _checked_expiry(data, prefix)
    merge_metadata(method, params)
    return method


def _checked_number(data: Params, prefix: str) -> Card:
    number = (text(data, "number") or "").replace(" ", "")
    if not number:
        raise missing_param(f"{prefix}[number]")
    if not cards.passes_luhn(number):
        raise decline_error(cards.NUMBER)
    card = cards.BY_NUMBER.get(number)
    if card is None:
        raise decline_error(cards.NOT_A_TEST_CARD)
    return card


def _checked_expiry(data: Params, prefix: str) -> tuple[int, int]:
    month, year = integer(data, "exp_month"), integer(data, "exp_year")
    if month is None or year is None:
        raise missing_param(f"{prefix}[{'exp_month' if month is None else 'exp_year'}]")
    year += 2000 if year < 100 else 0
    today = datetime.now(tz=UTC)
    if month > 12:
        raise decline_error(("invalid_expiry_month", None, "Your card's expiration month is invalid."))
    if (year, month) < (today.year, today.month):
        raise decline_error(("invalid_expiry_year", None, "Your card's expiration year is invalid."))
    return month, year


def _new(card: Card, params: Params) -> Obj:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    billing: Obj = {"address": address, "email": None, "name": None, "phone": None, "tax_id": None}
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing | mapping(params, "billing_details"),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": datetime.now(tz=UTC).year + 3,
            "fingerprint": random_text(16),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_number": card.number,
        "_used_up": False,
        "_set_up": False,
    }


def embedded(method: Obj) -> Obj:
    """The copy that errors and last_payment_error carry."""
    return dict(render(method))


ROUTES = (
    Route(
        "POST",
        "/v1/payment_methods",
        create,
        takes("type card billing_details metadata allow_redisplay customer payment_method radar_options"),
    ),
    Route("GET", "/v1/payment_methods", list_all, PAGE_PARAMS | takes("customer type allow_redisplay")),
    Route("GET", "/v1/payment_methods/{id}", retrieve),
    Route("POST", "/v1/payment_methods/{id}", update, takes("billing_details metadata card allow_redisplay")),
    Route("POST", "/v1/payment_methods/{id}/attach", attach, takes("customer")),
    Route("POST", "/v1/payment_methods/{id}/detach", detach),
    Route("GET", "/v1/customers/{id}/payment_methods", list_of_customer, PAGE_PARAMS | takes("type")),
)
