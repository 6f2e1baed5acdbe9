"""Postal addresses in a customer's address book."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from phonenumber_field.modelfields import PhoneNumberField

from apps.common.models import BaseModel


class Address(BaseModel):
    """One address. Orders keep their own copy, so it may change or go at any time."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="addresses")
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    company = models.CharField(max_length=120, blank=True)
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    region = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    phone = PhoneNumberField(blank=True)
    is_default_shipping = models.BooleanField(default=False)
    is_default_billing = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "addresses"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_default_shipping=True), name="one_default_shipping_address"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_default_billing=True), name="one_default_billing_address"
            ),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="address_country_is_iso"),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-id"], name="address_book")]

    def __str__(self) -> str:
        return f"{self.line1}, {self.city} {self.country}"
