"""Baskets: one open cart per customer, guests hold theirs by a secret token."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from apps.common.models import AmountField, BaseModel, CurrencyField, default_currency
from apps.products.models import ProductVariant, Store


def default_channel() -> str:
    """Where carts come from that do not say."""
    return str(next(iter(settings.CHANNELS), "web"))


class CartQuerySet(models.QuerySet["Cart"]):
    """Reads and locks of carts."""

    def open_for(self, *, user_id: uuid.UUID | None, token: uuid.UUID | None) -> "CartQuerySet":
        """The caller's open cart: a customer's own, or a guest's by token (never a customer's by token)."""
        if user_id is not None:
            return self.filter(user_id=user_id, status=Cart.Status.OPEN)
        if token is None:
            return self.none()
        return self.filter(token=token, user=None, status=Cart.Status.OPEN)

    def idle_since(self, moment: datetime) -> "CartQuerySet":
        """Carts that never became an order and that nobody has changed since then."""
        return self.exclude(status=Cart.Status.ORDERED).filter(updated_at__lt=moment)

    def may_be_reminded(self) -> "CartQuerySet":
        """Open carts whose holder agreed to be written to: guests in the cart, customers in their preferences."""
        guest = Q(user=None, marketing_consent_at__isnull=False) & ~Q(email="")
        customer = Q(user__is_active=True, user__profile__marketing_email=True, user__email_verified_at__isnull=False)
        return self.filter(guest | customer, status=Cart.Status.OPEN)

    def left_behind(self, *, after: datetime, before: datetime) -> "CartQuerySet":
        """Carts with lines, last changed in that time, of which nobody was reminded since."""
        lines = CartItem.objects.wanted().filter(cart=OuterRef("pk"))
        unsaid = Q(reminded_at=None) | Q(reminded_at__lt=F("updated_at"))
        return self.filter(unsaid, Exists(lines), updated_at__gte=after, updated_at__lt=before)

    def lock(self) -> "CartQuerySet":
        """Lock the cart rows; the first lock of any checkout (docs/locking.md)."""
        return self.select_for_update(of=("self",))

    def lock_free(self) -> "CartQuerySet":
        """Lock the rows that nobody else is locking right now."""
        return self.select_for_update(of=("self",), skip_locked=True)


class VatNumberCheck(models.TextChoices):
    """How far a VAT number was checked: by its form and check digits, or by asking a register."""

    FORMAT = "format"
    REGISTER = "register"


class Cart(BaseModel):
    """What somebody means to buy. It becomes at most one order."""

    class Status(models.TextChoices):
        OPEN = "open"
        ORDERED = "ordered"
        MERGED = "merged"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="carts"
    )
    token = models.UUIDField(unique=True, default=uuid.uuid4, help_text="a guest's key to the cart")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    currency = CurrencyField(default=default_currency)
    email = models.EmailField(max_length=254, blank=True)
    shipping_address = models.JSONField(null=True, blank=True)
    billing_address = models.JSONField(null=True, blank=True)
    shipping_method = models.CharField(max_length=40, blank=True)
    pickup_store = models.ForeignKey(Store, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    channel = models.CharField(max_length=40, default=default_channel, help_text="one of CHANNELS; promotions may ask")
    vat_number = models.CharField(max_length=20, blank=True, help_text="of a business in the European Union")
    vat_number_check = models.CharField(max_length=10, choices=VatNumberCheck.choices, blank=True)
    note = models.CharField(max_length=500, blank=True)
    marketing_consent_at = models.DateTimeField(
        null=True, blank=True, help_text="since then the guest may be reminded; customers say it in their preferences"
    )
    reminded_at = models.DateTimeField(null=True, blank=True, help_text="of what was left behind")

    objects = CartQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user"], condition=Q(status="open"), name="one_open_cart_per_customer")
        ]
        indexes: ClassVar = [models.Index(fields=["updated_at"], name="open_carts", condition=Q(status="open"))]

    def __str__(self) -> str:
        return f"{self.status} cart of {self.user_id or 'a guest'}"


class CartItemQuerySet(models.QuerySet["CartItem"]):
    """Reads of lines."""

    def wanted(self) -> "CartItemQuerySet":
        """What is in the cart to be bought, not what is saved for later."""
        return self.filter(is_saved=False)


class CartItem(BaseModel):
    """A variant and a quantity, with the price it had when it was put in."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items")
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    unit_price = AmountField(help_text="when added or last acknowledged")
    is_saved = models.BooleanField(default=False, help_text="for later: shown beside the cart, never priced or ordered")
    note = models.CharField(max_length=200, blank=True)
    gift_wrap = models.BooleanField(default=False)
    gift_message = models.CharField(max_length=300, blank=True)

    objects = CartItemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["cart", "variant", "is_saved"], name="variant_once_on_each_side"),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=999), name="cart_quantity_1_to_999"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.variant_id}"
