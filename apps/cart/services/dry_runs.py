"""Asking for a dry run of a promotion. The runs are made by the orders (apps/orders/services/promotion_dry_run.py)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.cart.models import Promotion
from apps.common import jobs
from apps.common.errors import NotFound
from apps.common.models import BackgroundJob

JOB: Final = "promotions.dry_run"
MAX_ORDERS: Final = 1000


@transaction.atomic
def start(
    *,
    promotion_id: UUID,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    actor: Any,
    with_carts: bool = True,
) -> BackgroundJob:
    """Queue a run over at most `limit` orders placed, and as many carts left, from `since` until before `until`.

    The newest count. Raises NotFound.
    """
    if not Promotion.objects.filter(pk=promotion_id).exists():
        raise NotFound
    arguments = {
        "promotion": str(promotion_id),
        "since": since.isoformat() if since is not None else None,
        "until": until.isoformat() if until is not None else None,
        "limit": min(limit, MAX_ORDERS),
        "carts": with_carts,
    }
    return jobs.start(kind=JOB, arguments=arguments, actor=actor)
