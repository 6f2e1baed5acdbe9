"""What the shop owes its customers, to be spent on orders. The balance is the sum of the entries."""

from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, BaseModel, CurrencyField, append_only, new_id
from apps.common.money import ZERO
from apps.orders.models import Order

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


class StoreCreditAccountQuerySet(models.QuerySet["StoreCreditAccount"]):
    """Reads and locks of store credit."""

    def visible_to(self, user: "User | AnonymousUser") -> "StoreCreditAccountQuerySet":
        """A customer's own; nothing for guests."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def lock(self) -> "StoreCreditAccountQuerySet":
        """Lock the accounts (docs/locking.md: after the payment, before stock)."""
        return self.select_for_update(of=("self",)).order_by("pk")


class StoreCreditAccount(BaseModel):
    """A customer's credit in one currency. `balance` is written by services/credit_ledger.py alone."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="store_credit")
    currency = CurrencyField()
    balance = AmountField(default=ZERO)

    objects = StoreCreditAccountQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "currency"], name="one_store_credit_per_currency"),
            models.CheckConstraint(condition=Q(balance__gte=0), name="store_credit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.balance} {self.currency}"


class StoreCreditEntry(models.Model):
    """One change of a balance, known once by its cause. Append-only."""

    class Kind(models.TextChoices):
        """Given by staff, or taken away; for returned goods; spent on an order, and back from it."""

        GRANTED = "granted"
        WITHDRAWN = "withdrawn"
        RETURNED_GOODS = "returned_goods"
        SPENT = "spent"
        GIVEN_BACK = "given_back"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(StoreCreditAccount, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = AmountField(help_text="positive: the customer gains; negative: spent or taken away")
    balance_after = AmountField()
    cause = models.CharField(max_length=60, unique=True, help_text="what made it, which does so once")
    reason = models.CharField(max_length=200, blank=True)
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.PROTECT, related_name="store_credit")
    actor_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "store credit entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(amount=0), name="store_credit_entry_moves_something"),
            models.CheckConstraint(condition=Q(balance_after__gte=0), name="store_credit_never_below_zero"),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="entries_of_account")]
        triggers: ClassVar = [append_only("store_credit_entry_append_only")]

    def __str__(self) -> str:
        return f"{self.amount:+} ({self.kind})"

    @property
    def event_aggregate(self) -> tuple[str, UUID | None]:
        """Events of one that concerns an order belong to the order's public stream."""
        return ("order", self.order_id) if self.order_id else ("", None)
