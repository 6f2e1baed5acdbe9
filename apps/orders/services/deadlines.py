"""What runs out: unpaid orders that are soon cancelled, and paid ones that should have left by now.

Each is told once: the order keeps the time at which it was, and the sweeps take their rows with SKIP LOCKED.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet, Value
from django.db.models.functions import Least
from django.utils import timezone

from apps.common import events
from apps.orders.models import Order
from apps.orders.services import lifecycle

LIMIT = 200
_WAITING = (Order.Status.CONFIRMED, Order.Status.PROCESSING)


def warn_of_expiry() -> int:
    """Tell the buyers of unpaid orders, once, that they are cancelled soon; returns how many.

    `UNPAID_WARNING_HOURS` before the end, but never earlier than in the last third of the time that there was.
    """
    if settings.UNPAID_WARNING_HOURS <= 0:
        return 0
    now = timezone.now()
    third = ExpressionWrapper((F("expires_at") - F("placed_at")) / 3, output_field=DurationField())
    before = Least(third, Value(timedelta(hours=settings.UNPAID_WARNING_HOURS)))
    due = (
        Order.objects.filter(status=Order.Status.PENDING, warned_at=None, expires_at__gt=now)
        .annotate(warn_at=ExpressionWrapper(F("expires_at") - before, output_field=Order._meta.get_field("expires_at")))
        .filter(warn_at__lte=now)
    )
    return sum(_warn(order_id) for order_id in _keys(due))


def note_late() -> int:
    """Note paid orders that nobody has shipped within `SLA_SHIP_HOURS`, once each; returns how many.

    Not those that staff hold back, or whose money is gone.
    """
    if settings.SLA_SHIP_HOURS <= 0:
        return 0
    since = timezone.now() - timedelta(hours=settings.SLA_SHIP_HOURS)
    due = Order.objects.filter(status__in=_WAITING, late_at=None, held_at=None, confirmed_at__lte=since).exclude(
        payment_status__in=lifecycle.UNSHIPPABLE
    )
    return sum(_note_late(order_id) for order_id in _keys(due))


def late_orders() -> "QuerySet[Order]":
    """Orders that should have left and have not, longest first."""
    return Order.objects.filter(late_at__isnull=False, status__in=_WAITING).order_by("confirmed_at", "pk")


def _keys(due: "QuerySet[Order]") -> list[UUID]:
    return list(due.order_by("pk").values_list("pk", flat=True)[:LIMIT])


@transaction.atomic
def _warn(order_id: UUID) -> bool:
    order = _locked(order_id, status=Order.Status.PENDING, warned_at=None)
    if order is None:
        return False
    order.warned_at = timezone.now()
    order.save(update_fields=["warned_at", "updated_at"])
    data = {"number": order.number, "expires_at": order.expires_at.isoformat()}
    events.record("order.expiring", target=order, data=data)
    return True


@transaction.atomic
def _note_late(order_id: UUID) -> bool:
    order = _locked(order_id, status__in=_WAITING, late_at=None, held_at=None)
    if order is None or order.confirmed_at is None:
        return False
    order.late_at = timezone.now()
    order.save(update_fields=["late_at", "updated_at"])
    data = {
        "number": order.number,
        "confirmed_at": order.confirmed_at.isoformat(),
        "hours": settings.SLA_SHIP_HOURS,
    }
    events.record("order.late", target=order, data=data)
    return True


def _locked(order_id: UUID, **still: object) -> Order | None:
    """The order, unless somebody has it locked or it has moved on."""
    rows = Order.objects.filter(pk=order_id, **still).select_for_update(of=("self",), skip_locked=True)
    found: Order | None = rows.first()
    return found
