"""Store credit: given by staff and for returned goods, spent on orders, back when these are cancelled."""

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, Invalid, NotFound
from apps.common.models import new_id
from apps.common.money import ZERO, money_json, round_money
from apps.orders.models import Order
from apps.orders.services.returns import CreditNeedsAccount
from apps.payments.models import Payment, PaymentEvent, StoreCreditAccount, StoreCreditEntry
from apps.payments.services import credit_ledger, ledger, settlement
from apps.payments.services.credit_ledger import Booking, InsufficientCredit, Kind
from apps.users.models import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class NotSpendable(Conflict):
    code = "invalid_transition"
    detail = "This order is not waiting for a payment."


@transaction.atomic
def pay(*, order_id: UUID, user: "User | AnonymousUser", amount: Decimal | None = None) -> Payment:
    """Spend the customer's credit on the own unpaid order: `amount`, else as much as there is and the order needs.

    What is left to pay goes to another provider. Raises CreditNeedsAccount, NotSpendable or InsufficientCredit; then
    nothing has changed.
    """
    order = Order.objects.lock().get(pk=order_id)
    if not user.is_authenticated or order.user_id != user.pk:
        raise CreditNeedsAccount
    due = order.total - ledger.sums_of_order(order).captured
    if order.status != Order.Status.PENDING or due <= ZERO:
        raise NotSpendable
    # The payment's row comes before the account in the order of locks; it is new, so nobody waits for it.
    account = credit_ledger.account_of(user_id=user.pk, currency=order.currency)
    wanted = min(account.balance if amount is None else amount, due)
    if wanted <= ZERO:
        raise InsufficientCredit(extra={"balance": money_json(account.balance, account.currency)})
    payment = _captured(order, wanted)
    booking = Booking(Kind.SPENT, -wanted, f"payment:{payment.pk}", f"order {order.number}", order, user.pk)
    credit_ledger.book(account, booking)
    data = {"order_id": str(order.pk), "amount": str(wanted), "currency": order.currency}
    events.record("payment.succeeded", target=payment, actor=user, data=data)
    settlement.use_for_order(payment)
    return payment


@transaction.atomic
def adjust(
    *, user_id: UUID, currency: str, amount: Decimal, reason: str, actor: "User | None" = None
) -> StoreCreditAccount:
    """Staff give credit, or take it away with a negative amount. Raises NotFound, Invalid or InsufficientCredit."""
    if not amount or amount != round_money(amount, currency):
        raise Invalid.field("/amount/amount", "invalid", "An amount in the currency's own decimal places, not nothing.")
    if not User.objects.filter(pk=user_id, is_active=True).exists():
        raise NotFound
    account = credit_ledger.account_of(user_id=user_id, currency=currency)
    kind = Kind.GRANTED if amount > ZERO else Kind.WITHDRAWN
    actor_id = actor.pk if actor is not None else None
    entry = credit_ledger.book(account, Booking(kind, amount, f"staff:{new_id()}", reason, actor_id=actor_id))
    _tell(entry, actor)
    return account


@transaction.atomic
def give_for_return(*, order_id: UUID, amount: Decimal, number: str, return_id: UUID) -> StoreCreditEntry | None:
    """Credit for a completed return, once: at most what is left of the money that came for its order."""
    order = Order.objects.lock().get(pk=order_id)
    if order.user_id is None:
        return None
    account = credit_ledger.account_of(user_id=order.user_id, currency=order.currency)
    worth = min(amount, left_of_order(order))
    if worth <= ZERO:
        return None
    booking = Booking(Kind.RETURNED_GOODS, worth, f"return:{return_id}", f"return {number}", order)
    entry = credit_ledger.book(account, booking)
    _tell(entry, None)
    return entry


def left_of_order(order: Order) -> Decimal:
    """What was captured for a locked order and has gone back in no way yet, credit for returns included."""
    sums = ledger.sums_of_order(order)
    gone = sums.refunded + sums.charged_back + sums.disputed + credit_ledger.given_for_returns(order.pk)
    return max(sums.captured - gone, ZERO)


def balance_for(order: Order) -> Decimal:
    """What the order's customer could spend on it."""
    if order.user_id is None or Payment.Provider.STORE_CREDIT not in settings.PAYMENT_GATEWAYS:
        return ZERO
    found = StoreCreditAccount.objects.filter(user_id=order.user_id, currency=order.currency)
    return found.values_list("balance", flat=True).first() or ZERO


def _captured(order: Order, amount: Decimal) -> Payment:
    payment_id = new_id()
    payment = Payment.objects.create(
        id=payment_id,
        order=order,
        provider=Payment.Provider.STORE_CREDIT,
        provider_reference=f"credit_{payment_id}",
        status=Payment.Status.SUCCEEDED,
        amount=amount,
        currency=order.currency,
        method="store credit",
        captured_at=timezone.now(),
    )
    ledger.record(payment=payment, kind=PaymentEvent.Kind.CAPTURED, reference=payment.provider_reference, amount=amount)
    return payment


def _tell(entry: StoreCreditEntry | None, actor: "User | None") -> None:
    if entry is None:
        return
    data = {
        "user_id": str(entry.account.user_id),
        "amount": str(entry.amount),
        "currency": entry.account.currency,
        "reason": entry.reason,
    }
    if entry.order_id:
        data["order_id"] = str(entry.order_id)
    events.record(f"store_credit.{entry.kind}", target=entry, actor=actor, data=data)
