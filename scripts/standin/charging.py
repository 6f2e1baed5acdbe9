"""What happens to a payment intent when its card is tried: success, decline, or authentication first."""

from __future__ import annotations

from scripts.standin import disputes, payment_methods
from scripts.standin.calls import Call
from scripts.standin.cards import AUTHENTICATE_FIRST, Card, Decline
from scripts.standin.charges import new_charge
from scripts.standin.errors import wrong_state
from scripts.standin.events import emit
from scripts.standin.store import Obj, render

AUTHENTICATION_FAILED = {
    "code": "payment_intent_authentication_failure",
    "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
    "type": "invalid_request_error",
}


def attempt(call: Call, intent: Obj, method: Obj, *, off_session: bool, refuse_action: bool = False) -> None:
    """Try the card; raises the 402 of a decline, or of an authentication that nobody is there to do."""
    card = payment_methods.card_of(method)
    if needs_authentication(card, method, off_session):
        if off_session or refuse_action:
            _fail(call, intent, method, AUTHENTICATE_FIRST)
        _require_action(call, intent, method)
    elif card.decline:
        _fail(call, intent, method, card.decline)
    else:
        _succeed(call, intent, method, authenticated=False)


def needs_authentication(card: Card, method: Obj, off_session: bool) -> bool:
    if card.authenticate == "until_set_up":
        return not (off_session and method["_set_up"])
    return card.authenticate == "always"


def next_action(call: Call, obj: Obj, return_url: str | None) -> Obj:
    url = f"{call.base_url}/authenticate/{obj['id']}"
    return {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}


def finish_authentication(call: Call, intent: Obj, *, passed: bool) -> None:
    """The cardholder passed or failed the bank's page; raises the 402 when the card declines after it."""
    if intent["status"] != "requires_action":
        raise wrong_state(
            f"This PaymentIntent has a status of {intent['status']}; there is nothing to authenticate.",
            code="payment_intent_unexpected_state",
        )
    method = call.referenced("payment_method", intent["payment_method"], "payment_method")
    intent["next_action"] = None
    card = payment_methods.card_of(method)
    if not passed:
        intent["status"] = "requires_payment_method"
        intent["payment_method"] = None
        intent["last_payment_error"] = AUTHENTICATION_FAILED | {"payment_method": payment_methods.embedded(method)}
        call.store.put(intent)
        emit(call, "payment_intent.payment_failed", intent)
    elif card.decline:
        _fail(call, intent, method, card.decline)
    else:
        _succeed(call, intent, method, authenticated=True)


def _require_action(call: Call, intent: Obj, method: Obj) -> None:
    intent["status"] = "requires_action"
    intent["payment_method"] = method["id"]
    intent["next_action"] = next_action(call, intent, intent["_return_url"])
    intent["last_payment_error"] = None
    call.store.put(intent)
    emit(call, "payment_intent.requires_action", intent)


def _fail(call: Call, intent: Obj, method: Obj, decline: Decline) -> None:
    charge = call.store.put(new_charge(intent, method, captured=False, authenticated=False, decline=decline))
    error = payment_methods.decline_error(decline, charge=charge["id"], payment_method=payment_methods.embedded(method))
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = None
    intent["next_action"] = None
    intent["latest_charge"] = charge["id"]
    intent["last_payment_error"] = dict(error.error)
    call.store.put(intent)
    emit(call, "charge.failed", charge)
    emit(call, "payment_intent.payment_failed", intent)
    error.error["payment_intent"] = render(intent)
    raise error


def _succeed(call: Call, intent: Obj, method: Obj, *, authenticated: bool) -> None:
    manual = intent["capture_method"] == "manual"
    risk = payment_methods.card_of(method).risk
    charge = call.store.put(new_charge(intent, method, captured=not manual, authenticated=authenticated, risk=risk))
    intent["payment_method"] = method["id"]
    intent["next_action"] = None
    intent["last_payment_error"] = None
    intent["latest_charge"] = charge["id"]
    intent["status"] = "requires_capture" if manual else "succeeded"
    intent["amount_capturable"] = intent["amount"] if manual else 0
    intent["amount_received"] = 0 if manual else intent["amount"]
    call.store.put(intent)
    _keep_or_use_up(call, intent, method)
    emit(call, "charge.succeeded", charge)
    emit(call, "payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded", intent)
    reason = payment_methods.card_of(method).dispute
    if reason and not manual:
        disputes.open_against(call, charge, reason=reason)


def _keep_or_use_up(call: Call, intent: Obj, method: Obj) -> None:
    if intent["customer"] and intent["setup_future_usage"]:
        method["_set_up"] = True
        payment_methods.join(call, method, intent["customer"])
    elif method["customer"] is None:
        method["_used_up"] = True
    call.store.put(method)
