"""What nobody told us: due webhook events, due refunds, payments whose end we have not heard of.

With this, neither a lost webhook nor a process that died at the wrong moment leaves a payment hanging.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import F
from django.utils import timezone

from apps.common.errors import Problem
from apps.orders.models import Order
from apps.payments.gateways.base import ProviderPayment, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, PaymentCustomer, Refund, WebhookEvent
from apps.payments.services import captures, cards, intents, refunds, settlement, webhooks

log = structlog.get_logger(__name__)
LIMIT = 100
# Per kind of work: one sweep ends well before the task's time limit, however slow the provider is.
BUDGET_SECONDS = 40.0


def process_due() -> dict[str, int]:
    """Work off what is due, oldest first; returns how many of each. Safe to run twice at once: each row is claimed."""
    now = timezone.now()
    hooks = WebhookEvent.objects.filter(status=WebhookEvent.Status.RECEIVED, next_attempt_at__lte=now)
    due_hooks = list(hooks.order_by("next_attempt_at").values_list("provider", "provider_event_id")[:LIMIT])
    due_refunds = Refund.objects.filter(status=Refund.Status.REQUESTED, next_attempt_at__lte=now)
    refund_ids = list(due_refunds.order_by("next_attempt_at").values_list("id", flat=True)[:LIMIT])
    due_payments = Payment.objects.filter(next_check_at__lte=now).order_by("next_check_at")
    payment_ids = list(due_payments.values_list("id", flat=True)[:LIMIT])
    customers = PaymentCustomer.objects.filter(forget_at__lte=now).order_by("forget_at")
    customer_ids = list(customers.values_list("id", flat=True)[:LIMIT])
    return {
        "webhooks": _each(due_hooks, lambda hook: webhooks.process(provider=hook[0], provider_event_id=hook[1])),
        "refunds": _each(refund_ids, refunds.process_refund),
        "payments": _each(payment_ids, check),
        "customers": _each(customer_ids, cards.erase_at_provider),
    }


def _each(rows: Iterable[Any], work: Callable[[Any], object]) -> int:
    """Do the work row by row: one that fails does not keep the others waiting, and is due again by its lease."""
    deadline = time.monotonic() + BUDGET_SECONDS
    done = 0
    for row in rows:
        if time.monotonic() >= deadline:
            log.warning("sweep_out_of_time", done=done)
            break
        try:
            work(row)
        except Exception:
            log.exception("sweep_row_failed", row=str(row))
        done += 1
    return done


def check(payment_id: UUID) -> None:
    """Ask the provider how a payment stands and settle it; one whose order no longer waits is given up there."""
    claimed = Payment.objects.filter(pk=payment_id, next_check_at__lte=timezone.now()).update(
        next_check_at=timezone.now() + timedelta(minutes=2), checks=F("checks") + 1
    )
    if not claimed:
        return
    payment = Payment.objects.select_related("order").get(pk=payment_id)
    try:
        settlement.settle(payment_id=payment.pk, state=_state_of(payment))
    except (Problem, ProviderUnavailable, ProviderRefused) as error:
        log.warning("payment_check_failed", payment=str(payment_id), error=str(error))


def _state_of(payment: Payment) -> ProviderPayment:
    """How the payment stands, after it was given up, or taken, where that is due."""
    state = intents.completed(payment)
    if _is_unwanted(payment, state):
        return gateway(payment.provider).cancel(state.reference)
    if state.state == "authorised" and payment.capture_requested is not None:
        return captures.take(payment)
    return state


def _is_unwanted(payment: Payment, state: ProviderPayment) -> bool:
    """The order no longer waits for this payment. Money held for a live order is taken when the goods leave."""
    order = payment.order
    if state.state == "succeeded" or order.status == Order.Status.PENDING:
        return False
    if order.status == Order.Status.CANCELLED:
        return True
    if payment.provider == Payment.Provider.MANUAL:  # cash comes with the goods
        return order.payment_status in (Order.PaymentStatus.PAID, Order.PaymentStatus.AUTHORISED)
    return state.state != "authorised"
