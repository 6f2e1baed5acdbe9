"""Asking for money: a payment row first, then the provider, under a key made from the row's id.

Whatever dies between the two is repaired: the same call, or the sweep, repeats the provider's call with the same key
and gets the same payment.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.common.errors import Conflict, PaymentRequired
from apps.common.money import ZERO, to_minor
from apps.orders.models import Order
from apps.payments.gateways.base import ProviderPayment, ProviderUnavailable
from apps.payments.gateways.registry import gateway, vault
from apps.payments.models import Payment
from apps.payments.services import manual, methods, settlement
from apps.payments.services.asking import asking_provider


class NotPayable(Conflict):
    code = "invalid_transition"
    detail = "This order is not waiting for a payment."


class PaymentDeclined(PaymentRequired):
    """402: `decline_code` says why, in the provider's words."""


class ActionRequired(PaymentRequired):
    """402 for now: not kept under an Idempotency-Key, for the same request goes through once the shopper has acted."""

    final = False
    code = "payment_action_required"
    detail = "The shopper must authenticate the payment; follow `next_action`, then confirm again."


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment and what a client needs to complete it; the secret is never stored."""

    payment: Payment
    client_secret: str
    approval_url: str | None = None


def create_intent(*, order: Order, provider: str, manual_method: str = "") -> Intent:
    """The order's open payment at the provider, made when there is none.

    Raises MethodUnavailable, NotPayable, PaymentMismatch or UpstreamFailed. Store credit is spent by store_credit.pay.
    """
    methods.require(order, provider=provider, method=manual_method)
    payment, fits = _open_payment(order_id=order.pk, provider=provider)
    if not fits and payment.provider_reference:
        # It was begun before part of the order was paid otherwise: it makes room for one over the rest.
        with asking_provider():
            state = gateway(provider).cancel(payment.provider_reference)
        settlement.settle(payment_id=payment.pk, state=state)
        payment, _ = _open_payment(order_id=order.pk, provider=provider)
    state = open_at_provider(payment, order_number=order.number)
    if state.state in ("succeeded", "cancelled"):
        # It ended at the provider before we heard of it: the order is paid now, or takes another payment.
        settlement.settle(payment_id=payment.pk, state=state)
        payment, _ = _open_payment(order_id=order.pk, provider=provider)
        state = open_at_provider(payment, order_number=order.number)
    if provider == Payment.Provider.MANUAL:
        manual.begin(payment_id=payment.pk, method=manual_method)
    payment.refresh_from_db()
    payment.order.refresh_from_db(fields=["status", "payment_status"])
    action = state.next_action or {}
    approval = str(action["url"]) if provider == Payment.Provider.PAYPAL and "url" in action else None
    return Intent(payment=payment, client_secret=state.client_secret, approval_url=approval)


def client_secret(payment_id: UUID) -> str:
    """What completes a payment in the browser, asked of the provider: it is stored nowhere. Raises UpstreamFailed."""
    payment = Payment.objects.select_related("order").get(pk=payment_id)
    return open_at_provider(payment, order_number=payment.order.number).client_secret


def open_at_provider(payment: Payment, *, order_number: str) -> ProviderPayment:
    """The payment at its provider, created there if it is not yet; remembers the reference. Repeatable."""
    with asking_provider():
        return _open(payment, order_number=order_number)


def _open(payment: Payment, *, order_number: str) -> ProviderPayment:
    try:
        if payment.provider_reference:
            return gateway(payment.provider).retrieve(payment.provider_reference)
        state = gateway(payment.provider).create(
            payment_id=payment.pk,
            attempt=payment.key_attempt,
            order_number=order_number,
            amount=to_minor(payment.amount, payment.currency),
            currency=payment.currency,
        )
    except ProviderUnavailable as error:
        if error.answered:
            Payment.objects.filter(pk=payment.pk, key_attempt=payment.key_attempt).update(
                key_attempt=F("key_attempt") + 1
            )
        raise
    return _remember(payment, state, order_number=order_number)


def _remember(payment: Payment, state: ProviderPayment, *, order_number: str) -> ProviderPayment:
    """Store the reference of a payment just opened; answers the payment that counts."""
    if Payment.objects.filter(pk=payment.pk, provider_reference="").update(provider_reference=state.reference):
        payment.provider_reference = state.reference
        return state
    payment.refresh_from_db(fields=["provider_reference"])
    if payment.provider_reference == state.reference:
        return state
    # A twin was first, under another key: its payment counts, and nobody has seen the secret of this one.
    return open_at_provider(payment, order_number=order_number)


def confirm(*, payment: Payment, payment_method: str = "", return_url: str = "", customer: str = "") -> Payment:
    """Settle a payment by what the provider says of it, trying `payment_method` first when one is given. Repeatable.

    A method that a customer keeps takes the `customer` it belongs to.

    Raises PaymentDeclined, ActionRequired, PaymentMismatch, NotPayable or UpstreamFailed.
    """
    if payment.status == Payment.Status.SUCCEEDED:
        return payment
    if payment.status == Payment.Status.CANCELLED:
        raise NotPayable
    if payment_method and payment.order.status != Order.Status.PENDING:
        raise NotPayable
    state = _ask(payment, payment_method, return_url, customer)
    payment = settlement.settle(payment_id=payment.pk, state=state)
    if payment.status == Payment.Status.CANCELLED:
        raise NotPayable
    if payment.status == Payment.Status.FAILED:
        raise PaymentDeclined(
            state.failure_detail or None, extra={"decline_code": state.failure_code, "payment": str(payment.pk)}
        )
    if payment.status == Payment.Status.REQUIRES_ACTION:
        raise ActionRequired(extra={"next_action": state.next_action, "payment": str(payment.pk)})
    return payment


def _ask(payment: Payment, payment_method: str, return_url: str, customer: str) -> ProviderPayment:
    if not payment_method:
        return completed(payment)
    state = open_at_provider(payment, order_number=payment.order.number)
    if state.state in ("succeeded", "processing", "cancelled"):
        return state
    with asking_provider():
        if customer:
            vault(payment.provider).assign_customer(state.reference, customer=customer)
        return gateway(payment.provider).confirm(
            state.reference, payment_method=payment_method, return_url=return_url or settings.FRONTEND_URL
        )


def completed(payment: Payment) -> ProviderPayment:
    """The payment as it stands; one that the buyer has approved, and whose order still waits, is captured first."""
    state = open_at_provider(payment, order_number=payment.order.number)
    if state.state != "approved" or payment.order.status != Order.Status.PENDING:
        return state
    with asking_provider():
        return gateway(payment.provider).confirm(state.reference, payment_method="", return_url="")


@transaction.atomic
def _open_payment(*, order_id: UUID, provider: str) -> tuple[Payment, bool]:
    """The open payment, made when there is none, and whether it asks for no more than is due."""
    order = Order.objects.lock().get(pk=order_id)
    if order.status != Order.Status.PENDING:
        raise NotPayable
    payments = list(Payment.objects.filter(order=order))
    # An open payment elsewhere may stay: it is given up once the order is covered, and a second success is refunded.
    payment = next((each for each in payments if each.status in Payment.OPEN and each.provider == provider), None)
    due = order.total - sum((each.captured for each in payments), ZERO)
    if payment is None:
        if due <= 0:
            raise NotPayable
        payment = Payment.objects.create(
            order=order,
            provider=provider,
            amount=due,
            currency=order.currency,
            next_check_at=timezone.now() + settlement.SHORTEST,
        )
    return payment, payment.amount - payment.captured <= due
