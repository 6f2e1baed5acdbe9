"""Alerts of stock: one row per crossing, at most one open per level, closed by the next crossing or by staff."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from apps.common.errors import NotFound
from apps.common.events import Actor, record
from apps.products.models import StockAlert
from apps.products.models.stock import available_of_level

Kind = StockAlert.Kind


@transaction.atomic(savepoint=False)  # a step: part of the delivery of an event
def note(*, level_id: UUID, kind: str, available: int, crossed_at: datetime) -> StockAlert:
    """Write down that a level crossed a line; it closes the level's open alert. Good news (`back`) is never open.

    Crossings may arrive out of order: one that is older than another closes nothing and is not open.
    """
    with connection.cursor() as cursor:
        # Two crossings of a level at once take their turns; the level itself is left to buyers.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(level_id)])
    of_level = StockAlert.objects.filter(level_id=level_id)
    is_latest = not of_level.filter(crossed_at__gt=crossed_at).exists()
    now = timezone.now()
    if is_latest:
        of_level.filter(closed_at=None).update(closed_at=now, updated_at=now)
    return StockAlert.objects.create(
        level_id=level_id,
        kind=kind,
        available=available,
        crossed_at=crossed_at,
        closed_at=None if is_latest and kind != Kind.BACK else now,
    )


@transaction.atomic
def acknowledge(*, alert_id: UUID, actor: Actor) -> StockAlert:
    """A staff member takes care of an open alert. Repeatable: a closed one stays as it is. Raises NotFound."""
    alert = (
        StockAlert.objects.annotate(left=available_of_level("level__"))
        .select_for_update(of=("self",))
        .select_related("level__variant__product", "level__warehouse")
        .filter(pk=alert_id)
        .first()
    )
    if alert is None:
        raise NotFound
    if alert.closed_at is None:
        alert.closed_at, alert.acknowledged_by = timezone.now(), actor.pk
        alert.save(update_fields=["closed_at", "acknowledged_by", "updated_at"])
        data = {"sku": alert.level.variant.sku, "warehouse": alert.level.warehouse.code, "kind": alert.kind}
        record("stock.alert_acknowledged", target=alert, actor=actor, data=data)
    return alert
