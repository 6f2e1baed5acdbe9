"""Setup intents: save a card for later without taking money."""

from __future__ import annotations

from scripts.standin import charging, payment_methods
from scripts.standin.calls import Call, Route, takes
from scripts.standin.errors import ApiError, invalid, wrong_state
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import boolean, choice, merge_metadata, text, url
from scripts.standin.payment_intents import NEEDS_RETURN_URL, automatic_methods
from scripts.standin.store import Obj, new_id, now, random_text, render

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
REASONS = ("abandoned", "requested_by_customer", "duplicate")
AUTHENTICATION_FAILED = charging.AUTHENTICATION_FAILED | {
    "code": "setup_intent_authentication_failure",
    "message": "The latest attempt to set up the payment method has failed because authentication failed.",
    "doc_url": "https://stripe.com/docs/error-codes/setup-intent-authentication-failure",
}


def create(call: Call) -> Obj:
    params = call.params
    customer = text(params, "customer")
    if customer:
        call.referenced("customer", customer, "customer")
    intent_id = new_id("seti")
    intent: Obj = {
        "id": intent_id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": automatic_methods(call),
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{random_text(25)}",
        "created": now(),
        "customer": customer,
        "description": text(params, "description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": choice(params, "usage", ("off_session", "on_session")) or "off_session",
        "_return_url": None,
    }
    merge_metadata(intent, params)
    _take_method(call, intent)
    confirm_now = boolean(params, "confirm")
    if confirm_now:
        _check_confirmable(call, intent)
    call.store.put(intent)
    emit(call, "setup_intent.created", intent)
    if confirm_now:
        _attempt(call, intent)
    return intent


def _take_method(call: Call, intent: Obj) -> None:
    method = payment_methods.from_params(call)
    if method:
        if method["customer"] or method["_used_up"]:
            payment_methods.check_usable(method, intent["customer"])
        intent["payment_method"] = method["id"]
        intent["status"] = "requires_confirmation"


def _check_confirmable(call: Call, intent: Obj) -> None:
    if not intent["payment_method"]:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise _wrong_state(intent, message)
    return_url = url(call.params, "return_url") or intent["_return_url"]
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not return_url:
        raise invalid(NEEDS_RETURN_URL.replace("This PaymentIntent", "This SetupIntent"))
    intent["_return_url"] = return_url


def confirm(call: Call) -> Obj:
    intent = call.addressed("setup_intent")
    if intent["status"] not in OPEN:
        message = f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        raise _wrong_state(intent, message)
    _take_method(call, intent)
    _check_confirmable(call, intent)
    _attempt(call, intent)
    return intent


def _attempt(call: Call, intent: Obj) -> None:
    method = call.referenced("payment_method", intent["payment_method"], "payment_method")
    card = payment_methods.card_of(method)
    if card.authenticate != "never":
        intent["status"] = "requires_action"
        intent["next_action"] = charging.next_action(call, intent, intent["_return_url"])
        call.store.put(intent)
        emit(call, "setup_intent.requires_action", intent)
    else:
        _finish(call, intent, method)


def finish_authentication(call: Call, intent: Obj, *, passed: bool) -> None:
    """The cardholder passed or failed the bank's page."""
    if intent["status"] != "requires_action":
        raise _wrong_state(intent, f"This SetupIntent has a status of {intent['status']}.")
    method = call.referenced("payment_method", intent["payment_method"], "payment_method")
    intent["next_action"] = None
    if passed:
        _finish(call, intent, method)
        return
    intent |= {"status": "requires_payment_method", "payment_method": None}
    intent["last_setup_error"] = AUTHENTICATION_FAILED | {"payment_method": payment_methods.embedded(method)}
    call.store.put(intent)
    emit(call, "setup_intent.setup_failed", intent)


def _finish(call: Call, intent: Obj, method: Obj) -> None:
    card = payment_methods.card_of(method)
    if card.decline and not card.attachable:
        error = payment_methods.decline_error(card.decline, payment_method=payment_methods.embedded(method))
        intent |= {"status": "requires_payment_method", "payment_method": None}
        intent["last_setup_error"] = dict(error.error)
        call.store.put(intent)
        emit(call, "setup_intent.setup_failed", intent)
        error.error["setup_intent"] = render(intent)
        raise error
    intent |= {"status": "succeeded", "last_setup_error": None, "latest_attempt": new_id("setatt")}
    method["_set_up"] = True
    call.store.put(method)
    call.store.put(intent)
    if intent["customer"]:
        payment_methods.join(call, method, intent["customer"])
    emit(call, "setup_intent.succeeded", intent)


def cancel(call: Call) -> Obj:
    intent = call.addressed("setup_intent")
    reason = choice(call.params, "cancellation_reason", REASONS)
    if intent["status"] not in OPEN:
        message = f"You cannot cancel this SetupIntent because it has a status of {intent['status']}."
        raise _wrong_state(intent, message)
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    call.store.put(intent)
    emit(call, "setup_intent.canceled", intent)
    return intent


def retrieve(call: Call) -> Obj:
    return call.addressed("setup_intent")


def list_all(call: Call) -> Obj:
    return page(call, "setup_intent", "customer", "payment_method")


def _wrong_state(intent: Obj, message: str) -> ApiError:
    return wrong_state(message, code="setup_intent_unexpected_state", setup_intent=render(intent))


CONFIRM = takes(
    "client_secret mandate_data payment_method payment_method_data payment_method_options return_url use_stripe_sdk"
)
CREATE = CONFIRM | takes(
    "attach_to_self automatic_payment_methods confirm customer description flow_directions metadata "
    "on_behalf_of payment_method_types single_use usage"
)

ROUTES = (
    Route("POST", "/v1/setup_intents", create, CREATE - {"client_secret"}),
    Route("GET", "/v1/setup_intents", list_all, PAGE_PARAMS | takes("customer payment_method")),
    Route("GET", "/v1/setup_intents/{id}", retrieve, takes("client_secret")),
    Route("POST", "/v1/setup_intents/{id}/confirm", confirm, CONFIRM),
    Route("POST", "/v1/setup_intents/{id}/cancel", cancel, takes("cancellation_reason")),
)
