"""Stripe, by its own SDK: PaymentIntents, refunds, signed webhooks. The only file that imports `stripe`.

The SDK is imported at the first call: it costs 130 ms and 20 MB, which a process that only serves the catalogue need
not spend. Every call has a time-out and bounded retries under one idempotency key made from our row's id.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from apps.payments.gateways.base import (
    Page,
    ProviderCharge,
    ProviderDispute,
    ProviderEvent,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderUnavailable,
    SignatureInvalid,
)
from apps.payments.gateways.storable import storable
from apps.payments.gateways.stripe_cards import StripeCards
from apps.payments.gateways.stripe_objects import charge_of, dispute_of, payment_of, refund_of, subject_of

T = TypeVar("T")
log = structlog.get_logger(__name__)
TOLERANCE_SECONDS = 300
PAGE_SIZE = 100
# What opens a payment in a browser: events carry it, the shop must not keep it.
_SECRETS = frozenset({"client_secret", "next_action"})


class StripeGateway(StripeCards):
    """See `Gateway`."""

    @cached_property
    def _sdk(self) -> Any:
        import stripe

        return stripe

    def _client(self) -> Any:
        """A client per settings: tests and `make run` point it at a stand-in."""
        timeout, retries = settings.STRIPE_TIMEOUT_SECONDS, settings.STRIPE_MAX_RETRIES
        key = (settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, timeout, retries)
        if getattr(self, "_client_key", None) != key:
            stripe = self._sdk
            self._cached_client = stripe.StripeClient(
                settings.STRIPE_SECRET_KEY,
                http_client=stripe.new_default_http_client(timeout=timeout),
                max_network_retries=retries,
                base_addresses={"api": settings.STRIPE_API_BASE} if settings.STRIPE_API_BASE else {},
            )
            self._client_key = key
        return self._cached_client

    def create(
        self, *, payment_id: UUID, attempt: int, order_number: str, amount: int, currency: str
    ) -> ProviderPayment:
        manual = settings.PAYMENT_CAPTURE == "manual"
        intent = self._ask(
            lambda client: client.v1.payment_intents.create(
                {
                    "amount": amount,
                    "currency": currency.lower(),
                    "capture_method": "manual" if manual else "automatic",
                    "automatic_payment_methods": {"enabled": True},
                    "description": f"Order {order_number}",
                    "metadata": {"payment": str(payment_id), "order": order_number},
                },
                {"idempotency_key": f"payment-{payment_id}-{attempt}{'-manual' if manual else ''}"},
            )
        )
        return payment_of(intent)

    def retrieve(self, reference: str) -> ProviderPayment:
        return payment_of(
            self._ask(lambda client: client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]}))
        )

    def confirm(self, reference: str, *, payment_method: str, return_url: str) -> ProviderPayment:
        try:
            intent = self._ask(
                lambda client: client.v1.payment_intents.confirm(
                    reference,
                    {"payment_method": payment_method, "return_url": return_url, "expand": ["latest_charge"]},
                )
            )
        except ProviderRefused as refusal:
            return self._after_refusal(reference, refusal)
        return payment_of(intent)

    def cancel(self, reference: str) -> ProviderPayment:
        try:
            return payment_of(self._ask(lambda client: client.v1.payment_intents.cancel(reference)))
        except ProviderRefused:
            return self.retrieve(reference)

    def capture(self, reference: str, *, amount: int) -> ProviderPayment:
        try:
            intent = self._ask(
                lambda client: client.v1.payment_intents.capture(
                    reference,
                    {"amount_to_capture": amount, "expand": ["latest_charge"]},
                    {"idempotency_key": f"capture-{reference}-{amount}"},
                )
            )
        except ProviderRefused:
            return self.retrieve(reference)
        return payment_of(intent)

    def refund(self, *, refund_id: UUID, attempt: int, repeated: bool, reference: str, amount: int) -> ProviderRefund:
        # A key is forgotten after a day and a 500 may have done its work: look before sending again.
        if repeated and (made := self._find_refund(refund_id, reference)):
            return made
        refund = self._ask(
            lambda client: client.v1.refunds.create(
                {"payment_intent": reference, "amount": amount, "metadata": {"refund": str(refund_id)}},
                {"idempotency_key": f"refund-{refund_id}-{attempt}"},
            )
        )
        return refund_of(refund.to_dict())

    def retrieve_refund(self, reference: str) -> ProviderRefund:
        return refund_of(self._ask(lambda client: client.v1.refunds.retrieve(reference)).to_dict())

    def _find_refund(self, refund_id: UUID, reference: str) -> ProviderRefund | None:
        """The refund that an attempt without a good answer may have made all the same."""
        page = self._ask(lambda client: client.v1.refunds.list({"payment_intent": reference, "limit": 100}))
        for row in page.to_dict()["data"]:
            if (row.get("metadata") or {}).get("refund") == str(refund_id):
                return refund_of(row)
        return None

    def read_event(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        signature = headers.get("Stripe-Signature", "")
        try:
            signature.encode("ascii")
            self._sdk.WebhookSignature.verify_header(
                body.decode("utf-8"), signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS
            )
            # The SDK refuses old signatures but takes those of the future.
            early = _signed_at(signature) > time.time() + TOLERANCE_SECONDS
            payload = storable(json.loads(body), without=_SECRETS)
            event = ProviderEvent(id=str(payload["id"]), type=str(payload["type"]), payload=payload)
        except (ValueError, KeyError, TypeError, RecursionError, self._sdk.SignatureVerificationError):
            raise SignatureInvalid from None
        if early:
            raise SignatureInvalid
        return event

    def verify_event(self, payload: Mapping[str, Any], proof: Mapping[str, str]) -> None:
        """Its messages are verified when they are read."""

    def payment_of_event(self, payload: Mapping[str, Any]) -> str | None:
        subject = subject_of(payload)
        if subject.get("object") == "payment_intent":
            return str(subject["id"])
        return str(subject["payment_intent"]) if subject.get("payment_intent") else None

    def refund_of_event(self, payload: Mapping[str, Any]) -> str | None:
        subject = subject_of(payload)
        return str(subject["id"]) if subject.get("object") == "refund" else None

    def dispute_of_event(self, payload: Mapping[str, Any]) -> str | None:
        subject = subject_of(payload)
        return str(subject["id"]) if subject.get("object") == "dispute" else None

    def retrieve_dispute(self, reference: str) -> ProviderDispute:
        return dispute_of(self._ask(lambda client: client.v1.disputes.retrieve(reference)).to_dict())

    def list_charges(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderCharge]:
        wanted = _page_of(since, until, after)
        return _page(self._ask(lambda client: client.v1.charges.list(wanted)), charge_of)

    def list_refunds(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderRefund]:
        wanted = _page_of(since, until, after)
        return _page(self._ask(lambda client: client.v1.refunds.list(wanted)), refund_of)

    def list_disputes(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderDispute]:
        wanted = _page_of(since, until, after)
        return _page(self._ask(lambda client: client.v1.disputes.list(wanted)), dispute_of)

    def _after_refusal(self, reference: str, refusal: ProviderRefused) -> ProviderPayment:
        """A refused confirmation: a declined card, or a payment that has moved on meanwhile."""
        now = self.retrieve(reference)
        if now.state in ("succeeded", "processing", "cancelled") or refusal.code == "payment_intent_unexpected_state":
            return now
        return ProviderPayment(
            reference=now.reference,
            state="failed",
            amount=now.amount,
            received=now.received,
            currency=now.currency,
            failure_code=refusal.code,
            # Other refusals are worded for us, not for the shopper.
            failure_detail=refusal.detail if refusal.declined else "This payment method cannot be used.",
            attempt=now.attempt,
        )

    def _ask(self, call: Callable[[Any], T]) -> T:
        stripe = self._sdk
        try:
            return call(self._client())
        except stripe.CardError as error:
            raise ProviderRefused(
                getattr(error.error, "decline_code", None) or error.code or "card_declined",
                error.user_message or "The card was declined.",
                declined=True,
            ) from error
        except stripe.APIConnectionError as error:
            raise ProviderUnavailable(type(error).__name__) from error
        except stripe.StripeError as error:
            status = error.http_status or 500
            if status in (401, 403):
                log.error("stripe_refuses_our_key", status=status)
            if status >= 500 or status in (401, 403, 409, 429):
                raise ProviderUnavailable(f"HTTP {status}", answered=status == 500) from error
            raise ProviderRefused(error.code or type(error).__name__, error.user_message or "Refused.") from error


def _signed_at(signature: str) -> int:
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))


def _page_of(since: datetime, until: datetime, after: str) -> dict[str, Any]:
    span = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
    return {"created": span, "limit": PAGE_SIZE} | ({"starting_after": after} if after else {})


def _page(answer: Any, read: Callable[[dict[str, Any]], T]) -> Page[T]:
    data = answer.to_dict()
    rows = data["data"]
    return Page([read(row) for row in rows], str(rows[-1]["id"]) if data["has_more"] and rows else "")
