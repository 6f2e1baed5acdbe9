"""Where things are: warehouses, levels, reservations and the ledger of movements.

`_AVAILABLE` says in one place what can be sold of a level: what is on hand, plus what may be sold before it arrives,
minus what is kept back, minus what is promised. A promise that has run out does not count, whether or not a job has
cleared it away. Shoppers' and staff's figures, filters and alerts are all made of it. The database refuses any level
with reserved < 0 or reserved > on_hand + backorder_limit.
"""

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone

from apps.common.models import BaseModel, append_only, new_id
from apps.products.models.catalogue import ProductVariant


class Warehouse(BaseModel):
    """A place that holds stock. Reservations take from the lowest priority number first."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    line1 = models.CharField(max_length=200, blank=True)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    region = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, default="US")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    countries = ArrayField(
        models.CharField(max_length=2), default=list, blank=True, help_text="ISO codes it ships to; empty: everywhere"
    )
    priority = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["priority", "code"]

    def __str__(self) -> str:
        return self.name

    def serves(self, country: str) -> bool:
        """Whether it ships to a country; to an unknown one every warehouse may."""
        return not country or not self.countries or country in self.countries


# Units of promises of the level `{id}` that have run out, at the time that is its one parameter.
_RUN_OUT = """COALESCE((
    SELECT SUM(over.quantity) FROM products_stockreservation AS over
    WHERE over.level_id = {id} AND over.status = 'held' AND over.expires_at <= %s
), 0)"""
# What can be sold of a level, by the names of its columns. Everything that tells or compares it is made of this text;
# `StockLevel.available` says the same of a row that has been read.
_AVAILABLE = "GREATEST(0, {on_hand} + {backorder_limit} - {safety_stock} - {reserved} + " + _RUN_OUT + ")"
_COLUMNS = ("on_hand", "backorder_limit", "safety_stock", "reserved", "id")
# Of a level named `level` in a statement written by hand.
SELLABLE = _AVAILABLE.format(**{name: f"level.{name}" for name in _COLUMNS})
_OF_VARIANT = f"""COALESCE((
    SELECT SUM({SELLABLE}) FROM products_stocklevel AS level
    JOIN products_warehouse AS place ON place.id = level.warehouse_id AND place.is_active
    WHERE level.variant_id = {{variant}}
), 0)::int"""  # noqa: S608 - constants


class _OfLevel(Func):
    """A text above over the columns of a level that the outer query reads."""

    output_field = models.IntegerField()

    def __init__(self, *columns: Any, text: str = "", **extra: Any) -> None:
        super().__init__(*columns, **extra)
        self.text = text

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        names = _COLUMNS[-len(columns) :]
        return f"({self.text.format(**dict(zip(names, columns, strict=True)))})::int", [timezone.now()]


def available_of_level(path: str = "") -> Func:
    """An expression: units of the level that can be sold now; `path` leads to it, such as `level__`."""
    return _OfLevel(*(F(f"{path}{name}") for name in _COLUMNS), text=_AVAILABLE)


def run_out_of_level(path: str = "") -> Func:
    """An expression: units that the level still reserves for promises that have run out."""
    return _OfLevel(F(f"{path}id"), text=_RUN_OUT)


class _Sellable(Func):
    """SELLABLE over all active warehouses, of the variant that the outer query's column names."""

    output_field = models.IntegerField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        variant, parameters = compiler.compile(self.source_expressions[0])
        return _OF_VARIANT.format(variant=variant), [timezone.now(), *parameters]


def available_of(variant: str) -> Func:
    """An expression: units of the variant (named by its column) that can be sold now."""
    return _Sellable(F(variant))


class StockLevelQuerySet(models.QuerySet["StockLevel"]):
    """Reads and locks of stock levels."""

    def to_show(self) -> "StockLevelQuerySet":
        """With what `available` needs to count promises that have run out."""
        return self.annotate(run_out=run_out_of_level())

    def locked_for(self, variant_ids: Iterable[UUID], *, also: Iterable[UUID] = ()) -> "StockLevelQuerySet":
        """The sellable levels of these variants, and the levels of `also`, locked in primary key order."""
        sellable = Q(variant_id__in=list(variant_ids), warehouse__is_active=True)
        wanted = sellable | Q(pk__in=list(also)) if also else sellable
        return self.filter(wanted).select_related("warehouse").order_by("pk").select_for_update(of=("self",))

    def lock(self, level_ids: Iterable[UUID]) -> "StockLevelQuerySet":
        """These levels, locked in primary key order."""
        return self.filter(pk__in=list(level_ids)).order_by("pk").select_for_update()


class StockLevel(BaseModel):
    """How many units of a variant a warehouse holds, and how many of them are promised."""

    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="stock_levels")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="stock_levels")
    on_hand = models.IntegerField(default=0, help_text="below zero: sold before they arrived, owed to buyers")
    reserved = models.PositiveIntegerField(default=0)
    safety_stock = models.PositiveIntegerField(default=0, help_text="kept back: never sold to shoppers")
    backorder_limit = models.PositiveIntegerField(default=0, help_text="so many may be sold before they arrive")
    next_restock_on = models.DateField(null=True, blank=True)
    low_stock_threshold = models.PositiveIntegerField(null=True, blank=True, help_text="empty: the shop's default")
    low_stock_alerted_at = models.DateTimeField(null=True, blank=True)

    objects = StockLevelQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["variant", "warehouse"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["variant", "warehouse"], name="one_level_per_place"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_not_negative"),
            models.CheckConstraint(
                condition=Q(reserved__lte=F("on_hand") + F("backorder_limit")), name="never_promise_more_than_there_is"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant} in {self.warehouse}"

    # Read by `to_show`. Whoever has the level locked to take units has cleared away what has run out.
    run_out = 0

    @property
    def available(self) -> int:
        """What can be sold of it, as `available_of_level` says of a row of the table; read it with `to_show`."""
        return max(0, self.on_hand + self.backorder_limit - self.safety_stock - self.reserved + self.run_out)


class StockReservationQuerySet(models.QuerySet["StockReservation"]):
    """Reads and locks of reservations."""

    def lock(self) -> "StockReservationQuerySet":
        """Lock the rows in primary key order (docs/locking.md: before their levels)."""
        return self.order_by("pk").select_for_update(of=("self",))


class StockReservation(BaseModel):
    """Units of a level promised to something outside this app (an order, say), named by `reference`."""

    class Purpose(models.TextChoices):
        ORDER = "order"
        CART = "cart"
        QUOTE = "quote"
        EXTERNAL = "external"

    class Status(models.TextChoices):
        HELD = "held"
        COMMITTED = "committed"
        RELEASED = "released"

    reference = models.UUIDField()
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.ORDER)
    level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="reservations")
    quantity = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.HELD)
    expires_at = models.DateTimeField()

    objects = StockReservationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["reference", "level"], condition=~Q(status="released"), name="one_live_reservation_per_level"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_quantity_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="held_reservations", condition=Q(status="held")),
            models.Index(fields=["reference"], name="reservations_of"),
            models.Index(fields=["level", "expires_at"], name="held_of_level", condition=Q(status="held")),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.status} for {self.reference}"


class StockMovement(models.Model):
    """One change of a level's `on_hand`. The ledger: per level, the quantities add up to `on_hand`."""

    class Kind(models.TextChoices):
        RECEIVE = "receive"
        SALE = "sale"
        RETURN = "return"
        ADJUSTMENT = "adjustment"
        TRANSFER_IN = "transfer_in"
        TRANSFER_OUT = "transfer_out"
        DAMAGE = "damage"
        COUNT = "count"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    quantity = models.IntegerField(help_text="positive: came in; negative: went out")
    on_hand_after = models.IntegerField()
    reason = models.CharField(max_length=200, blank=True)
    reference = models.UUIDField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(quantity=0), name="movement_moves_something"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["level", "-id"], name="movements_of_level"),
            models.Index(fields=["reference"], name="movements_by_reference"),
        ]
        triggers: ClassVar = [append_only("movement_append_only")]

    def __str__(self) -> str:
        return f"{self.quantity:+d} {self.kind}"
