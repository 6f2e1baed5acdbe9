"""What payments does when events of other apps have committed."""

from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.utils import timezone

from apps.common.events import on
from apps.common.models import Event
from apps.common.money import ZERO
from apps.orders.models import Order, Return
from apps.orders.services import invoices
from apps.payments.models import Payment, Refund
from apps.payments.services import captures, cards, exchange_money, ledger, refunds, risk, store_credit


@on("order.cancelled")
def give_back_or_give_up(event: Event) -> None:
    """Captured money goes back; a payment that is still open is given up at the provider by the next sweep."""
    order = Order.objects.get(pk=cast(UUID, event.target_id))
    reason = event.data.get("reason") or "order cancelled"
    unpaid = max(order.due_total - ledger.sums_of_order(order).captured, ZERO)
    invoices.issue_credit_note(order_id=order.pk, refund_id=event.id, amount=unpaid, reason=reason)
    refunds.refund_order(order.pk, reason=reason)
    Payment.objects.filter(order=order, status__in=Payment.OPEN).update(next_check_at=timezone.now())
    risk.withdraw(order.pk)


@on("order.confirmed")
def assess_risk(event: Event) -> None:
    """Money was promised: is the order to be trusted?"""
    if risk.is_on():
        risk.assess(cast(UUID, event.target_id))


@on("order.confirmed")
def give_up_other_ways_to_pay(event: Event) -> None:
    """An order whose money is in needs no other payment: those begun elsewhere are given up by the next sweep."""
    order = Order.objects.get(pk=cast(UUID, event.target_id))
    if order.payment_status in (Order.PaymentStatus.PAID, Order.PaymentStatus.AUTHORISED):
        others = Payment.objects.filter(order=order, status__in=Payment.OPEN).exclude(status=Payment.Status.AUTHORISED)
        others.update(next_check_at=timezone.now())


@on("user.erased")
def forget_cards(event: Event) -> None:
    """Who is erased leaves no card behind, here or at the provider."""
    cards.forget(cast(UUID, event.target_id))


@on("order.shipped")
def take_held_money(event: Event) -> None:
    """The goods have left: money that a bank holds for them is taken."""
    captures.request_for_order(cast(UUID, event.target_id))


@on("order.lines_cancelled")
def give_back_share(event: Event) -> None:
    """The share of the cancelled units goes back, never more than was captured and not yet refunded."""
    order_id, parts = cast(UUID, event.target_id), _parts(event.data["lines"])
    reason = event.data.get("reason") or "part of the order cancelled"
    refunded = refunds.refund_cancelled_lines(order_id, parts=parts, reason=reason, event_id=event.id)
    # The refund has a credit note of its own; what was not paid yet is off the invoice by this one.
    unpaid = sum((part.amount for part in parts), ZERO) - refunded
    invoices.issue_credit_note(order_id=order_id, refund_id=event.id, amount=unpaid, reason=reason)


@on("return.completed")
def pay_for_return(event: Event) -> None:
    """What the returned goods are worth, once per return: to the way it was paid, or as store credit."""
    about: dict[str, Any] = {
        "amount": Decimal(event.data["amount"]),
        "number": event.data["return_number"],
        "return_id": cast(UUID, event.target_id),
    }
    order_id = UUID(event.data["order_id"])
    if event.data["outcome"] == Return.Outcome.STORE_CREDIT:
        store_credit.give_for_return(order_id=order_id, **about)
    elif event.data["outcome"] == Return.Outcome.EXCHANGE:
        replacement_id = UUID(event.data["replacement_id"])
        exchange_money.settle_exchange(order_id=order_id, replacement_id=replacement_id, **about)
    else:
        refunds.refund_return(order_id, parts=_parts(event.data["parts"]), **about)


@on("payment.moved")
def issue_credit_note_for_exchange(event: Event) -> None:
    """Goods that were exchanged are off the first invoice; their replacement has one of its own."""
    invoices.issue_credit_note(
        order_id=UUID(event.data["returned_order_id"]),
        refund_id=cast(UUID, event.target_id),
        amount=Decimal(event.data["amount"]),
        reason=f"return {event.data['return_number']}, exchanged",
    )


@on("refund.of_exchange")
def refund_given_up_exchange(event: Event) -> None:
    """A replacement that was cancelled gives its worth back to the order of the returned goods."""
    refunds.refund_given_up_exchange(cast(UUID, event.target_id))


@on("store_credit.returned_goods")
def issue_credit_note_for_credit(event: Event) -> None:
    """Goods that were paid for with credit are off the invoice, too."""
    invoices.issue_credit_note(
        order_id=UUID(event.data["order_id"]),
        refund_id=cast(UUID, event.target_id),
        amount=Decimal(event.data["amount"]),
        reason=f"{event.data['reason']}, as store credit",
    )


@on("refund.succeeded")
def issue_credit_note(event: Event) -> None:
    """What went back is credited, once per refund.

    Goods that were exchanged are off their invoice already, whatever became of the replacement.
    """
    refund = Refund.objects.select_related("payment").get(pk=cast(UUID, event.target_id))
    if (
        refund.cause_id
        and Refund.objects.filter(pk=refund.cause_id, payment__provider=Payment.Provider.EXCHANGE).exists()
    ):
        return
    invoices.issue_credit_note(
        order_id=refund.payment.order_id, refund_id=refund.pk, amount=refund.amount, reason=refund.reason
    )


def _parts(lines: list[dict[str, Any]]) -> list[refunds.Part]:
    return [refunds.Part(UUID(each["item"]), each["quantity"], Decimal(each["amount"])) for each in lines]
