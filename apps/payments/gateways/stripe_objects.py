"""What Stripe's objects mean in the shop's words. Pure: no call is made here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.payments.gateways.base import (
    Attempt,
    DisputeStatus,
    PaymentState,
    ProviderCharge,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    RefundState,
)

_STATES: dict[str, PaymentState] = {
    "requires_payment_method": "created",
    "requires_confirmation": "created",
    "requires_action": "requires_action",
    "processing": "processing",
    "requires_capture": "authorised",
    "succeeded": "succeeded",
    "canceled": "cancelled",
}
_REFUND_STATES: dict[str, RefundState] = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
_DISPUTE_STATES: dict[str, DisputeStatus] = {
    "needs_response": "needs_response",
    "warning_needs_response": "needs_response",
    "won": "won",
    "warning_closed": "won",
    "lost": "lost",
}


def payment_of(intent: Any) -> ProviderPayment:
    data: dict[str, Any] = intent.to_dict()
    error = data.get("last_payment_error") or {}
    state = _STATES[data["status"]]
    if data["status"] == "requires_payment_method" and error:
        state = "failed"
    return ProviderPayment(
        reference=data["id"],
        state=state,
        amount=data["amount"],
        received=data.get("amount_received") or 0,
        currency=data["currency"].upper(),
        client_secret=data.get("client_secret") or "",
        next_action=data.get("next_action"),
        failure_code=str(error.get("decline_code") or error.get("code") or ""),
        failure_detail=str(error.get("message") or ""),
        method=_method(data.get("latest_charge")),
        manual_capture=data.get("capture_method") == "manual",
        metadata=data.get("metadata") or {},
        attempt=_attempt(data.get("latest_charge")),
    )


def _attempt(charge: Any) -> Attempt:
    if not isinstance(charge, dict):
        return Attempt(reference=str(charge or ""))
    outcome = charge.get("outcome") or {}
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    score = outcome.get("risk_score")
    return Attempt(
        reference=str(charge["id"]),
        fingerprint=str(card.get("fingerprint") or "")[:64],
        risk_level=str(outcome.get("risk_level") or "")[:20],
        risk_score=min(max(score, 0), 100) if isinstance(score, int) else None,
    )


def subject_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event is about; empty when it has an unknown shape."""
    data = payload.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) else {}


def refund_of(data: dict[str, Any]) -> ProviderRefund:
    state = _REFUND_STATES.get(data["status"], "pending")
    return ProviderRefund(
        data["id"],
        state,
        str(data.get("failure_reason") or ""),
        amount=data["amount"],
        payment=str(data.get("payment_intent") or ""),
        ours=str((data.get("metadata") or {}).get("refund") or ""),
    )


def _method(charge: Any) -> str:
    if not isinstance(charge, dict):
        return ""
    details = charge.get("payment_method_details") or {}
    card = details.get("card") or {}
    return f"{card['brand']} ending in {card['last4']}" if card.get("last4") else str(details.get("type") or "")


def dispute_of(data: dict[str, Any]) -> ProviderDispute:
    due = (data.get("evidence_details") or {}).get("due_by")
    return ProviderDispute(
        reference=data["id"],
        payment=str(data.get("payment_intent") or ""),
        status=_DISPUTE_STATES.get(data["status"], "under_review"),
        reason=str(data.get("reason") or "general"),
        amount=data["amount"],
        takes_money=not str(data["status"]).startswith("warning_"),
        due_at=datetime.fromtimestamp(due, UTC) if due else None,
    )


def charge_of(data: dict[str, Any]) -> ProviderCharge:
    metadata = data.get("metadata") or {}
    return ProviderCharge(
        reference=data["id"],
        payment=str(data.get("payment_intent") or ""),
        captured=data.get("amount_captured") or 0,
        currency=data["currency"].upper(),
        ours=str(metadata.get("payment") or ""),
        order_number=str(metadata.get("order") or ""),
    )
