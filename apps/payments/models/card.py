"""Cards that customers keep at the provider. Here is what people need to tell them apart, never a number."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel
from apps.payments.models.payment import Payment


class PaymentCustomer(BaseModel):
    """Under which reference a provider knows one of our customers."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payment_customers")
    provider = models.CharField(max_length=12, choices=Payment.Provider.choices)
    provider_reference = models.CharField(max_length=120)
    forget_at = models.DateTimeField(null=True, blank=True, help_text="when the provider is to be asked to erase it")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "provider"], name="one_payment_customer_per_provider"),
            models.UniqueConstraint(fields=["provider", "provider_reference"], name="payment_customer_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["forget_at"], name="payment_customers_to_forget", condition=Q(forget_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.provider_reference


class SavedCard(BaseModel):
    """A card kept at the provider for its customer."""

    customer = models.ForeignKey(PaymentCustomer, on_delete=models.CASCADE, related_name="cards")
    provider_reference = models.CharField(max_length=120, unique=True)
    brand = models.CharField(max_length=20)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-is_default", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer"], condition=Q(is_default=True), name="one_default_card")
        ]

    def __str__(self) -> str:
        return f"{self.brand} ending in {self.last4}"
