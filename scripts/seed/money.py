"""Payments and refunds of past orders: through the local Stripe stand-in when it answers, else only noted.

At the stand-in the payments exist, so that staff and customers can really refund and cancel demo orders. At a real
Stripe account nothing is ever created here.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.conf import settings

from apps.common.money import to_minor
from apps.orders.models import Order
from apps.payments.gateways.base import ProviderPayment, ProviderRefund
from apps.payments.models import Payment, Refund
from apps.payments.services import intents, refunds, settlement

VISA, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"


class Till:
    """Takes money for orders and gives it back, at the moment the clock shows."""

    def __init__(self) -> None:
        self.live = _standin_answers()

    def charge(self, order: Order, *, declined: bool = False) -> None:
        """Pay the order, or try to with a card that is declined."""
        if not self.live:
            self._note(order, declined=declined)
            return
        payment = intents.create_intent(order=order, provider=Payment.Provider.STRIPE).payment
        try:
            intents.confirm(payment=payment, payment_method=DECLINED if declined else VISA)
        except intents.PaymentDeclined:
            if not declined:
                raise
        # An open payment of the past is no news for the sweep.
        Payment.objects.filter(pk=payment.pk).update(next_check_at=None)

    def give_back(self, order: Order) -> None:
        """Carry out what refunds were asked for."""
        for refund in Refund.objects.filter(payment__order=order, status=Refund.Status.REQUESTED):
            if self.live:
                refunds.process_refund(refund.pk)
                continue
            refunds.conclude(refund.pk, ProviderRefund(f"re_demo_{order.number.lower()}", "succeeded"))

    def _note(self, order: Order, *, declined: bool) -> None:
        payment = Payment.objects.create(
            order=order,
            provider=Payment.Provider.STRIPE,
            provider_reference=f"pi_demo_{order.number.lower()}",
            amount=order.total,
            currency=order.currency,
        )
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


def _standin_answers() -> bool:
    """Whether payments go to a stand-in of this machine, and it runs."""
    address = urlsplit(settings.STRIPE_API_BASE)
    if address.hostname not in ("127.0.0.1", "localhost", "::1"):
        return False
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=0.5):
            pass
        return "url" in _control("GET")
    except (OSError, ValueError):
        return False


def _control(method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = Request(f"{settings.STRIPE_API_BASE}/_control/webhooks", data=data, method=method)
    with urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
