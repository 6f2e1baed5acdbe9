"""Charges: one attempt to take money, with its outcome."""

from __future__ import annotations

from scripts.standin.calls import Call, Route, takes
from scripts.standin.cards import FRAUD, Decline
from scripts.standin.lists import PAGE_PARAMS, cut, page
from scripts.standin.params import merge_metadata, text
from scripts.standin.store import Obj, new_id, now

APPROVED = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


# What this stand-in never fills.
EMPTY: Obj = {
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "failure_balance_transaction": None,
    "fraud_details": {},
    "livemode": False,
    "on_behalf_of": None,
    "radar_options": {},
    "receipt_number": None,
    "review": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
}


def new_charge(
    intent: Obj,
    method: Obj,
    *,
    captured: bool,
    authenticated: bool,
    decline: Decline | None = None,
    risk: tuple[str, int] = ("normal", 12),
) -> Obj:
    """A charge for the whole amount of the payment intent, failed when the card declines."""
    paid = decline is None
    charge_id = new_id("ch")
    return EMPTY | {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid and captured else 0,
        "amount_refunded": 0,
        "balance_transaction": new_id("txn") if paid and captured else None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or "TRADEPOST",
        "captured": paid and captured,
        "created": now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": decline[0] if decline else None,
        "failure_message": decline[2] if decline else None,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(decline, risk),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _card_details(intent, method, authenticated), "type": "card"},
        "receipt_email": intent["receipt_email"],
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge_id}" if paid else None,
        "refunded": False,
        "shipping": intent["shipping"],
        "statement_descriptor": intent["statement_descriptor"],
        "status": "succeeded" if paid else "failed",
        "transfer_group": intent["transfer_group"],
    }


def _outcome(decline: Decline | None, risk: tuple[str, int]) -> Obj:
    return APPROVED | {"risk_level": risk[0], "risk_score": risk[1]} if decline is None else _refused(decline)


def _refused(decline: Decline) -> Obj:
    code, decline_code, _ = decline
    if decline == FRAUD:
        return APPROVED | {
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "risk_level": "highest",
            "risk_score": 90,
            "seller_message": "Stripe blocked this payment as too risky.",
            "type": "blocked",
        }
    return APPROVED | {
        "network_status": "declined_by_network",
        "reason": decline_code or code,
        "seller_message": "The bank did not accept this payment.",
        "type": "issuer_declined",
    }


def _card_details(intent: Obj, method: Obj, authenticated: bool) -> Obj:
    card = method["card"]
    same = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    secure = {"authentication_flow": "challenge", "result": "authenticated", "version": "2.2.0"}
    return {name: card[name] for name in same} | {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_token": {"used": False},
        "three_d_secure": secure if authenticated else None,
    }


def retrieve(call: Call) -> Obj:
    return call.addressed("charge")


def update(call: Call) -> Obj:
    charge = call.addressed("charge")
    merge_metadata(charge, call.params)
    for name in ("description", "receipt_email"):
        if name in call.params:
            charge[name] = text(call.params, name)
    return call.store.put(charge)


def list_all(call: Call) -> Obj:
    return page(call, "charge", "payment_intent", "customer")


def list_refunds(call: Call) -> Obj:
    charge = call.addressed("charge")
    return cut(call, list(reversed(call.store.where("refund", "charge", charge["id"]))))


ROUTES = (
    Route("GET", "/v1/charges", list_all, PAGE_PARAMS | takes("payment_intent customer transfer_group")),
    Route("GET", "/v1/charges/{id}", retrieve),
    Route("POST", "/v1/charges/{id}", update, takes("metadata description receipt_email shipping")),
    Route("GET", "/v1/charges/{id}/refunds", list_refunds, PAGE_PARAMS),
)
