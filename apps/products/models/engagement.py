"""What people say of products and what they wish for."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, BaseModel, CurrencyField, default_currency, new_id
from apps.products.models.catalogue import Product


class Review(BaseModel):
    """One customer's opinion of one product, shown once staff approved it."""

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    rating = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=120, blank=True)
    body = models.TextField(max_length=5000, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    is_verified_purchase = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "user"], name="one_review_per_customer"),
            models.CheckConstraint(condition=Q(rating__gte=1, rating__lte=5), name="review_rating_1_to_5"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["product", "-id"], name="approved_reviews", condition=Q(status="approved")),
            models.Index(fields=["id"], name="review_queue", condition=Q(status="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.rating}/5 for {self.product_id}"


class Wishlist(BaseModel):
    """A customer's list of wanted products."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="wishlists")
    name = models.CharField(max_length=80, default="Wishlist")
    is_default = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user"], condition=Q(is_default=True), name="one_default_wishlist")
        ]

    def __str__(self) -> str:
        return self.name


class WishlistItem(BaseModel):
    """A wanted product and what it cost when it was added, to tell of a price drop."""

    wishlist = models.ForeignKey(Wishlist, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    price_when_added = AmountField()
    currency = CurrencyField(default=default_currency)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["wishlist", "product"], name="product_once_per_wishlist")
        ]

    def __str__(self) -> str:
        return f"{self.product_id} on {self.wishlist_id}"


class Purchase(models.Model):
    """That a customer has bought a product; makes a review a verified one. Written when an order is paid."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "product"], name="purchase_once")]

    def __str__(self) -> str:
        return f"{self.product_id} by {self.user_id}"
