"""What the order desk finds: returns in every status, an order on hold, one that has left in part, store credit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from apps.common import events
from apps.notifications.models import Notification
from apps.orders.models import Order, Return
from apps.orders.services import desk, fulfilment, return_moves, return_receipts, return_settlement, returns
from apps.orders.services.fulfilment import Label, Wanted
from apps.orders.services.return_receipts import Arrived
from apps.orders.services.return_settlement import Terms
from apps.orders.services.returns import Asked
from apps.payments.services import store_credit
from apps.users.models import User
from scripts.seed.accounts import ALICE, STAFF
from scripts.seed.clock import at
from scripts.seed.orders import keep_as_sent

# How far each return has come, the newest order's first, and why the goods come back.
STORIES: Final = (
    ("requested", "damaged", "The glaze is chipped at the rim."),
    ("approved", "wrong_size", "One size smaller, please."),
    ("in_transit", "changed_mind", ""),
    ("received", "not_as_described", "The colour is another."),
    ("completed", "defective", "It does not switch on."),
    ("rejected", "changed_mind", ""),
    ("cancelled", "arrived_late", "It came after all."),
)


def seed_desk(users: dict[str, User], *, now: datetime) -> None:
    """The work of the last days, unless there has been a return already."""
    if Return.objects.exists():
        return
    staff = users[STAFF]
    with at(now - timedelta(hours=20)):
        _deliver()
        bought = Order.objects.filter(status="delivered", payment_status="paid", user__isnull=False)
        for order, story in zip(bought.order_by("-placed_at")[: len(STORIES)], STORIES, strict=True):
            _return(order, story, staff)
        _hold_and_ship_a_part(staff)
        store_credit.adjust(
            user_id=users[ALICE].pk, currency="USD", amount=Decimal("25.00"), reason="Late delivery", actor=staff
        )
        _deliver()
    keep_as_sent(Notification.objects.exclude(status=Notification.Status.SENT))


def _return(order: Order, story: Sequence[str], staff: User) -> None:
    end, reason, comment = story
    item = order.items.all()[0]
    lines = [Asked(item.pk, 1, reason, comment)]
    outcome = Return.Outcome.STORE_CREDIT if end == "completed" else Return.Outcome.REFUND
    rma = returns.request_return(order_id=order.pk, lines=lines, outcome=outcome, actor=order.user, by_staff=True)
    if end == "rejected":
        return_moves.reject(return_id=rma.pk, reply="It shows signs of wear.", actor=staff)
    if end == "cancelled":
        return_moves.cancel(return_id=rma.pk, reason="It fits after all", actor=order.user)
    if end in ("approved", "in_transit", "received", "completed"):
        return_moves.approve(return_id=rma.pk, reply="Please keep the box.", actor=staff)
    if end in ("in_transit", "received", "completed"):
        return_moves.mark_sent(return_id=rma.pk, carrier="UPS", tracking_number=f"1Z{rma.number[4:]}", actor=order.user)
    if end in ("received", "completed"):
        condition = "resellable" if end == "received" else "defective"
        return_receipts.receive(return_id=rma.pk, arrived=[Arrived(item.pk, 1, condition)], actor=staff)
    if end == "completed":
        return_settlement.complete(return_id=rma.pk, terms=Terms(), actor=staff)


def _hold_and_ship_a_part(staff: User) -> None:
    """The newest paid order waits for a call; of one that is being packed, one unit has left."""
    newest = Order.objects.filter(status="confirmed", held_at=None).latest("id")
    desk.hold(order_id=newest.pk, reason="Call about the address")
    for order in Order.objects.filter(status="processing").order_by("id"):
        items = list(order.items.all())
        if sum(item.quantity for item in items) > 1:
            label = Label(carrier="UPS", tracking_number="1Z000000000000042")
            wanted = [Wanted(items[0].pk, 1)]
            fulfilment.ship(order_id=order.pk, wanted=wanted, label=label, is_leaving=True, actor=staff)
            return


def _deliver() -> None:
    while events.deliver_due():
        pass
