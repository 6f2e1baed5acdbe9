"""What a provider says of a payment becomes true here: one path for the client's confirm, webhooks and the sweep.

The order is locked, then the payment (docs/locking.md). Money becomes a fact of the ledger, once; what was applied
before is left alone, so the same news may come any number of times, in any order.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict
from apps.common.money import ZERO, from_minor, to_minor
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.gateways.base import ProviderPayment
from apps.payments.models import Payment, PaymentEvent, Refund
from apps.payments.services import ledger, refunds
from apps.payments.services.locking import locked
from apps.products.services import stock

log = structlog.get_logger(__name__)
S = Payment.Status
EXPIRING = "authorisation_expiring"
# How long an open payment goes unasked: as long as it is old, within these bounds. It is asked until it has ended: at
# the latest its order's hold runs out, which gives it up at the provider.
SHORTEST, LONGEST_PENDING, LONGEST = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1)
_OPEN_STATES: dict[str, str] = {
    "created": S.CREATED,
    "requires_action": S.REQUIRES_ACTION,
    "approved": S.PROCESSING,
    "processing": S.PROCESSING,
    "failed": S.FAILED,
}


class PaymentMismatch(Conflict):
    code = "payment_mismatch"
    detail = "The provider's amount or currency is not the order's. The shop has been told."


def settle(*, payment_id: UUID, state: ProviderPayment) -> Payment:
    """Apply the provider's state. Raises PaymentMismatch (after recording it) when the money is not the order's."""
    with transaction.atomic():
        payment = locked(payment_id)
        mismatch = not _fits(payment, state)
        if mismatch:
            _record_mismatch(payment, state)
        elif not _is_old_news(payment, state):
            _apply(payment, state)
    if mismatch:
        raise PaymentMismatch
    return payment


def _is_old_news(payment: Payment, state: ProviderPayment) -> bool:
    """A success is final; a cancelled payment can at most turn out to have been paid."""
    return payment.status == S.SUCCEEDED or (payment.status == S.CANCELLED and state.state != "succeeded")


def _fits(payment: Payment, state: ProviderPayment) -> bool:
    if state.state == "cancelled":
        return True
    expected = to_minor(payment.amount, payment.currency)
    if (state.amount, state.currency) != (expected, payment.currency):
        return False
    if state.manual_capture:
        return state.received <= expected
    return state.state != "succeeded" or state.received == expected


def _record_mismatch(payment: Payment, state: ProviderPayment) -> None:
    log.error("payment_mismatch", payment=str(payment.pk), reference=state.reference)
    first_time, payment.failure_code = payment.failure_code != PaymentMismatch.code, PaymentMismatch.code
    if payment.status in Payment.OPEN:
        payment.next_check_at = timezone.now() + LONGEST
    payment.save(update_fields=["failure_code", "next_check_at", "updated_at"])
    if first_time:
        events.record(
            "payment.mismatch",
            target=payment,
            data={
                "amount": str(payment.amount),
                "currency": payment.currency,
                "provider_amount": state.amount,
                "provider_received": state.received,
                "provider_currency": state.currency,
            },
        )


def _apply(payment: Payment, state: ProviderPayment) -> None:
    match state.state:
        case "succeeded":
            _capture(payment, state)
        case "authorised":
            _authorise(payment, state)
        case "cancelled":
            _give_up(payment)
        case _:
            _note(payment, state)


def _release_rest(payment: Payment) -> None:
    ledger.record(
        payment=payment,
        kind=PaymentEvent.Kind.VOIDED,
        reference=payment.provider_reference,
        amount=payment.authorised - payment.captured,
    )


def _give_up(payment: Payment) -> None:
    if payment.authorised > payment.captured:
        _release_rest(payment)
        events.record("payment.voided", target=payment, data={"order_id": str(payment.order_id)})
    payment.status, payment.next_check_at = S.CANCELLED, None
    payment.save()
    ledger.derive_payment_status(payment.order)


def _note(payment: Payment, state: ProviderPayment) -> None:
    failed_now = state.state == "failed" and payment.failure_code != state.failure_code
    if state.state == "failed" and state.attempt.reference not in ("", payment.declined_charge):
        payment.declines, payment.declined_charge = min(payment.declines + 1, 32_000), state.attempt.reference
    payment.status = _OPEN_STATES[state.state]
    payment.failure_code, payment.failure_detail = state.failure_code[:80], state.failure_detail[:300]
    payment.next_check_at = _next_check(payment)
    payment.save()
    ledger.derive_payment_status(payment.order)
    if failed_now:
        events.record("payment.failed", target=payment, data={"code": payment.failure_code})


def _note_attempt(payment: Payment, state: ProviderPayment) -> None:
    """What is known of the card that paid, and of the risk the provider saw in it (docs/risk.md)."""
    payment.method = (state.method or payment.method)[:60]
    payment.card_fingerprint = state.attempt.fingerprint or payment.card_fingerprint
    payment.risk_level = state.attempt.risk_level or payment.risk_level
    if state.attempt.risk_score is not None:
        payment.risk_score = state.attempt.risk_score


def _next_check(payment: Payment) -> datetime:
    now = timezone.now()
    pending = payment.order.status == Order.Status.PENDING
    if payment.status == S.AUTHORISED and payment.order.status != Order.Status.CANCELLED:
        return now + LONGEST
    if not pending and payment.status != S.PROCESSING:
        return now + SHORTEST  # to be given up at the provider
    longest = LONGEST_PENDING if pending else LONGEST
    return now + min(max(now - payment.created_at, SHORTEST), longest)


def _authorise(payment: Payment, state: ProviderPayment) -> None:
    """The bank holds the money for us: the order goes ahead, the money is taken later."""
    payment.status = S.AUTHORISED
    payment.authorised_until = payment.authorised_until or timezone.now() + timedelta(days=settings.AUTHORISATION_DAYS)
    _note_attempt(payment, state)
    if payment.failure_code != EXPIRING:
        payment.failure_code = payment.failure_detail = ""
    payment.next_check_at = _next_check(payment)
    payment.save()
    _warn_of_expiry(payment)
    new = ledger.record(
        payment=payment,
        kind=PaymentEvent.Kind.AUTHORISED,
        reference=payment.provider_reference,
        amount=from_minor(state.amount, payment.currency),
    )
    if new:
        events.record("payment.authorised", target=payment, data={"order_id": str(payment.order_id)})
        use_for_order(payment)


def _warn_of_expiry(payment: Payment) -> None:
    """Staff hear once, a day before, that a bank will let go of money that was not taken."""
    soon = payment.authorised_until is not None and payment.authorised_until - timezone.now() < timedelta(days=1)
    if soon and payment.failure_code != EXPIRING:
        payment.failure_code = EXPIRING
        payment.save(update_fields=["failure_code"])
        log.warning("authorisation_expiring", payment=str(payment.pk), until=str(payment.authorised_until))
        events.record("payment.authorisation_expiring", target=payment, data={"order_id": str(payment.order_id)})


def _capture(payment: Payment, state: ProviderPayment) -> None:
    payment.status = S.SUCCEEDED
    payment.captured_at = timezone.now()
    _note_attempt(payment, state)
    payment.failure_code = payment.failure_detail = ""
    payment.next_check_at = None
    payment.save()
    new = ledger.record(
        payment=payment,
        kind=PaymentEvent.Kind.CAPTURED,
        reference=payment.provider_reference,
        amount=from_minor(state.received, payment.currency),
    )
    if payment.authorised > payment.captured:  # only a part was taken: the provider lets the rest go
        _release_rest(payment)
    if new:
        events.record("payment.succeeded", target=payment, data={"order_id": str(payment.order_id)})
        use_for_order(payment)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def use_for_order(payment: Payment) -> None:
    """Money that has just come in: it confirms the order it covers; what the order does not need goes back."""
    order = payment.order
    sums = ledger.sums_of_order(order)
    covered = sums.authorised - sums.refunded - sums.charged_back
    if order.status == Order.Status.PENDING and covered >= order.total:
        _confirm(order, ledger.derived_status(order, sums))
    # The order was cancelled, paid otherwise or sold out before this money came.
    closed = order.status in (Order.Status.CANCELLED, Order.Status.RETURNED)
    surplus = min(payment.captured if closed else sums.captured - order.due_total, payment.refundable)
    if surplus > ZERO:
        why = refunds.Why("order not open for payment", Refund.Cause.SURPLUS)
        refunds.take_for_refund(payment=payment, amount=surplus, why=why)
        sums = ledger.sums_of_order(order)
    lifecycle.set_payment_status(order=order, status=ledger.derived_status(order, sums))


def _confirm(order: Order, payment_status: str) -> None:
    """The money makes the order a sale; one whose stock went to others after its hold ran out is cancelled."""
    try:
        with transaction.atomic():
            lifecycle.mark_paid(order=order, payment_status=payment_status)
    except stock.ReservationExpired:
        lifecycle.cancel(order_id=order.pk, reason="not paid in time")
        order.refresh_from_db()
