"""Payment intents that hold money: capture it, all or in part, or let it go."""

from __future__ import annotations

from scripts.standin.calls import Call, Route, takes
from scripts.standin.errors import invalid
from scripts.standin.events import emit
from scripts.standin.params import choice, integer, merge_metadata, money
from scripts.standin.payment_intents import unexpected_state
from scripts.standin.store import Obj, new_id, now

CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")


def capture(call: Call) -> Obj:
    intent = call.addressed("payment_intent")
    if intent["status"] != "requires_capture":
        message = (
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture."
        )
        raise unexpected_state(intent, message)
    wanted = integer(call.params, "amount_to_capture")
    amount = intent["amount_capturable"] if wanted is None else wanted
    if amount > intent["amount_capturable"]:
        code = intent["currency"]
        most = money(intent["amount_capturable"], code)
        message = f"The amount to capture ({money(amount, code)}) is greater than the capturable one ({most})."
        raise invalid(message, param="amount_to_capture", code="amount_too_large")
    merge_metadata(intent, call.params)
    intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    charge = call.referenced("charge", intent["latest_charge"], "charge")
    charge |= {"captured": True, "amount_captured": amount, "balance_transaction": new_id("txn")}
    charge["amount_refunded"] = charge["amount"] - amount
    call.store.put(charge)
    call.store.put(intent)
    emit(call, "charge.captured", charge, {"captured": False, "amount_captured": 0})
    emit(call, "payment_intent.succeeded", intent)
    return intent


def cancel(call: Call) -> Obj:
    intent = call.addressed("payment_intent")
    reason = choice(call.params, "cancellation_reason", CANCELLATION_REASONS)
    if intent["status"] not in CANCELABLE:
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}."
        )
        raise unexpected_state(intent, message)
    if intent["status"] == "requires_capture":
        _release(call, intent)
    intent |= {
        "status": "canceled",
        "canceled_at": now(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    call.store.put(intent)
    emit(call, "payment_intent.canceled", intent)
    return intent


def _release(call: Call, intent: Obj) -> None:
    charge = call.referenced("charge", intent["latest_charge"], "charge")
    charge |= {"refunded": True, "amount_refunded": charge["amount"]}
    call.store.put(charge)
    emit(call, "charge.refunded", charge, {"refunded": False, "amount_refunded": 0})


CAPTURE = takes(
    "amount_to_capture amount_details application_fee_amount final_capture metadata statement_descriptor "
    "statement_descriptor_suffix transfer_data"
)

ROUTES = (
    Route("POST", "/v1/payment_intents/{id}/capture", capture, CAPTURE),
    Route("POST", "/v1/payment_intents/{id}/cancel", cancel, takes("cancellation_reason")),
)
