"""The promise: what was bought, by whom, for how much. Everything a later change could alter is copied in."""

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from apps.cart.models import Cart
from apps.common.models import AmountField, BaseModel, CurrencyField, append_only, new_id
from apps.common.money import ZERO
from apps.products.models import ProductVariant
from apps.products.models.prices import RATE_DIGITS, RATE_PLACES

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


class OrderQuerySet(models.QuerySet["Order"]):
    """Reads and locks of orders."""

    def visible_to(self, user: "User | AnonymousUser") -> "OrderQuerySet":
        """A customer's own orders; nothing for guests (they come with an order token)."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def placed_by(self, *, user_id: uuid.UUID | None, emails: frozenset[str]) -> "OrderQuerySet":
        """A customer's: as the account, with the account's address or with one of these, as a guest or not."""
        mine = Q(email__in=emails) | Q(user__email__in=emails)
        return self.filter(mine | Q(user_id=user_id) if user_id is not None else mine)

    def lock(self) -> "OrderQuerySet":
        """Lock the order rows (docs/locking.md: after the cart, before payment and stock)."""
        return self.select_for_update(of=("self",))


class Order(BaseModel):
    """An order. `status` moves along the table in services/lifecycle.py alone."""

    class Status(models.TextChoices):
        PENDING = "pending"
        CONFIRMED = "confirmed"
        PROCESSING = "processing"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"
        RETURNED = "returned"

    class PaymentStatus(models.TextChoices):
        UNPAID = "unpaid"
        AUTHORISED = "authorised"
        PARTLY_PAID = "partly_paid"
        PAID = "paid"
        PARTLY_REFUNDED = "partly_refunded"
        REFUNDED = "refunded"
        OVERPAID = "overpaid"
        DISPUTED = "disputed"
        FAILED = "failed"

    class FulfilmentStatus(models.TextChoices):
        UNFULFILLED = "unfulfilled"
        PARTLY_FULFILLED = "partly_fulfilled"
        FULFILLED = "fulfilled"
        RETURNED = "returned"

    number = models.CharField(max_length=20, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="orders"
    )
    cart = models.OneToOneField(Cart, null=True, blank=True, on_delete=models.SET_NULL, related_name="order")
    email = models.EmailField(max_length=254)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    payment_status = models.CharField(max_length=16, choices=PaymentStatus.choices, default=PaymentStatus.UNPAID)
    fulfilment_status = models.CharField(
        max_length=16, choices=FulfilmentStatus.choices, default=FulfilmentStatus.UNFULFILLED
    )
    currency = CurrencyField()
    exchange_rate = models.DecimalField(
        max_digits=RATE_DIGITS,
        decimal_places=RATE_PLACES,
        null=True,
        blank=True,
        help_text="of one unit of the shop's currency when it was placed; empty: it is the shop's",
    )
    exchange_rate_on = models.DateField(null=True, blank=True)
    subtotal = AmountField()
    discount_total = AmountField(default=ZERO)
    shipping_total = AmountField(default=ZERO)
    tax_total = AmountField(default=ZERO)
    total = AmountField()
    cancelled_total = AmountField(default=ZERO, help_text="shares of cancelled units, of an order that goes on")
    tax_included = models.BooleanField(default=False, help_text="prices contain the tax")
    tax_exemption = models.CharField(max_length=20, blank=True, help_text="exempt, reverse_charge, or empty")
    tax_rounding_level = models.CharField(max_length=10, default="line")
    tax_rounding_mode = models.CharField(max_length=10, default="half_up")
    vat_number = models.CharField(max_length=20, blank=True, help_text="the buyer's, of the European Union")
    vat_number_check = models.CharField(max_length=10, blank=True, help_text="format, register, or empty")
    shipping_method = models.CharField(max_length=40)
    shipping_method_name = models.CharField(max_length=80)
    pickup_store = models.JSONField(null=True, blank=True, help_text="where the goods are collected, as it was then")
    delivery_earliest = models.DateField(null=True, blank=True)
    delivery_latest = models.DateField(null=True, blank=True)
    shipping_address = models.JSONField()
    billing_address = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="an unpaid order is cancelled then")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True, help_text="since then staff hold it back")
    warned_at = models.DateTimeField(null=True, blank=True, help_text="the buyer was told that it is cancelled soon")
    late_at = models.DateTimeField(null=True, blank=True, help_text="it should have been shipped before then")
    hold_reason = models.CharField(max_length=200, blank=True)
    tags = ArrayField(models.SlugField(max_length=40), default=list, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    subtotal__gte=0,
                    shipping_total__gte=0,
                    tax_total__gte=0,
                    total__gte=0,
                    discount_total__gte=0,
                )
                & Q(discount_total__lte=F("subtotal")),
                name="order_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_total__gte=0, cancelled_total__lte=F("total")),
                name="order_cancelled_within_total",
            ),
            models.CheckConstraint(
                condition=Q(
                    tax_included=False,
                    total=F("subtotal") - F("discount_total") + F("shipping_total") + F("tax_total"),
                )
                | Q(tax_included=True, total=F("subtotal") - F("discount_total") + F("shipping_total")),
                name="order_total_is_its_parts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="my_orders"),
            models.Index(fields=["status", "-id"], name="orders_by_status"),
            models.Index(fields=["-placed_at", "-id"], name="orders_newest"),
            models.Index(fields=["email", "-id"], name="orders_by_email"),
            models.Index(fields=["expires_at"], name="unpaid_orders", condition=Q(status="pending")),
            models.Index(
                fields=["confirmed_at"], name="orders_to_ship", condition=Q(status__in=["confirmed", "processing"])
            ),
            models.Index(fields=["-id"], name="held_orders", condition=Q(held_at__isnull=False)),
            GinIndex(fields=["tags"], name="orders_by_tag"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.pk)

    @property
    def due_total(self) -> Decimal:
        """What the order costs now: its total less the shares of units that were cancelled."""
        return self.total - self.cancelled_total


class OrderItem(BaseModel):
    """An order line, frozen as it was sold."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField()
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="+")
    product_id = models.UUIDField()
    sku = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    options = models.JSONField(default=dict)
    thumbnail = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField()
    unit_price = AmountField()
    shipped_quantity = models.PositiveIntegerField(default=0, help_text="units in parcels, also in waiting ones")
    cancelled_quantity = models.PositiveIntegerField(default=0)
    refunded_quantity = models.PositiveIntegerField(default=0, help_text="units whose price went back, kept or not")
    returned_quantity = models.PositiveIntegerField(default=0, help_text="units in returns that are open or received")
    line_total = AmountField(help_text="unit price x quantity, before discount")
    discount = AmountField(default=ZERO)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=5, default=0)
    tax = AmountField(default=ZERO)
    note = models.CharField(max_length=200, blank=True, help_text="the buyer's, to this line")
    gift_wrap = models.BooleanField(default=False)
    gift_message = models.CharField(max_length=300, blank=True)
    gift_of = models.UUIDField(null=True, blank=True, help_text="the promotion that gave it away")

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "position"], name="line_positions_distinct"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("shipped_quantity") + F("cancelled_quantity")),
                name="never_ship_more_than_is_ordered",
            ),
            models.CheckConstraint(
                condition=Q(shipped_quantity__gte=F("returned_quantity")), name="never_return_more_than_is_shipped"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("refunded_quantity")), name="never_refund_more_units_than_are_ordered"
            ),
            models.CheckConstraint(
                condition=Q(line_total=F("unit_price") * F("quantity")), name="line_total_is_product"
            ),
            models.CheckConstraint(
                condition=Q(discount__gte=0, discount__lte=F("line_total"), tax__gte=0),
                name="line_amounts_sane",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["product_id"], name="lines_by_product")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"

    @property
    def open_quantity(self) -> int:
        """Units that are neither in a parcel nor cancelled."""
        return self.quantity - self.shipped_quantity - self.cancelled_quantity


class OrderStatusHistory(models.Model):
    """One move of an order, who made it and why. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="history")
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80, default="system")
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "order status history"
        indexes: ClassVar = [models.Index(fields=["order", "id"], name="history_of_order")]
        triggers: ClassVar = [append_only("history_append_only")]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} to {self.to_status}"
