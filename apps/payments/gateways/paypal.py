"""PayPal, by its REST API: Orders v2 (create, approve in the browser, capture or authorise), refunds, webhooks.

Money is captured by us alone, after the buyer's approval; so an order that we give up is never paid. With
`PAYMENT_CAPTURE=manual` it is only held first. Each changing call carries a PayPal-Request-Id made from our row's id. A
webhook is stored at once and believed when PayPal itself says that it sent it (verify-webhook-signature): the other
scheme would need a cryptography library and the download of a certificate.
"""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import requests
import structlog
from django.conf import settings

from apps.common.money import from_minor, round_money, to_minor
from apps.payments.gateways.base import (
    Page,
    PaymentState,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    RefundState,
    SignatureInvalid,
)
from apps.payments.gateways.storable import storable

log = structlog.get_logger(__name__)
_STATES: dict[str, PaymentState] = {
    "CREATED": "created",
    "SAVED": "created",
    "PAYER_ACTION_REQUIRED": "requires_action",
    "APPROVED": "approved",
    "VOIDED": "cancelled",
}
_HELD: dict[str | None, PaymentState] = {
    "CREATED": "authorised",
    "DENIED": "failed",
    "VOIDED": "cancelled",
    "EXPIRED": "cancelled",
}
_REFUND_STATES: dict[str, RefundState] = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELLED": "failed"}
_SIGNED = {
    "auth_algo": "Paypal-Auth-Algo",
    "cert_url": "Paypal-Cert-Url",
    "transmission_id": "Paypal-Transmission-Id",
    "transmission_sig": "Paypal-Transmission-Sig",
    "transmission_time": "Paypal-Transmission-Time",
}
_PAUSES = (0.2, 0.6)


class PayPalGateway:
    """See `Gateway`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token, self._token_for, self._token_until = "", ("", ""), 0.0

    def create(
        self, *, payment_id: UUID, attempt: int, order_number: str, amount: int, currency: str
    ) -> ProviderPayment:
        unit = {
            "custom_id": str(payment_id),
            "description": f"Order {order_number}",
            "amount": {"currency_code": currency, "value": _value(amount, currency)},
        }
        urls = {"return_url": settings.FRONTEND_URL, "cancel_url": settings.FRONTEND_URL}
        manual = settings.PAYMENT_CAPTURE == "manual"
        body = {
            "intent": "AUTHORIZE" if manual else "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": urls}},
        }
        key = f"payment-{payment_id}-{attempt}{'-manual' if manual else ''}"
        return _payment(self._call("POST", "/v2/checkout/orders", body, key=key))

    def retrieve(self, reference: str) -> ProviderPayment:
        return _payment(self._order(reference))

    def confirm(self, reference: str, *, payment_method: str, return_url: str) -> ProviderPayment:
        """Capture, or have held, what the buyer has approved; anything else is answered as it stands."""
        order = self._order(reference)
        now = _payment(order)
        if now.state != "approved":
            return now
        step = "authorize" if now.manual_capture else "capture"
        try:
            return _payment(
                self._call("POST", f"/v2/checkout/orders/{reference}/{step}", {}, key=f"{step}-{reference}")
            )
        except ProviderRefused as refusal:
            return self._after_refusal(reference, refusal)

    def capture(self, reference: str, *, amount: int) -> ProviderPayment:
        order = self._order(reference)
        now = _payment(order)
        if now.state != "authorised":
            return now
        money = {"currency_code": now.currency, "value": _value(amount, now.currency)}
        body = {"amount": money, "final_capture": True}
        self._on_hold(order, "capture", body, key=f"capture-{reference}-{amount}")
        return self.retrieve(reference)

    def cancel(self, reference: str) -> ProviderPayment:
        """Let go of what is held. Only we take: an order that is not paid yet is given up by never taking it."""
        order = self._order(reference)
        now = _payment(order)
        if now.state in ("succeeded", "processing"):
            return now
        if now.state == "authorised":
            self._on_hold(order, "void", {}, key=f"void-{reference}")
            return self.retrieve(reference)
        return ProviderPayment(
            reference=reference, state="cancelled", amount=now.amount, received=0, currency=now.currency
        )

    def refund(self, *, refund_id: UUID, attempt: int, repeated: bool, reference: str, amount: int) -> ProviderRefund:
        payments = _payments(self._order(reference))
        for row in payments.get("refunds") or [] if repeated else []:
            if row.get("custom_id") == str(refund_id):
                return _refund(row, reference)
        captures = payments.get("captures") or []
        if not captures:
            raise ProviderRefused("not_captured", "Nothing was captured.")
        currency = captures[0]["amount"]["currency_code"]
        money = {"currency_code": currency, "value": _value(amount, currency)}
        path = f"/v2/payments/captures/{captures[0]['id']}/refund"
        body = {"amount": money, "custom_id": str(refund_id)}
        return _refund(self._call("POST", path, body, key=f"refund-{refund_id}-{attempt}"), reference)

    def retrieve_refund(self, reference: str) -> ProviderRefund:
        row = self._call("GET", f"/v2/payments/refunds/{reference}")
        capture = next((link["href"] for link in row.get("links") or [] if link.get("rel") == "up"), "")
        found = self._call("GET", f"/v2/payments/captures/{capture.rsplit('/', 1)[-1]}")
        return _refund(row, _order_of(found))

    def read_event(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        try:
            payload = storable(json.loads(body))
            # Not verified yet: whoever takes another's id, with another content, takes nothing from it.
            mark = hashlib.sha256(body).hexdigest()[:16]
            event_id, event_type = f"{str(payload['id'])[:100]}:{mark}", str(payload["event_type"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SignatureInvalid from None
        signed = {name: headers.get(header, "")[:1000] for name, header in _SIGNED.items()}
        if not settings.PAYPAL_WEBHOOK_ID or not all(signed.values()):
            raise SignatureInvalid
        return ProviderEvent(event_id, event_type, payload, proof=storable(signed))

    def verify_event(self, payload: Mapping[str, Any], proof: Mapping[str, str]) -> None:
        question = {**proof, "webhook_id": settings.PAYPAL_WEBHOOK_ID, "webhook_event": payload}
        try:
            answer = self._call("POST", "/v1/notifications/verify-webhook-signature", question)
        except ProviderRefused:
            raise SignatureInvalid from None
        if answer.get("verification_status") != "SUCCESS":
            raise SignatureInvalid

    def payment_of_event(self, payload: Mapping[str, Any]) -> str | None:
        resource = payload.get("resource")
        if not isinstance(resource, dict):
            return None
        if str(payload.get("event_type")).startswith("CHECKOUT.ORDER."):
            return str(resource["id"]) if resource.get("id") else None
        return _order_of(resource) or None

    def refund_of_event(self, payload: Mapping[str, Any]) -> str | None:
        resource = payload.get("resource")
        told = payload.get("event_type") in ("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.FAILED")
        return str(resource["id"]) if told and isinstance(resource, dict) and resource.get("id") else None

    def dispute_of_event(self, payload: Mapping[str, Any]) -> str | None:
        return None

    def retrieve_dispute(self, reference: str) -> ProviderDispute:
        raise ProviderRefused("not_supported", "PayPal's disputes are answered in its own resolution centre.")

    def list_charges(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderCharge]:
        return Page([])

    def list_refunds(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderRefund]:
        return Page([])

    def list_disputes(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderDispute]:
        return Page([])

    def _on_hold(self, order: dict[str, Any], step: str, body: dict[str, Any], *, key: str) -> None:
        """Take or let go of held money; a refusal means that it was done before, which the order tells."""
        held = _payments(order)["authorizations"][-1]["id"]
        try:
            self._call("POST", f"/v2/payments/authorizations/{held}/{step}", body, key=key)
        except ProviderRefused as refusal:
            log.info("paypal_refused_a_step", step=step, code=refusal.code)

    def _order(self, reference: str) -> dict[str, Any]:
        return self._call("GET", f"/v2/checkout/orders/{reference}")

    def _after_refusal(self, reference: str, refusal: ProviderRefused) -> ProviderPayment:
        now = self.retrieve(reference)
        if now.state in ("succeeded", "processing", "cancelled") or not refusal.declined:
            return now
        return ProviderPayment(
            reference=reference,
            state="failed",
            amount=now.amount,
            received=0,
            currency=now.currency,
            failure_code=refusal.code,
            failure_detail="PayPal declined this way to pay; choose another.",
        )

    def _call(self, method: str, path: str, body: Any = None, *, key: str = "") -> dict[str, Any]:
        """One call with bounded retries under one key. Raises ProviderUnavailable or ProviderRefused."""
        for pause in (*_PAUSES, None):
            try:
                return self._once(method, path, body, key)
            except ProviderUnavailable:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: Any, key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._bearer()}", "Prefer": "return=representation"}
        if key:
            headers["PayPal-Request-Id"] = key
        answer = self._send(method, path, json=body, headers=headers)
        if answer.status_code == 401:
            self._token = ""
            raise ProviderUnavailable("HTTP 401")
        return _understood(answer)

    def _bearer(self) -> str:
        who = (settings.PAYPAL_CLIENT_ID, settings.PAYPAL_CLIENT_SECRET)
        with self._lock:
            if self._token and self._token_for == who and time.monotonic() < self._token_until:
                return self._token
            grant = {"grant_type": "client_credentials"}
            answer = self._send("POST", "/v1/oauth2/token", data=grant, auth=who)
            if answer.status_code in (400, 401, 403):
                log.error("paypal_refuses_our_key", status=answer.status_code)
                raise ProviderUnavailable(f"HTTP {answer.status_code}")
            found = _understood(answer)
            self._token, self._token_for = str(found["access_token"]), who
            self._token_until = time.monotonic() + float(found.get("expires_in") or 0) * 0.9
            return self._token

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        url = f"{settings.PAYPAL_API_BASE.rstrip('/')}{path}"
        try:
            return requests.request(
                method, url, timeout=settings.PAYPAL_TIMEOUT_SECONDS, allow_redirects=False, **options
            )
        except requests.RequestException as error:
            raise ProviderUnavailable(type(error).__name__) from error


def _understood(answer: requests.Response) -> dict[str, Any]:
    status = answer.status_code
    if status >= 500 or status in (403, 409, 429):
        raise ProviderUnavailable(f"HTTP {status}")
    try:
        found = answer.json()
    except ValueError:
        raise ProviderUnavailable("not JSON") from None
    if status >= 400:
        issue = next((row.get("issue") for row in found.get("details") or []), None) or found.get("name") or "refused"
        raise ProviderRefused(str(issue).lower(), "Refused.", declined=issue == "INSTRUMENT_DECLINED")
    return dict(found)


def _payment(order: dict[str, Any]) -> ProviderPayment:
    amount = order["purchase_units"][0]["amount"]
    captures = _payments(order).get("captures") or []
    held = (_payments(order).get("authorizations") or [{}])[-1].get("status")
    state: PaymentState = _STATES.get(order["status"], "processing")
    received = 0
    if order["status"] == "COMPLETED":
        done = [row for row in captures if row["status"] in ("COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED")]
        received = sum(_minor(row["amount"]) for row in done)
        state = "succeeded" if done else "failed" if _all_declined(captures) else _HELD.get(held, "processing")
    return ProviderPayment(
        reference=order["id"],
        state=state,
        amount=_minor(amount),
        received=received,
        currency=amount["currency_code"],
        next_action=_approval(order),
        failure_code="capture_declined" if state == "failed" else "",
        method="PayPal",
        manual_capture=order.get("intent") == "AUTHORIZE",
    )


def _all_declined(captures: list[dict[str, Any]]) -> bool:
    return bool(captures) and all(row["status"] in ("DECLINED", "FAILED") for row in captures)


def _approval(order: dict[str, Any]) -> dict[str, str] | None:
    for link in order.get("links") or []:
        if link.get("rel") in ("payer-action", "approve"):
            return {"type": "redirect", "url": str(link["href"])}
    return None


def _payments(order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = order["purchase_units"][0].get("payments") or {}
    return found


def _refund(row: dict[str, Any], payment: str) -> ProviderRefund:
    state = _REFUND_STATES.get(row["status"], "pending")
    detail = str((row.get("status_details") or {}).get("reason") or "")
    amount = _minor(row["amount"])
    return ProviderRefund(
        row["id"], state, detail, amount=amount, payment=payment, ours=str(row.get("custom_id") or "")
    )


def _order_of(resource: Mapping[str, Any]) -> str:
    ids = (resource.get("supplementary_data") or {}).get("related_ids") or {}
    return str(ids.get("order_id") or "")


def _minor(money: Mapping[str, str]) -> int:
    return to_minor(Decimal(money["value"]), money["currency_code"])


def _value(minor: int, currency: str) -> str:
    return str(round_money(from_minor(minor, currency), currency))
