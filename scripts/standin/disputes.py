"""Disputes: opened by a test card or by the control API, never by a shop."""

from __future__ import annotations

from scripts.standin.calls import Call, Route, takes
from scripts.standin.errors import invalid
from scripts.standin.events import emit
from scripts.standin.lists import PAGE_PARAMS, page
from scripts.standin.params import money
from scripts.standin.store import Obj, new_id, now

EVIDENCE_SECONDS = 7 * 24 * 3600
REASONS = (
    "bank_cannot_process",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)


def open_against(call: Call, charge: Obj, *, reason: str = "fraudulent", amount: int | None = None) -> Obj:
    """The cardholder's bank takes the money back (amount in minor units, the whole charge by default)."""
    if reason not in REASONS:
        raise invalid(f"Invalid reason: {reason}", param="reason")
    if not charge["captured"] or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be disputed: not captured, or disputed already.")
    amount = charge["amount_captured"] if amount is None else amount
    if not 0 < amount <= charge["amount_captured"]:
        raise invalid(f"Invalid amount: {money(amount, charge['currency'])}", param="amount")
    dispute = call.store.put(_new(charge, reason, amount))
    charge["disputed"] = True
    call.store.put(charge)
    emit(call, "charge.dispute.created", dispute)
    emit(call, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def settle(call: Call, dispute: Obj, status: str) -> Obj:
    """Close a dispute as won (the money comes back) or lost."""
    if status not in ("won", "lost"):
        raise invalid("Invalid status: must be one of won, or lost", param="status")
    if dispute["status"] in ("won", "lost"):
        raise invalid("This dispute is already closed.", code="dispute_already_closed")
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    call.store.put(dispute)
    if status == "won":
        emit(call, "charge.dispute.funds_reinstated", dispute, previous)
    emit(call, "charge.dispute.closed", dispute, previous)
    return dispute


def blocks_refund(call: Call, charge: Obj) -> bool:
    return any(row["status"] != "won" for row in call.store.where("dispute", "charge", charge["id"]))


def _new(charge: Obj, reason: str, amount: int) -> Obj:
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": now() + EVIDENCE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def retrieve(call: Call) -> Obj:
    return call.addressed("dispute")


def close(call: Call) -> Obj:
    return settle(call, call.addressed("dispute"), "lost")


def list_all(call: Call) -> Obj:
    return page(call, "dispute", "charge", "payment_intent")


ROUTES = (
    Route("GET", "/v1/disputes", list_all, PAGE_PARAMS | takes("charge payment_intent")),
    Route("GET", "/v1/disputes/{id}", retrieve),
    Route("POST", "/v1/disputes/{id}/close", close),
)
