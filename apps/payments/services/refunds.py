"""Money back. A refund row reserves its amount under the payment's lock: together they never exceed the capture.

The provider is asked by `process_refund`, outside any transaction, under a key made from the refund's id: however often
it is asked, the money goes back once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from apps.common import events, nudge
from apps.common.errors import Conflict, NotFound
from apps.common.money import ZERO, from_minor, money_json, to_minor
from apps.orders.models import Order
from apps.orders.services import line_shares
from apps.orders.services.fulfilment import Wanted
from apps.payments.gateways.base import ProviderRefund, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, PaymentEvent, Refund, RefundLine
from apps.payments.services import credit_ledger, ledger
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


@dataclass(frozen=True, slots=True)
class Why:
    """What a refund is made for; an event or return named by `cause_id` makes its refunds once."""

    reason: str
    cause: str = Refund.Cause.STAFF
    cause_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What goes back for some units of an order line."""

    item_id: UUID
    quantity: int
    amount: Decimal


@transaction.atomic
def request_refund(
    *,
    payment_id: UUID,
    amount: Decimal | None = None,
    lines: Sequence[Wanted] = (),
    reason: str = "",
    actor: "User | None" = None,
) -> Refund:
    """Ask for money back: what the units of `lines` cost, else `amount`, else all that is left.

    Raises NotFound, ExceedsRefundable, Invalid (a line that is not the order's) or ExceedsRefundableUnits.
    """
    order_id = Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    payment = Payment.objects.lock().get(pk=payment_id)
    shares = [Part(each.item.pk, each.quantity, each.amount) for each in line_shares.take_refunded(order, lines)]
    if shares:
        amount = sum((each.amount for each in shares), ZERO)
    wanted = left_of(payment) if amount is None else amount
    refund = take_for_refund(payment=payment, amount=wanted, why=Why(reason), actor=actor)
    _write_lines(refund, shares)
    ledger.derive_payment_status(order)
    return refund


def take_for_refund(*, payment: Payment, amount: Decimal, why: Why, actor: "User | None" = None) -> Refund:
    """Reserve an amount of a locked payment and note the refund, in the caller's transaction."""
    left = left_of(payment)
    if amount <= 0 or amount > left:
        raise ExceedsRefundable(extra={"refundable": money_json(left, payment.currency)})
    refund = Refund.objects.create(
        payment=payment,
        amount=amount,
        reason=why.reason[:200],
        cause=why.cause,
        cause_id=why.cause_id,
        next_attempt_at=timezone.now(),
        actor_id=actor.pk if actor is not None else None,
    )
    ledger.recompute(payment)
    data = {"amount": str(amount), "currency": payment.currency, "order_id": str(payment.order_id)}
    events.record("refund.requested", target=refund, actor=actor, data=data)
    transaction.on_commit(lambda: nudge.send("process_refund", str(refund.pk)), robust=True)
    return refund


def left_of(payment: Payment) -> Decimal:
    """What may still go back of a payment whose order is locked. Credit that was given for returned goods is not given
    a second time in money.
    """
    given = credit_ledger.given_for_returns(payment.order_id)
    if not given:
        return payment.refundable
    sums = ledger.sums_of_order(payment.order)
    left = sums.captured - sums.refunded - sums.charged_back - sums.disputed - given
    return max(min(payment.refundable, left), ZERO)


def _refundable_payments(order: Order) -> list[Payment]:
    """The payments of a locked order that hold money, locked; store credit goes back last."""
    rows = Payment.objects.lock().filter(order=order, captured__gt=F("refunded"))
    return sorted(rows, key=lambda payment: payment.provider == Payment.Provider.STORE_CREDIT)


def refund_order(order_id: UUID, *, reason: str) -> int:
    """Ask for all captured money of an order; returns how many refunds that makes. Repeatable."""
    order = Order.objects.lock().get(pk=order_id)
    made = 0
    for payment in _refundable_payments(order):
        if (left := left_of(payment)) > ZERO:
            take_for_refund(payment=payment, amount=left, why=Why(reason, Refund.Cause.ORDER_CANCELLED))
            made += 1
    if made:
        ledger.derive_payment_status(order)
    return made


@transaction.atomic
def refund_cancelled_lines(order_id: UUID, *, parts: Sequence[Part], reason: str, event_id: UUID) -> Decimal:
    """Give back the share of cancelled units, once per event; returns how much that is.

    Only what was taken: of money that is held less will be captured, so nothing goes back for that.
    """
    order = Order.objects.lock().get(pk=order_id)
    taken_too_much = ledger.sums_of_order(order).captured - order.due_total - for_cancelled_lines(order)
    why = Why(reason, Refund.Cause.LINES_CANCELLED, event_id)
    amount = min(sum((part.amount for part in parts), ZERO), taken_too_much)
    return _refund_parts(order, amount, parts, why)


@transaction.atomic
def refund_return(order_id: UUID, *, amount: Decimal, parts: Sequence[Part], number: str, return_id: UUID) -> Decimal:
    """Give back what a completed return is worth, once; returns how much that is: at most what is left."""
    order = Order.objects.lock().get(pk=order_id)
    return _refund_parts(order, amount, parts, Why(f"return {number}", Refund.Cause.RETURN, return_id))


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def refund_rest_of_return(order: Order, *, amount: Decimal, number: str, return_id: UUID) -> Decimal:
    """The part of a return's worth that its replacement does not cost, of a locked order."""
    return _refund_parts(order, amount, (), Why(f"return {number}", Refund.Cause.RETURN, return_id))


@transaction.atomic
def refund_given_up_exchange(refund_id: UUID) -> Decimal:
    """The replacement will not be: what the returned goods were worth goes back to the way they were paid, once."""
    refund = Refund.objects.select_related("payment__order__exchange_of").get(pk=refund_id)
    rma = refund.payment.order.exchange_of
    order = Order.objects.lock().get(pk=rma.order_id)
    return _refund_parts(order, refund.amount, (), Why(f"exchange {rma.number}", Refund.Cause.RETURN, refund.pk))


def for_cancelled_lines(order: Order) -> Decimal:
    """What has gone back, or is on its way, because units of an order were cancelled."""
    made = Refund.objects.filter(payment__order=order, cause=Refund.Cause.LINES_CANCELLED)
    return made.exclude(status=Refund.Status.FAILED).aggregate(sum=Sum("amount"))["sum"] or ZERO


def _refund_parts(order: Order, amount: Decimal, parts: Sequence[Part], why: Why) -> Decimal:
    """Take an amount from the payments of a locked order in turn, at most what is left, and note what it was for."""
    left = amount
    if not Refund.objects.filter(cause_id=why.cause_id).exists():
        open_parts = list(parts)
        for payment in _refundable_payments(order):
            part = min(left, left_of(payment))
            if part > ZERO:
                refund = take_for_refund(payment=payment, amount=part, why=why)
                open_parts = _write_lines(refund, open_parts)
                left -= part
    ledger.derive_payment_status(order)
    return amount - left


def _write_lines(refund: Refund, parts: Sequence[Part]) -> list[Part]:
    """Note what a refund is for, up to its amount; returns what is left for the next one."""
    left, rows, rest = refund.amount, [], []
    for part in parts:
        amount = min(part.amount, left)
        left -= amount
        if amount or not part.amount:
            rows.append(RefundLine(refund=refund, item_id=part.item_id, quantity=part.quantity, amount=amount))
            part = Part(part.item_id, 0, part.amount - amount)
        if part.amount > ZERO:
            rest.append(part)
    RefundLine.objects.bulk_create(rows)
    return rest


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
        cause=Refund.Cause.PROVIDER,
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
        if refund.cause in (Refund.Cause.STAFF, Refund.Cause.RETURN):
            line_shares.give_back_refunded(dict(refund.lines.values_list("item_id", "quantity")))
    refund.save()
    _book(payment, refund)
    if payment.provider == Payment.Provider.STORE_CREDIT and refund.status == Refund.Status.SUCCEEDED:
        _give_credit_back(order, refund)
    if payment.provider == Payment.Provider.EXCHANGE and refund.status == Refund.Status.SUCCEEDED:
        data = {"order_id": str(order.pk), "amount": str(refund.amount), "currency": payment.currency}
        events.record("refund.of_exchange", target=refund, data=data)
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


def _give_credit_back(order: Order, refund: Refund) -> None:
    """The refund of a payment by store credit is credit again."""
    if order.user_id is not None:
        account = credit_ledger.account_of(user_id=order.user_id, currency=order.currency)
        kind = credit_ledger.Kind.GIVEN_BACK
        booking = credit_ledger.Booking(kind, refund.amount, f"refund:{refund.pk}", f"order {order.number}", order)
        credit_ledger.book(account, booking)


def _again(refund: Refund, why: str) -> None:
    log.warning("refund_delayed", refund=str(refund.pk), attempts=refund.attempts, why=why)
    Refund.objects.filter(pk=refund.pk, status=Refund.Status.REQUESTED).update(
        next_attempt_at=timezone.now() + events.backoff(refund.attempts)
    )
