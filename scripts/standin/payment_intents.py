"""Payment intents: create, read, change, confirm."""

from __future__ import annotations

from typing import Any

from scripts.standin import charging, payment_methods
from scripts.standin.calls import Call, Route, takes
from scripts.standin.errors import ApiError, invalid, missing_param, wrong_state
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import (
    amount_within_limits,
    boolean,
    choice,
    currency,
    integer,
    mapping,
    merge_metadata,
    text,
    url,
)
from scripts.standin.store import Obj, new_id, now, random_text, render

CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
FUTURE_USAGES = ("off_session", "on_session")
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
TEXTS = (
    "description",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
ONLY_WITH_CONFIRM = ("return_url", "off_session", "error_on_requires_action", "mandate", "mandate_data")
NEEDS_RETURN_URL = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
    "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
    "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
    "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)
NO_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
    "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
    "payment method or ConfirmationToken."
)


def create(call: Call) -> Obj:
    params = call.params
    amount = integer(params, "amount")
    if amount is None:
        raise missing_param("amount")
    code = currency(params)
    amount_within_limits(amount, code)
    confirm_now = boolean(params, "confirm")
    for name in ONLY_WITH_CONFIRM:
        if name in params and not confirm_now:
            message = (
                f"The parameter `{name}` cannot be passed when creating a PaymentIntent unless `confirm` is "
                "set to true."
            )
            raise invalid(message, param=name)
    intent = _new(call, amount, code)
    method = payment_methods.from_params(call)
    if method:
        payment_methods.check_usable(method, intent["customer"])
        intent["payment_method"] = method["id"]
        intent["status"] = "requires_confirmation"
    if confirm_now:
        _check_confirmable(call, intent)
    call.store.put(intent)
    emit(call, "payment_intent.created", intent)
    if confirm_now:
        _attempt(call, intent)
    return intent


def _new(call: Call, amount: int, code: str) -> Obj:
    params = call.params
    customer = text(params, "customer")
    if customer:
        call.referenced("customer", customer, "customer")
    intent_id = new_id("pi")
    intent: Obj = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic_methods(call),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": choice(params, "capture_method", CAPTURE_METHODS) or "automatic_async",
        "client_secret": f"{intent_id}_secret_{random_text(25)}",
        "confirmation_method": choice(params, "confirmation_method", ("automatic", "manual")) or "automatic",
        "created": now(),
        "currency": code,
        "customer": customer,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"installments": None, "request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types") or ["card"],
        "processing": None,
        "review": None,
        "setup_future_usage": choice(params, "setup_future_usage", FUTURE_USAGES),
        "shipping": mapping(params, "shipping") or None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "_return_url": None,
    } | {name: text(params, name) for name in TEXTS}
    merge_metadata(intent, params)
    return intent


def automatic_methods(call: Call) -> Obj | None:
    """Switched on unless payment_method_types were named, with redirects unless refused."""
    given = mapping(call.params, "automatic_payment_methods")
    if call.params.get("payment_method_types"):
        if given:
            names = "automatic_payment_methods, payment_method_types"
            raise invalid(f"You may only specify one of these parameters: {names}.")
        return None
    if given and not boolean(given, "enabled", default=True):
        return None
    redirects = choice(given, "allow_redirects", ("always", "never")) or "always"
    return {"allow_redirects": redirects, "enabled": True}


def retrieve(call: Call) -> Obj:
    intent = call.addressed("payment_intent")
    secret = text(call.params, "client_secret")
    if secret and secret != intent["client_secret"]:
        message = "The client_secret provided does not match the client_secret associated with the PaymentIntent."
        raise invalid(message, param="client_secret", code="payment_intent_invalid_parameter")
    return intent


def list_all(call: Call) -> Obj:
    return page(call, "payment_intent", "customer")


def update(call: Call) -> Obj:
    intent = call.addressed("payment_intent")
    changes = _changes(call, intent)
    method = payment_methods.from_params(call)
    if method:
        payment_methods.check_usable(method, changes.get("customer", intent["customer"]))
        changes |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    merge_metadata(intent, call.params)
    intent.update(changes)
    return call.store.put(intent)


def _changes(call: Call, intent: Obj) -> dict[str, Any]:
    params = call.params
    frozen = ("amount", "currency", "customer", "payment_method", "payment_method_data", "capture_method")
    for name in frozen:
        if name in params and intent["status"] not in OPEN:
            raise unexpected_state(
                intent,
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}. You may only update the {name} of a PaymentIntent with one of the "
                f"following statuses: {', '.join(OPEN)}.",
            )
    changes: dict[str, Any] = {name: text(params, name) for name in TEXTS if name in params}
    amount = integer(params, "amount") or intent["amount"]
    code = currency(params) if params.get("currency") else intent["currency"]
    amount_within_limits(amount, code)
    changes |= {"amount": amount, "currency": code}
    if text(params, "customer"):
        changes["customer"] = call.referenced("customer", params["customer"], "customer")["id"]
    if "shipping" in params:
        changes["shipping"] = mapping(params, "shipping") or None
    for name, allowed in (("capture_method", CAPTURE_METHODS), ("setup_future_usage", FUTURE_USAGES)):
        if name in params:
            changes[name] = choice(params, name, allowed)
    return changes


def confirm(call: Call) -> Obj:
    intent = call.addressed("payment_intent")
    if intent["status"] not in OPEN:
        raise unexpected_state(intent, _why_not_confirmable(intent))
    method = payment_methods.from_params(call)
    if method:
        payment_methods.check_usable(method, intent["customer"])
    elif not intent["payment_method"]:
        raise unexpected_state(intent, NO_METHOD)
    _check_confirmable(call, intent)
    if method:
        intent["payment_method"] = method["id"]
    for name in ("receipt_email", "shipping", "setup_future_usage"):
        if name in call.params:
            intent[name] = call.params[name] or None
    call.store.put(intent)
    _attempt(call, intent)
    return intent


def _why_not_confirmable(intent: Obj) -> str:
    reasons = {
        "canceled": "it has a status of canceled",
        "requires_capture": "it has already been authorized and waits for its capture",
    }
    reason = reasons.get(intent["status"], "it has already succeeded after being previously confirmed")
    return f"You cannot confirm this PaymentIntent because {reason}."


def _check_confirmable(call: Call, intent: Obj) -> None:
    if not intent["payment_method"] and "payment_method" not in call.params and not _gives_data(call):
        raise invalid(NO_METHOD, code="payment_intent_unexpected_state")
    return_url = url(call.params, "return_url") or intent["_return_url"]
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not return_url:
        raise invalid(NEEDS_RETURN_URL)
    choice(call.params, "setup_future_usage", FUTURE_USAGES)
    intent["_return_url"] = return_url


def _gives_data(call: Call) -> bool:
    return bool(mapping(call.params, "payment_method_data"))


def _attempt(call: Call, intent: Obj) -> None:
    method = call.referenced("payment_method", intent["payment_method"], "payment_method")
    off_session = call.params.get("off_session", "false") not in ("false", "")
    refuse = boolean(call.params, "error_on_requires_action")
    charging.attempt(call, intent, method, off_session=off_session, refuse_action=refuse)


def unexpected_state(intent: Obj, message: str) -> ApiError:
    """400 for a payment intent whose status forbids the call."""
    return wrong_state(message, code="payment_intent_unexpected_state", payment_intent=render(intent))


UPDATE = takes(
    "amount amount_details application_fee_amount capture_method currency customer description metadata "
    "payment_method payment_method_data payment_method_options payment_method_types receipt_email "
    "setup_future_usage shipping statement_descriptor statement_descriptor_suffix transfer_data "
    "transfer_group"
)
CONFIRM = takes(
    "amount_details capture_method client_secret error_on_requires_action mandate mandate_data off_session "
    "payment_method payment_method_data payment_method_options payment_method_types radar_options "
    "receipt_email return_url setup_future_usage shipping use_stripe_sdk"
)
CREATE = UPDATE | CONFIRM | takes("automatic_payment_methods confirm confirmation_method on_behalf_of")

ROUTES = (
    Route("POST", "/v1/payment_intents", create, CREATE - {"client_secret"}),
    Route("GET", "/v1/payment_intents", list_all, PAGE_PARAMS | takes("customer")),
    Route("GET", "/v1/payment_intents/{id}", retrieve, takes("client_secret")),
    Route("POST", "/v1/payment_intents/{id}", update, UPDATE),
    Route("POST", "/v1/payment_intents/{id}/confirm", confirm, CONFIRM),
)
