"""Money in and money back. Per payment the database holds refunded <= captured <= authorised <= amount."""

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from apps.common.models import AmountField, BaseModel, CurrencyField, append_only, new_id
from apps.common.money import ZERO
from apps.orders.models import Order, OrderItem

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Reads and locks of payments."""

    def visible_to(self, user: "User | AnonymousUser") -> "PaymentQuerySet":
        """Payments of the customer's own orders."""
        return self.filter(order__user_id=user.pk) if user.is_authenticated else self.none()

    def lock(self) -> "PaymentQuerySet":
        """Lock the payment rows (docs/locking.md: after the order, before stock)."""
        return self.select_for_update(of=("self",)).order_by("pk")


class Payment(BaseModel):
    """One attempt series to pay an order at a provider (at Stripe: one PaymentIntent)."""

    class Provider(models.TextChoices):
        STRIPE = "stripe"
        PAYPAL = "paypal"
        MANUAL = "manual"
        STORE_CREDIT = "store_credit"
        EXCHANGE = "exchange"

    class ManualMethod(models.TextChoices):
        BANK_TRANSFER = "bank_transfer"
        CASH_ON_DELIVERY = "cash_on_delivery"

    class Status(models.TextChoices):
        CREATED = "created"
        REQUIRES_ACTION = "requires_action"
        PROCESSING = "processing"
        AUTHORISED = "authorised"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN: ClassVar = (
        Status.CREATED,
        Status.REQUIRES_ACTION,
        Status.PROCESSING,
        Status.AUTHORISED,
        Status.FAILED,
    )

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    provider = models.CharField(max_length=12, choices=Provider.choices)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.CREATED)
    amount = AmountField()
    # Sums over the payment's facts, written by services/ledger.py alone.
    authorised = AmountField(default=ZERO, help_text="promised by the buyer's bank, or captured")
    captured = AmountField(default=ZERO)
    refunded = AmountField(default=ZERO, help_text="returned or on its way back")
    refund_pending = AmountField(default=ZERO, help_text="of that, still on its way")
    disputed = AmountField(default=ZERO, help_text="held by a bank while a dispute is open")
    charged_back = AmountField(default=ZERO, help_text="taken back by disputes that were lost")
    currency = CurrencyField()
    provider_reference = models.CharField(max_length=120, blank=True)
    method = models.CharField(max_length=60, blank=True, help_text="such as visa ending in 4242")
    card_fingerprint = models.CharField(
        max_length=64, blank=True, help_text="the provider's name for the card's number"
    )
    risk_level = models.CharField(max_length=20, blank=True, help_text="the provider's own word on the risk")
    risk_score = models.PositiveSmallIntegerField(null=True, blank=True, help_text="the provider's, 0 to 100")
    declines = models.PositiveSmallIntegerField(default=0, help_text="attempts that were declined")
    declined_charge = models.CharField(max_length=120, blank=True, help_text="the attempt that was counted last")
    failure_code = models.CharField(max_length=80, blank=True)
    failure_detail = models.CharField(max_length=300, blank=True)
    manual_method = models.CharField(max_length=20, choices=ManualMethod.choices, blank=True)
    capture_requested = AmountField(null=True, blank=True, help_text="to be taken from what is authorised")
    authorised_until = models.DateTimeField(null=True, blank=True, help_text="the bank holds the money until then")
    captured_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True, help_text="when to ask the provider unasked")
    checks = models.PositiveSmallIntegerField(default=0)
    key_attempt = models.PositiveSmallIntegerField(default=0, help_text="part of the provider's idempotency key")

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="provider_reference_once",
            ),
            models.UniqueConstraint(
                fields=["order", "provider"],
                condition=~Q(status__in=["succeeded", "cancelled"]),
                name="one_open_payment_per_order_and_provider",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(
                    refunded__gte=0,
                    refunded__lte=F("captured"),
                    captured__lte=F("authorised"),
                    authorised__lte=F("amount"),
                ),
                name="refunded_le_captured_le_authorised",
            ),
            models.CheckConstraint(
                condition=Q(refund_pending__gte=0, refund_pending__lte=F("refunded")),
                name="refund_pending_le_refunded",
            ),
            models.CheckConstraint(
                condition=Q(disputed__gte=0, charged_back__gte=0, captured__gte=F("disputed") + F("charged_back")),
                name="disputed_le_captured",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["order", "-id"], name="payments_of_order"),
            models.Index(
                fields=["card_fingerprint", "-id"], name="payments_of_card", condition=~Q(card_fingerprint="")
            ),
            models.Index(fields=["next_check_at"], name="payments_to_check", condition=Q(next_check_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.provider_reference or self.id} ({self.status})"

    @property
    def refundable(self) -> Decimal:
        """What may still be sent back: captured, neither on its way back nor in a bank's hands."""
        return max(self.captured - self.refunded - self.disputed - self.charged_back, ZERO)

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.order_id)


class Refund(BaseModel):
    """Money on its way back. The row takes its amount from the payment at once; a failed refund gives it back."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    class Cause(models.TextChoices):
        """What made it: by staff, the order cancelled whole or in lines, goods returned, more paid than was due,
        or somebody at the provider."""

        STAFF = "staff"
        ORDER_CANCELLED = "order_cancelled"
        LINES_CANCELLED = "lines_cancelled"
        RETURN = "return"
        SURPLUS = "surplus"
        PROVIDER = "provider"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = AmountField()
    cause = models.CharField(max_length=16, choices=Cause.choices, default=Cause.STAFF)
    cause_id = models.UUIDField(null=True, blank=True, help_text="the event or return that made it, which does so once")
    reason = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    provider_reference = models.CharField(max_length=120, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    key_attempt = models.PositiveSmallIntegerField(default=0, help_text="part of the provider's idempotency key")
    next_attempt_at = models.DateTimeField()
    failure_detail = models.CharField(max_length=300, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.UniqueConstraint(
                fields=["provider_reference"],
                condition=~Q(provider_reference=""),
                name="refund_reference_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], name="refunds_due", condition=Q(status="requested")),
            models.Index(fields=["cause_id"], name="refunds_by_cause", condition=Q(cause_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.amount} ({self.status})"

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.payment.order_id)


class RefundLine(models.Model):
    """Of which order line a refund is, and how much of it. Append-only.

    `quantity` is 0 where the line's units stand with another refund: their price came from two payments.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField()
    amount = AmountField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["refund", "item"], name="refund_line_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_line_not_negative"),
        ]
        triggers: ClassVar = [append_only("refund_line_append_only")]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"
