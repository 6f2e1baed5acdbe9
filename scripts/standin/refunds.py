"""Refunds: never more than what was captured and not yet given back."""

from __future__ import annotations

from scripts.standin import disputes, payment_methods
from scripts.standin.calls import Call, Route, takes
from scripts.standin.errors import invalid, wrong_state
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import choice, integer, merge_metadata, money, text
from scripts.standin.store import Obj, new_id, now, random_text

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
LIVE = ("succeeded", "pending", "requires_action")


def create(call: Call) -> Obj:
    reason = choice(call.params, "reason", REASONS)
    wanted = integer(call.params, "amount")
    charge = _charge_to_refund(call)
    amount = _checked_amount(call, charge, wanted)
    method = call.store.get("payment_method", charge["payment_method"])
    behaviour = payment_methods.card_of(method).refund if method else "succeeded"
    refund = _new(charge, amount, reason, "pending" if behaviour == "pending" else "succeeded")
    refund["_then"] = "failed" if behaviour == "failed" else "succeeded"
    merge_metadata(refund, call.params)
    call.store.put(refund)
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    _recount(call, charge)
    emit(call, "refund.created", refund)
    emit(call, "charge.refunded", charge, previous)
    if behaviour == "succeeded":
        _reference_known(call, refund)
    return refund


def _charge_to_refund(call: Call) -> Obj:
    charge_id, intent_id = text(call.params, "charge"), text(call.params, "payment_intent")
    if charge_id:
        charge = call.referenced("charge", charge_id, "charge")
    elif intent_id:
        intent = call.referenced("payment_intent", intent_id, "payment_intent")
        found = call.store.get("charge", intent["latest_charge"] or "")
        if found is None or not found["captured"]:
            message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            raise wrong_state(message, code="payment_intent_unexpected_state")
        charge = found
    else:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if not charge["captured"]:
        raise invalid(f"Charge {charge['id']} was not captured and cannot be refunded.", stored=True)
    if disputes.blocks_refund(call, charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise wrong_state(message, code="charge_disputed")
    return charge


def _checked_amount(call: Call, charge: Obj, wanted: int | None) -> int:
    left: int = charge["amount_captured"] - given_back(call, charge)
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise wrong_state(message, code="charge_already_refunded")
    if wanted is None:
        return left
    code = charge["currency"]
    if wanted > charge["amount_captured"]:
        captured = money(charge["amount_captured"], code)
        message = f"Refund amount ({money(wanted, code)}) is greater than charge amount ({captured})"
        raise invalid(message, param="amount", stored=True)
    if wanted > left:
        message = (
            f"Refund amount ({money(wanted, code)}) is greater than unrefunded amount on charge ({money(left, code)})"
        )
        raise invalid(message, param="amount", stored=True)
    return wanted


def given_back(call: Call, charge: Obj) -> int:
    refunds = call.store.where("refund", "charge", charge["id"])
    return sum(int(refund["amount"]) for refund in refunds if refund["status"] in LIVE)


def _recount(call: Call, charge: Obj) -> None:
    refunded = given_back(call, charge)
    charge["amount_refunded"] = refunded + charge["amount"] - charge["amount_captured"]
    charge["refunded"] = refunded == charge["amount_captured"]
    call.store.put(charge)


def _new(charge: Obj, amount: int, reason: str | None, status: str) -> Obj:
    details = {"reference": None, "reference_status": "pending", "type": "refund"}
    details["reference_type"] = "acquirer_reference_number"
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": now(),
        "currency": charge["currency"],
        "destination_details": {"card": details, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def _reference_known(call: Call, refund: Obj) -> None:
    card = refund["destination_details"]["card"]
    previous = {"destination_details": {"card": dict(card), "type": "card"}}
    card |= {"reference": random_text(16), "reference_status": "available"}
    call.store.put(refund)
    emit(call, "refund.updated", refund, previous)
    emit(call, "charge.refund.updated", refund, previous)


def settle(call: Call, refund: Obj, status: str) -> Obj:
    """The bank's later word on a refund: succeeded or failed."""
    if status not in ("succeeded", "failed"):
        raise invalid("Invalid status: must be one of succeeded, or failed", param="status")
    if refund["status"] == "failed" or refund["status"] == status:
        raise invalid(f"Refund {refund['id']} has a status of {refund['status']}.")
    previous = {"status": refund["status"]}
    refund["status"] = status
    if status == "failed":
        refund |= {"failure_reason": "unknown", "failure_balance_transaction": new_id("txn")}
    call.store.put(refund)
    _recount(call, call.referenced("charge", refund["charge"], "charge"))
    emit(call, "refund.updated", refund, previous)
    emit(call, "charge.refund.updated", refund, previous)
    if status == "failed":
        emit(call, "refund.failed", refund, previous)
    return refund


def retrieve(call: Call) -> Obj:
    return call.addressed("refund")


def update(call: Call) -> Obj:
    refund = call.addressed("refund")
    previous = {"metadata": dict(refund["metadata"])}
    merge_metadata(refund, call.params)
    call.store.put(refund)
    emit(call, "refund.updated", refund, previous)
    return refund


def list_all(call: Call) -> Obj:
    return page(call, "refund", "charge", "payment_intent")


ROUTES = (
    Route(
        "POST",
        "/v1/refunds",
        create,
        takes(
            "amount charge currency instructions_email metadata payment_intent reason refund_application_fee "
            "reverse_transfer"
        ),
    ),
    Route("GET", "/v1/refunds", list_all, PAGE_PARAMS | takes("charge payment_intent")),
    Route("GET", "/v1/refunds/{id}", retrieve),
    Route("POST", "/v1/refunds/{id}", update, takes("metadata")),
)
