"""Money back. A refund row reserves its amount under the payment's lock: together they never exceed the capture.

The provider is asked by `process_refund`, outside any transaction, under a key made from the refund's id: however often
it is asked, the money goes back once.
"""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.common import events, nudge
from apps.common.errors import Conflict, NotFound
from apps.common.money import ZERO, from_minor, money_json, to_minor
from apps.orders.models import Order
from apps.payments.gateways.base import ProviderRefund, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, PaymentEvent, Refund
from apps.payments.services import ledger
from apps.payments.services.locking import locked

if TYPE_CHECKING:
    from apps.users.models import User

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=90)
# Which answers still change a refund: a failure is final, a success is not.
_NEWS: dict[str, tuple[str, ...]] = {"requested": ("succeeded", "failed"), "succeeded": ("failed",), "failed": ()}


class ExceedsRefundable(Conflict):
    code = "amount_exceeds_refundable"
    detail = "This is more than what was captured and not yet refunded."


@transaction.atomic
def request_refund(
    *, payment_id: UUID, amount: Decimal | None = None, reason: str = "", actor: "User | None" = None
) -> Refund:
    """Ask for money back; all that is left without an amount. Raises NotFound or ExceedsRefundable."""
    order_id = Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    payment = Payment.objects.lock().get(pk=payment_id)
    refund = take_for_refund(
        payment=payment,
        amount=payment.refundable if amount is None else amount,
        reason=reason,
        actor=actor,
    )
    ledger.derive_payment_status(order)
    return refund


def take_for_refund(*, payment: Payment, amount: Decimal, reason: str, actor: "User | None" = None) -> Refund:
    """Reserve an amount of a locked payment and note the refund, in the caller's transaction."""
    if amount <= 0 or amount > payment.refundable:
        raise ExceedsRefundable(extra={"refundable": money_json(payment.refundable, payment.currency)})
    refund = Refund.objects.create(
        payment=payment,
        amount=amount,
        reason=reason[:200],
        next_attempt_at=timezone.now(),
        actor_id=actor.pk if actor is not None else None,
    )
    ledger.recompute(payment)
    data = {"amount": str(amount), "currency": payment.currency, "order_id": str(payment.order_id)}
    events.record("refund.requested", target=refund, actor=actor, data=data)
    transaction.on_commit(lambda: nudge.send("process_refund", str(refund.pk)), robust=True)
    return refund


def refund_order(order_id: UUID, *, reason: str) -> int:
    """Ask for all captured money of an order; returns how many refunds that makes. Repeatable."""
    order = Order.objects.lock().get(pk=order_id)
    made = 0
    for payment in Payment.objects.lock().filter(order=order, captured__gt=F("refunded")):
        if payment.refundable > ZERO:
            take_for_refund(payment=payment, amount=payment.refundable, reason=reason)
            made += 1
    if made:
        ledger.derive_payment_status(order)
    return made


def refund_share(order_id: UUID, *, amount: Decimal, reason: str) -> Decimal:
    """Ask for part of an order's money, from its payments in turn; returns how much that is: at most what is left."""
    order = Order.objects.lock().get(pk=order_id)
    left = amount
    for payment in Payment.objects.lock().filter(order=order, captured__gt=F("refunded")):
        part = min(left, payment.refundable)
        if part > ZERO:
            take_for_refund(payment=payment, amount=part, reason=reason)
            left -= part
    if left < amount:
        ledger.derive_payment_status(order)
    return amount - left


def process_refund(refund_id: UUID | str) -> bool:
    """Send one requested refund to its provider. Returns whether it is settled; safe to run twice and in parallel."""
    claimed = Refund.objects.filter(
        pk=refund_id, status=Refund.Status.REQUESTED, next_attempt_at__lte=timezone.now()
    ).update(next_attempt_at=timezone.now() + LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return False
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    try:
        answer = _ask(refund)
    except ProviderUnavailable as error:
        if error.answered:
            Refund.objects.filter(pk=refund.pk).update(key_attempt=F("key_attempt") + 1)
        _again(refund, str(error))
        return False
    except ProviderRefused as refusal:
        if refund.provider_reference:  # it exists there: not being told how it stands is not a failure
            _again(refund, str(refusal))
            return False
        answer = ProviderRefund("", "failed", str(refusal))
    if answer.state == "pending":
        Refund.objects.filter(pk=refund.pk).update(provider_reference=answer.reference)
        _again(refund, "pending at the provider")
        return False
    conclude(refund.pk, answer)
    return True


def follow(*, provider: str, reference: str) -> None:
    """Apply what a provider says of a refund; a bank may even send back one that had succeeded.

    One that was made in the provider's dashboard is adopted. Raises LookupError while its payment is not known here.
    """
    answer = gateway(provider).retrieve_refund(reference)
    refund = Refund.objects.filter(payment__provider=provider, provider_reference=reference).first()
    refund = refund or _ours(provider, answer) or _adopt(provider, answer)
    if answer.state != "pending":
        conclude(refund.pk, answer)


def _ours(provider: str, answer: ProviderRefund) -> Refund | None:
    """The refund that we asked for ourselves and whose answer has not come yet."""
    try:
        refund_id = UUID(answer.ours)
    except ValueError:
        return None
    return Refund.objects.filter(pk=refund_id, payment__provider=provider).first()


@transaction.atomic
def _adopt(provider: str, answer: ProviderRefund) -> Refund:
    """Note a refund that somebody made at the provider. The money has gone: there is nothing to ask for."""
    found = Payment.objects.filter(provider=provider, provider_reference=answer.payment).first()
    if found is None or not answer.payment:
        raise LookupError(f"no payment of refund {answer.reference}")
    payment = locked(found.pk)
    known = Refund.objects.filter(payment=payment, provider_reference=answer.reference).first()
    if known is not None:
        return known
    refund = Refund.objects.create(
        payment=payment,
        amount=from_minor(answer.amount, payment.currency),
        reason="made at the provider",
        provider_reference=answer.reference,
        attempts=1,
        next_attempt_at=timezone.now() + LEASE,
    )
    ledger.recompute(payment)
    ledger.derive_payment_status(payment.order)
    data = {"amount": str(refund.amount), "currency": payment.currency, "order_id": str(payment.order_id)}
    events.record("refund.adopted", target=refund, data=data)
    return refund


def _ask(refund: Refund) -> ProviderRefund:
    payment = refund.payment
    provider = gateway(payment.provider)
    if refund.provider_reference:
        return provider.retrieve_refund(refund.provider_reference)
    return provider.refund(
        refund_id=refund.pk,
        attempt=refund.key_attempt,
        repeated=refund.attempts > 1,
        reference=payment.provider_reference,
        amount=to_minor(refund.amount, payment.currency),
    )


@transaction.atomic
def conclude(refund_id: UUID, answer: ProviderRefund) -> None:
    """Apply the provider's word on a refund; old news change nothing."""
    order_id = Refund.objects.values_list("payment__order_id", flat=True).get(pk=refund_id)
    order = Order.objects.lock().get(pk=order_id)
    payment = Payment.objects.lock().get(refunds=refund_id)
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if answer.state not in _NEWS[refund.status]:
        return
    refund.provider_reference = answer.reference or refund.provider_reference
    if answer.state == "succeeded":
        refund.status, refund.succeeded_at = Refund.Status.SUCCEEDED, timezone.now()
    else:
        refund.status, refund.failure_detail = Refund.Status.FAILED, answer.failure_detail[:300]
        log.error("refund_failed", refund=str(refund.pk), detail=answer.failure_detail)
    refund.save()
    _book(payment, refund)
    ledger.derive_payment_status(order)
    events.record(
        f"refund.{refund.status}", target=refund, data={"amount": str(refund.amount), "order_id": str(order.pk)}
    )


def _book(payment: Payment, refund: Refund) -> None:
    """A concluded refund becomes a fact; one that never reached the provider only frees what it had reserved."""
    kind = PaymentEvent.Kind.REFUNDED if refund.status == Refund.Status.SUCCEEDED else PaymentEvent.Kind.REFUND_FAILED
    reference = refund.provider_reference
    if not reference or not ledger.record(payment=payment, kind=kind, reference=reference, amount=refund.amount):
        ledger.recompute(payment)


def _again(refund: Refund, why: str) -> None:
    log.warning("refund_delayed", refund=str(refund.pk), attempts=refund.attempts, why=why)
    Refund.objects.filter(pk=refund.pk, status=Refund.Status.REQUESTED).update(
        next_attempt_at=timezone.now() + events.backoff(refund.attempts)
    )
