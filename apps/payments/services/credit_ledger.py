"""The one way in which store credit changes: a locked account, one entry for each cause, never below zero."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum

from apps.common.errors import Conflict
from apps.common.money import ZERO, money_json
from apps.orders.models import Order
from apps.payments.models import Payment, StoreCreditAccount, StoreCreditEntry

Kind = StoreCreditEntry.Kind


class InsufficientCredit(Conflict):
    code = "insufficient_store_credit"
    detail = "There is not that much store credit."


@dataclass(frozen=True, slots=True)
class Booking:
    """A change to come, in the account's currency; the same `cause` is booked once."""

    kind: str
    amount: Decimal
    cause: str
    reason: str = ""
    order: Order | None = None
    actor_id: UUID | None = None


def account_of(*, user_id: UUID, currency: str) -> StoreCreditAccount:
    """The customer's account, locked; made when there is none. Only inside a transaction."""
    StoreCreditAccount.objects.bulk_create(
        [StoreCreditAccount(user_id=user_id, currency=currency)], ignore_conflicts=True
    )
    return StoreCreditAccount.objects.lock().get(user_id=user_id, currency=currency)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def book(account: StoreCreditAccount, booking: Booking) -> StoreCreditEntry | None:
    """Write an entry and the balance of a locked account; None when its cause was booked before.

    Raises InsufficientCredit when less than nothing would be left.
    """
    if StoreCreditEntry.objects.filter(cause=booking.cause).exists():
        return None
    after = account.balance + booking.amount
    if after < ZERO:
        raise InsufficientCredit(extra={"balance": money_json(account.balance, account.currency)})
    account.balance = after
    account.save(update_fields=["balance", "updated_at"])
    return StoreCreditEntry.objects.create(
        account=account,
        kind=booking.kind,
        amount=booking.amount,
        balance_after=after,
        cause=booking.cause,
        reason=booking.reason[:200],
        order=booking.order,
        actor_id=booking.actor_id,
    )


def given_for_returns(order_id: UUID) -> Decimal:
    """What was given for returned goods of this order other than by refund, as credit or towards replacements: as much
    of what was paid for it is not refunded as well.
    """
    entries = StoreCreditEntry.objects.filter(order_id=order_id, kind=Kind.RETURNED_GOODS)
    credit = entries.aggregate(sum=Sum("amount"))["sum"] or ZERO
    moved = Payment.objects.filter(provider=Payment.Provider.EXCHANGE, order__exchange_of__order_id=order_id)
    here = F("captured") - F("refunded") + F("refund_pending")
    return credit + (moved.aggregate(sum=Sum(here))["sum"] or ZERO)
