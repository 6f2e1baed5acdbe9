"""Past orders in every status, made by the same services that make real ones, one moment after the other.

Each order follows a story; all their steps together are played in the order of time, so that the stock ledger, the
histories and the ids tell one consistent past. The mails of that past are kept as sent: nobody receives them now.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from unittest.mock import patch
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.test.utils import override_settings
from django.utils import timezone

from apps.cart.services import baskets
from apps.cart.services.baskets import Owner
from apps.cart.services.checkout_details import CheckoutDetails
from apps.common import events
from apps.common.models import EventDelivery
from apps.common.money import round_money
from apps.notifications.models import Notification
from apps.notifications.services import content
from apps.orders.models import Order
from apps.orders.services import checkout, lifecycle, transitions
from apps.payments.models import Payment
from apps.payments.services import refunds, risk
from apps.products.models import Product, ProductVariant, StockReservation, available_of
from apps.users.models import User
from apps.users.services.addresses import snapshot
from scripts.seed import accounts
from scripts.seed.accounts import ALICE, BOB, STAFF
from scripts.seed.clock import at
from scripts.seed.money import RISKY, Till

# How long the demo's unpaid orders are held; a real one is cancelled after RESERVATION_MINUTES.
HOLD = timedelta(days=365)
NUMBER_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
PLENTY = 25

_PLACED = ((timedelta(0), "place"),)
_PAID = (*_PLACED, (timedelta(minutes=3), "pay"))
_PROCESSING = (*_PAID, (timedelta(hours=5), "process"))
_SHIPPED = (*_PROCESSING, (timedelta(hours=26), "ship"))
_DELIVERED = (*_SHIPPED, (timedelta(days=3, hours=4), "deliver"))
_RETURNED = (*_DELIVERED, (timedelta(days=9), "take_back"))
STORIES: dict[str, tuple[tuple[timedelta, str], ...]] = {
    "pending": _PLACED,
    "authorised": (*_PLACED, (timedelta(minutes=3), "authorise")),
    "transfer": (*_PLACED, (timedelta(minutes=1), "promise_transfer")),
    "paypal": (*_PLACED, (timedelta(minutes=3), "pay_by_paypal")),
    "doubted": (*_PLACED, (timedelta(minutes=3), "pay_in_doubt"), (timedelta(minutes=4), "doubt")),
    "declined": (*_PLACED, (timedelta(minutes=4), "decline")),
    "confirmed": _PAID,
    "processing": _PROCESSING,
    "shipped": _SHIPPED,
    "delivered": _DELIVERED,
    "goodwill": (*_DELIVERED, (timedelta(days=5), "goodwill"), (timedelta(days=5, minutes=1), "give_back")),
    "changed_mind": (*_PLACED, (timedelta(minutes=12), "cancel")),
    "cancelled_paid": (*_PAID, (timedelta(hours=4), "cancel_by_staff"), (timedelta(hours=4, minutes=1), "give_back")),
    "expired": (*_PLACED, (timedelta(minutes=31), "expire")),
    "returned": (*_RETURNED, (timedelta(days=9, hours=2), "refund"), (timedelta(days=9, hours=3), "give_back")),
}
GUEST = "guest.shopper@example.com"
# Days ago, who, story, shipping method.
PLAN: tuple[tuple[float, str, str, str], ...] = (
    (59.3, ALICE, "delivered", "standard"),
    (57.1, "carla.reyes@example.com", "delivered", "standard"),
    (55.6, BOB, "returned", "express"),
    (52.4, "emma.fischer@example.com", "delivered", "standard"),
    (49.8, GUEST, "delivered", "express"),
    (47.2, "jonas.becker@example.com", "expired", "standard"),
    (44.5, ALICE, "goodwill", "standard"),
    (41.9, "daniel.kim@example.com", "delivered", "economy"),
    (39.0, "liam.walsh@example.com", "cancelled_paid", "standard"),
    (36.7, BOB, "delivered", "standard"),
    (33.3, "kate.miller@example.com", "returned", "standard"),
    (30.1, "farid.haddad@example.com", "delivered", "express"),
    (27.8, ALICE, "changed_mind", "express"),
    (25.2, "mina.sato@example.com", "delivered", "standard"),
    (21.6, "theo.clark@example.com", "delivered", "economy"),
    (18.4, BOB, "delivered", "standard"),
    (15.9, "noah.green@example.com", "delivered", "standard"),
    (12.7, ALICE, "delivered", "standard"),
    (9.2, "olga.novak@example.com", "cancelled_paid", "express"),
    (4.1, BOB, "shipped", "standard"),
    (3.3, ALICE, "shipped", "express"),
    (2.6, GUEST, "shipped", "standard"),
    (1.8, "grace.osei@example.com", "processing", "standard"),
    (1.1, ALICE, "processing", "standard"),
    (0.6, "rosa.silva@example.com", "confirmed", "standard"),
    (0.4, BOB, "confirmed", "express"),
    (0.2, ALICE, "confirmed", "standard"),
    (0.1, "sofia.lang@example.com", "declined", "standard"),
    (0.05, BOB, "pending", "standard"),
    (0.045, "theo.clark@example.com", "authorised", "standard"),
    (0.035, "mina.sato@example.com", "transfer", "standard"),
    (0.025, ALICE, "paypal", "standard"),
    (0.015, "olga.novak@example.com", "doubted", "express"),
)


class Replay:
    """The past of the shop, from the oldest step to the newest."""

    def __init__(self, users: dict[str, User], till: Till) -> None:
        self.users, self.till = users, till
        self.rng = random.Random("orders")
        self.orders: dict[int, Order] = {}
        plenty = Product.objects.filter(status=Product.Status.ACTIVE)
        stocked = ProductVariant.objects.filter(product__in=plenty).annotate(units=available_of("pk"))
        self.skus = list(stocked.filter(units__gte=PLENTY).order_by("sku").values_list("sku", flat=True))

    def play(self, *, now: datetime) -> None:
        """All steps of all orders that lie before `now`. Raises RuntimeError when an event could not be handled."""
        steps = [
            (now - timedelta(days=days) + offset, index, action)
            for index, (days, _, story, _) in enumerate(PLAN)
            for offset, action in STORIES[story]
        ]
        actions: dict[str, Callable[[int], object]] = {name: getattr(self, f"_{name}") for _, _, name in steps}
        with patch.object(checkout, "new_number", self._number), self.till.without_webhooks():
            for moment, index, action in sorted(steps):
                with at(moment):
                    actions[action](index)
                    while events.deliver_due():
                        pass
        self._require_delivered()
        self._keep_mails()
        self._hold(until=now + HOLD)

    def _number(self) -> str:
        return "TP-" + "".join(self.rng.choice(NUMBER_ALPHABET) for _ in range(10))

    def _place(self, index: int) -> None:
        _, email, _, method = PLAN[index]
        user = self.users.get(email)
        owner = Owner(user_id=user.pk) if user else Owner()
        for sku in self.rng.sample(self.skus, self.rng.choice((1, 1, 2, 2, 3, 4))):
            basket, _ = baskets.add_item(owner, sku=sku, quantity=self.rng.choice((1, 1, 1, 2, 3)))
            owner = owner if user else Owner(token=basket.cart.token)
        details = CheckoutDetails(
            email=None if user else GUEST, shipping_address=self._address(user), shipping_method=method
        )
        self.orders[index] = checkout.place_order(owner=owner, user=user or AnonymousUser(), details=details)

    def _address(self, user: User | None) -> dict[str, str]:
        if user is None:
            return accounts.address(accounts.BROOKLYN, "Robin", "Gale")
        return snapshot(user.addresses.get(is_default_shipping=True))

    def _pay(self, index: int) -> None:
        self.till.charge(self.orders[index])

    def _decline(self, index: int) -> None:
        self.till.charge(self.orders[index], declined=True)

    def _authorise(self, index: int) -> None:
        self.till.authorise(self.orders[index])

    def _promise_transfer(self, index: int) -> None:
        self.till.promise_transfer(self.orders[index])

    def _pay_by_paypal(self, index: int) -> None:
        self.till.charge_paypal(self.orders[index])

    def _pay_in_doubt(self, index: int) -> None:
        self.till.charge(self.orders[index], card=RISKY)

    def _doubt(self, index: int) -> None:
        """The only order of the past that is assessed, with a lower threshold than the shop's."""
        with override_settings(RISK_HOLD_SCORE=40):
            risk.assess(self.orders[index].pk)

    def _process(self, index: int) -> None:
        self._move(index, "processing")

    def _ship(self, index: int) -> None:
        tracking = f"1Z{self.rng.randrange(10**15):015d}"
        transitions.transition(
            order_id=self.orders[index].pk,
            to="shipped",
            actor=self.users[STAFF],
            carrier="UPS",
            tracking_number=tracking,
            tracking_url=f"https://www.ups.com/track?tracknum={tracking}",
        )

    def _deliver(self, index: int) -> None:
        self._move(index, "delivered")

    def _take_back(self, index: int) -> None:
        self._move(index, "returned", reason="The buyer sent everything back.")

    def _move(self, index: int, to: str, *, reason: str = "") -> None:
        transitions.transition(order_id=self.orders[index].pk, to=to, actor=self.users[STAFF], reason=reason)

    def _cancel(self, index: int) -> None:
        buyer = self.users[PLAN[index][1]]
        lifecycle.cancel(order_id=self.orders[index].pk, actor=buyer, reason="Changed my mind")

    def _cancel_by_staff(self, index: int) -> None:
        self._move(index, "cancelled", reason="Damaged in the warehouse")

    def _expire(self, index: int) -> None:
        lifecycle.cancel_expired()

    def _refund(self, index: int) -> None:
        """Everything but the delivery to the buyer's door."""
        order = self.orders[index]
        payment = Payment.objects.get(order=order)
        refunds.request_refund(
            payment_id=payment.pk,
            amount=order.total - order.shipping_total,
            reason="Goods returned",
            actor=self.users[STAFF],
        )

    def _goodwill(self, index: int) -> None:
        payment = Payment.objects.get(order=self.orders[index])
        amount = round_money(payment.amount / 10, payment.currency)
        refunds.request_refund(
            payment_id=payment.pk, amount=amount, reason="A scratch on the box", actor=self.users[STAFF]
        )

    def _give_back(self, index: int) -> None:
        self.till.give_back(self.orders[index])

    def _ids(self) -> list[UUID]:
        return [order.pk for order in self.orders.values()]

    def _require_delivered(self) -> None:
        left = EventDelivery.objects.filter(~Q(status=EventDelivery.Status.DONE), event__target_id__in=self._ids())
        if problem := left.first():
            raise RuntimeError(f"{problem.handler} failed: {problem.last_error}")

    def _keep_mails(self) -> None:
        keep_as_sent(Notification.objects.filter(target_id__in=self._ids()))

    def _hold(self, *, until: datetime) -> None:
        """Unpaid demo orders stay unpaid for as long as anybody looks at the demo."""
        open_orders = Order.objects.filter(pk__in=self._ids(), status=Order.Status.PENDING)
        open_orders.update(expires_at=until)
        StockReservation.objects.filter(
            reference__in=open_orders.values("pk"), status=StockReservation.Status.HELD
        ).update(expires_at=until, updated_at=timezone.now())


def seed_orders(users: dict[str, User], *, now: datetime) -> int:
    """Play the past once; returns how many orders it holds."""
    Replay(users, Till()).play(now=now)
    return len(PLAN)


def keep_as_sent(mails: QuerySet[Notification]) -> None:
    """The mails of the past count as sent when they were due."""
    for mail in mails:
        mail.status = Notification.Status.SENT
        mail.attempts = 1
        mail.sent_at = mail.created_at + timedelta(seconds=2)
        mail.subject = content.preview(mail).subject[:200]
        mail.save()
