"""Telling staff that something runs out: once when it does, not at every sale after."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.common.events import record
from apps.products.models import StockLevel
from apps.products.models.stock import available_of_level


@transaction.atomic
def check() -> int:
    """Record `stock.low` for each level at its threshold that nobody was told of; returns how many.

    Sales and deliveries tell of crossings themselves (services/stock_changes.py); this finds changed thresholds.

    A level that recovered may alert again. Levels that a buyer or another check holds are left to the next run:
    nobody waits for a check, and a check waits for nobody (docs/locking.md).
    """
    levels: Any = StockLevel.objects.annotate(
        left=available_of_level(),
        threshold=Coalesce("low_stock_threshold", settings.LOW_STOCK_THRESHOLD),
    ).order_by("pk")
    recovered = levels.filter(low_stock_alerted_at__isnull=False, left__gt=F("threshold")).select_for_update(
        skip_locked=True
    )
    StockLevel.objects.filter(pk__in=[level.pk for level in recovered]).update(low_stock_alerted_at=None)
    fallen = (
        levels.filter(low_stock_alerted_at=None, left__lte=F("threshold"))
        .filter(variant__archived_at=None, warehouse__is_active=True)
        .select_related("variant", "warehouse")
        .select_for_update(of=("self",), skip_locked=True)
    )
    found = list(fallen)
    StockLevel.objects.filter(pk__in=[level.pk for level in found]).update(low_stock_alerted_at=timezone.now())
    for level in found:
        data = {"sku": level.variant.sku, "warehouse": level.warehouse.code, "available": level.left}
        record("stock.low" if level.left > 0 else "stock.out", target=level, data=data)
    return len(found)
