"""Every address the server answers, from the URL configuration itself; and one shop to call them in."""

import re
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apps.cart.models import Cart
from apps.cart.services import reminder_links
from apps.common.models import BackgroundJob
from apps.notifications.models import Notification
from apps.orders.models import Return, ReturnPhoto, Shipment
from apps.payments.models import (
    Dispute,
    Payment,
    PaymentCustomer,
    ReconciliationBreak,
    RiskReview,
    SavedCard,
    WebhookEvent,
)
from apps.products.models import ProductImage, Review, StockAlert, StockCount, StockTransfer, Store
from apps.users.models import User
from apps.users.services import address_book
from tests.cart.offers import coupon
from tests.client import ApiClient
from tests.factories import ADDRESS, UserFactory, WarehouseFactory, sellable, shop_rates
from tests.orders.steps import cart_with, place

METHODS = ("get", "post", "put", "patch", "delete")
API = "api/v1/"


def addresses() -> Iterator[tuple[str, str]]:
    """(method, template) of every address outside Django's admin."""
    for template, pattern in _patterns(get_resolver().url_patterns):
        if not template.startswith(("admin/", "media/")):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            names = [name for name in METHODS if hasattr(view, name)] if template.startswith(API) else ["get"]
            yield from (
                (name.upper(), template.removeprefix(API) if template.startswith(API) else f"/{template}")
                for name in names
            )


def _patterns(entries: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in entries:
        route = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(entry.pattern)).lstrip("^")
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, route)
        else:
            yield route, entry


class World:
    """A shop in which Alice owns one of everything; the callers are strangers to her."""

    def __init__(self) -> None:
        shop_rates()
        self.alice = UserFactory(email="alice@example.com")
        self.variant = sellable(stock=20)
        self.product = self.variant.product
        self.alices, self.order = place(self.variant, user=self.alice)
        line = self.alices.post("/cart/items/", {"sku": self.variant.sku, "quantity": 1}).json()["items"][0]
        address = address_book.add(user_id=self.alice.pk, fields=dict(ADDRESS))
        self.coupon = coupon("FIVE")
        self.names = {
            "slug": self.product.slug,
            "category": self.product.category.slug,
            "sku": self.variant.sku,
            "item_id": line["id"],
            "address_id": str(address.pk),
            "order_id": str(self.order.pk),
            "reservation_id": str(self.order.pk),
            "number": self.order.number,
            "code": "not-found",
            "key": str(self.order.pk),
            "coupon": self.coupon.code,
            "promotion_id": str(self.coupon.promotion_id),
            "payment_id": str((payment := self._payment()).pk),
            "dispute_id": str(self._dispute(payment).pk),
            "break_id": str(self._break(payment).pk),
            "risk_review_id": str(self._risk_review(payment).pk),
            "card_id": str(self._card().pk),
            "event_id": str(self._provider_event().pk),
            "notification_id": str(self._notification().pk),
            "review_id": str(self._review().pk),
            "shipment_id": str(Shipment.objects.create(order=self.order, status="cancelled").pk),
            "user_id": str(self.alice.pk),
            "return_id": str((rma := self._return()).pk),
            "photo_id": str(self._photo(rma).pk),
            "image_id": str(self._image().pk),
            "store": self._store().slug,
            "job_id": str(self._job().pk),
            "alert_id": str(self._alert().pk),
            "transfer_id": str(self._transfer().pk),
            "count_id": str(StockCount.objects.create(warehouse=WarehouseFactory()).pk),
        }

    def _payment(self) -> Payment:
        return Payment.objects.create(
            order=self.order,
            amount=self.order.total,
            currency=self.order.currency,
            provider=Payment.Provider.STRIPE,
            provider_reference="pi_alice",
        )

    def _dispute(self, payment: Payment) -> Dispute:
        return Dispute.objects.create(
            payment=payment,
            provider=payment.provider,
            provider_reference="dp_alice",
            status=Dispute.Status.NEEDS_RESPONSE,
            reason="fraudulent",
            amount=payment.amount,
        )

    def _break(self, payment: Payment) -> ReconciliationBreak:
        return ReconciliationBreak.objects.create(
            provider=payment.provider, kind="amount_differs", reference="ch_alice", seen_at=timezone.now()
        )

    def _risk_review(self, payment: Payment) -> RiskReview:
        return RiskReview.objects.create(order=self.order, payment=payment, status="pending", score=70)

    def _card(self) -> SavedCard:
        customer = PaymentCustomer.objects.create(user=self.alice, provider="stripe", provider_reference="cus_alice")
        return customer.cards.create(
            provider_reference="pm_alice", brand="visa", last4="4242", exp_month=12, exp_year=2030
        )

    def _provider_event(self) -> WebhookEvent:
        return WebhookEvent.objects.create(
            provider="stripe",
            provider_event_id="evt_alice",
            type="charge.updated",
            payload={},
            next_attempt_at=timezone.now(),
        )

    def _notification(self) -> Notification:
        return Notification.objects.create(
            user=self.alice,
            email=self.alice.email,
            kind=Notification.Kind.WELCOME,
            dedupe_key="welcome-alice",
            next_attempt_at=timezone.now(),
        )

    def _review(self) -> Review:
        return Review.objects.create(product=self.product, user=self.alice, rating=5, title="Good", body="Very good.")

    def _image(self) -> ProductImage:
        return ProductImage.objects.create(product=self.product, image="products/mug.webp", width=800, height=800)

    def _return(self) -> Return:
        return Return.objects.create(order=self.order, number="RMA-ALICE")

    def _photo(self, rma: Return) -> ReturnPhoto:
        return ReturnPhoto.objects.create(rma=rma, image=b"x", thumbnail=b"x", width=1, height=1)

    def _store(self) -> Store:
        return Store.objects.create(slug="downtown", name="Downtown", latitude=40.7, longitude=-74.0, country="US")

    def _alert(self) -> StockAlert:
        level = self.variant.stock_levels.get()
        return StockAlert.objects.create(level=level, kind="low", available=2, crossed_at=timezone.now())

    def _transfer(self) -> StockTransfer:
        second = WarehouseFactory(code="second", name="Second")
        return StockTransfer.objects.create(source=WarehouseFactory(), destination=second)

    def _job(self) -> BackgroundJob:
        return BackgroundJob.objects.create(kind="stock.import", next_attempt_at=timezone.now())

    def callers(self) -> dict[str, ApiClient]:
        """A guest, a customer and a staff member without any permission, each with a filled cart."""
        callers: dict[str, ApiClient] = {}
        users: dict[str, User | None] = {
            "anonymous": None,
            "customer": UserFactory(email="bob@example.com"),
            "staff": UserFactory(email="staff@example.com", is_staff=True),
        }
        for role, user in users.items():
            callers[role] = cart_with(self.variant, user=user)
        self.names["cart_token"] = callers["anonymous"].headers["X-Cart-Token"]
        guests = Cart.objects.get(token=self.names["cart_token"])
        self.names["restore_token"] = reminder_links.restore_token(guests.pk)
        self.names["reminder"] = reminder_links.unsubscribe_token(guests)
        return callers


def fill(value: Any, names: dict[str, str]) -> Any:
    """A path or body with its `{placeholders}` replaced."""
    if isinstance(value, dict):
        return {key: fill(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
    return value


# Attempts are counted even when they are refused.
UNCOMPARED = {"common_ratewindow"}


def fingerprint() -> dict[str, str]:
    """A hash of every row of every table."""
    tables = sorted(set(connection.introspection.table_names()) - UNCOMPARED)
    union = " UNION ALL ".join(
        f"SELECT '{table}', coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM \"{table}\" t"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(union)
        return dict(cursor.fetchall())
