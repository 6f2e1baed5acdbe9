"""Payments and refunds of past orders: through the local Stripe stand-in when it answers, else only noted.

At the stand-in the payments exist, so that staff and customers can really refund and cancel demo orders. At a real
Stripe account nothing is ever created here.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.conf import settings
from django.test.utils import override_settings
from django.utils import timezone

from apps.common.money import to_minor
from apps.orders.models import Order
from apps.payments.gateways.base import Attempt, PaymentState, ProviderDispute, ProviderPayment, ProviderRefund
from apps.payments.models import Payment, Refund
from apps.payments.services import disputes, intents, refunds, settlement

VISA, DECLINED, RISKY = "pm_card_visa", "pm_card_chargeDeclined", "pm_card_riskLevelElevated"


class Till:
    """Takes money for orders and gives it back, at the moment the clock shows."""

    def __init__(self) -> None:
        self.live = _standin_answers()

    def charge(self, order: Order, *, declined: bool = False, card: str = VISA) -> None:
        """Pay the order, or try to with a card that is declined."""
        if not self.live:
            self._note(order, declined=declined, risky=card == RISKY)
            return
        payment = intents.create_intent(order=order, provider=Payment.Provider.STRIPE).payment
        try:
            intents.confirm(payment=payment, payment_method=DECLINED if declined else card)
        except intents.PaymentDeclined:
            if not declined:
                raise
        # An open payment of the past is no news for the sweep.
        Payment.objects.filter(pk=payment.pk).update(next_check_at=None)

    def authorise(self, order: Order) -> None:
        """Have the bank hold the money; nothing is taken yet."""
        with override_settings(PAYMENT_CAPTURE="manual"):
            if self.live:
                self.charge(order)
            else:
                payment = _noted(order, Payment.Provider.STRIPE, "pi_demo")
                settle(payment, "authorised", 0, method="visa ending in 4242", manual_capture=True)

    def promise_transfer(self, order: Order) -> None:
        """The buyer says that a bank transfer will come."""
        method = Payment.ManualMethod.BANK_TRANSFER
        intents.create_intent(order=order, provider=Payment.Provider.MANUAL, manual_method=method)

    def charge_paypal(self, order: Order) -> None:
        """Pay by PayPal: at the stand-in, when it plays."""
        if not self.live or not _answers(settings.PAYPAL_API_BASE):
            payment = _noted(order, Payment.Provider.PAYPAL, "PAYPALDEMO")
            settle(payment, "succeeded", to_minor(order.total, order.currency), method="PayPal")
            return
        intent = intents.create_intent(order=order, provider=Payment.Provider.PAYPAL)
        _paypal("webhooks", {"paused": True})
        try:
            _paypal(f"approve/{intent.payment.provider_reference}")
            intents.confirm(payment=intent.payment)
        finally:
            _paypal("webhooks", {"paused": False})

    def dispute(self, payment: Payment) -> None:
        """A buyer has asked the bank for the money."""
        if self.live:
            body = {"payment_intent": payment.provider_reference, "reason": "product_not_received"}
            reference = _post(settings.STRIPE_API_BASE, "disputes", body)["id"]
            disputes.follow(provider=payment.provider, reference=reference)
            return
        state = ProviderDispute(
            reference=f"dp_demo_{payment.order.number.lower()}",
            payment=payment.provider_reference,
            status="needs_response",
            reason="product_not_received",
            amount=to_minor(payment.captured, payment.currency),
            due_at=timezone.now() + timedelta(days=7),
        )
        disputes.take_in(payment_id=payment.pk, state=state)

    def give_back(self, order: Order) -> None:
        """Carry out what refunds were asked for."""
        for refund in Refund.objects.filter(payment__order=order, status=Refund.Status.REQUESTED):
            if self.live:
                refunds.process_refund(refund.pk)
                continue
            refunds.conclude(refund.pk, ProviderRefund(f"re_demo_{order.number.lower()}", "succeeded"))

    def _note(self, order: Order, *, declined: bool, risky: bool) -> None:
        payment = _noted(order, Payment.Provider.STRIPE, "pi_demo")
        amount = to_minor(order.total, order.currency)
        state = ProviderPayment(
            reference=f"pi_demo_{order.number.lower()}",
            state="failed" if declined else "succeeded",
            amount=amount,
            received=0 if declined else amount,
            currency=order.currency,
            failure_code="card_declined" if declined else "",
            failure_detail="Your card was declined." if declined else "",
            method="" if declined else "visa ending in 4242",
            attempt=Attempt("ch_demo", risk_level="elevated", risk_score=68) if risky else Attempt(),
        )
        settlement.settle(payment_id=payment.pk, state=state)
        Payment.objects.filter(pk=payment.pk).update(next_check_at=None)

    @contextmanager
    def without_webhooks(self) -> Iterator[None]:
        """The stand-in tells nobody of what happens inside: the shop knows, and may not be running yet."""
        if not self.live:
            yield
            return
        target = _control("GET")["url"]
        _control("POST", {"url": None})
        try:
            yield
        finally:
            _control("POST", {"url": target})


def _noted(order: Order, provider: str, prefix: str) -> Payment:
    return Payment.objects.create(
        order=order,
        provider=provider,
        provider_reference=f"{prefix}_{order.number.lower()}",
        amount=order.total,
        currency=order.currency,
    )


def settle(payment: Payment, state: PaymentState, received: int, **more: Any) -> None:
    """Let a payment that is only noted stand as a provider would say."""
    amount = to_minor(payment.amount, payment.currency)
    told = ProviderPayment(payment.provider_reference, state, amount, received, payment.currency, **more)
    settlement.settle(payment_id=payment.pk, state=told)
    Payment.objects.filter(pk=payment.pk).update(next_check_at=None)


def _standin_answers() -> bool:
    """Whether payments go to a stand-in of this machine, and it runs."""
    return _answers(settings.STRIPE_API_BASE) and "url" in _control("GET")


def _answers(base: str) -> bool:
    address = urlsplit(base)
    if address.hostname not in ("127.0.0.1", "localhost", "::1"):
        return False
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=0.5):
            return True
    except (OSError, ValueError):
        return False


def _paypal(path: str, body: dict[str, Any] | None = None) -> None:
    _post(settings.PAYPAL_API_BASE, path, body or {})


def _post(base: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = Request(f"{base}/_control/{path}", data=json.dumps(body).encode(), method="POST")
    with urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _control(method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = Request(f"{settings.STRIPE_API_BASE}/_control/webhooks", data=data, method=method)
    with urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
