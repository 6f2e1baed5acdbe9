"""One mail to staff of what ran low, ran out or came back since the last one."""

import hashlib
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common.models import new_id
from apps.notifications.models import Notification
from apps.notifications.services.queue import enqueue
from apps.products.models import StockAlert
from apps.users.models import User

log = structlog.get_logger(__name__)
# More than a mail can show is told by the next one.
MAX_CROSSINGS: Final = 1000


@transaction.atomic
def send() -> int:
    """Queue the digest to its readers; returns how many mails. None when nothing crossed.

    A crossing is marked as told in the transaction that queues the mails, so it is told once, however many runs there
    are at once. Without any reader it counts as told: nobody gets the news of a year on the first day.
    """
    crossings = list(StockAlert.objects.untold()[:MAX_CROSSINGS])
    if not crossings:
        return 0
    digest_id = new_id()
    StockAlert.objects.filter(pk__in=[each.pk for each in crossings]).update(
        digest_id=digest_id, told_at=timezone.now(), updated_at=timezone.now()
    )
    to = readers()
    if not to:
        log.warning("stock_digest_has_no_reader", crossings=len(crossings))
    for email, user_id in to.items():
        enqueue(
            kind=Notification.Kind.STOCK_DIGEST,
            email=email,
            user_id=user_id,
            target_id=digest_id,
            dedupe_key=f"stock_digest:{digest_id}:{hashlib.sha256(email.encode()).hexdigest()}",
        )
    return len(to)


def readers() -> dict[str, UUID | None]:
    """Who is told: the addresses of STOCK_ALERT_EMAILS, else the staff members who may see stock alerts."""
    if settings.STOCK_ALERT_EMAILS:
        return dict.fromkeys(settings.STOCK_ALERT_EMAILS)
    right = {"codename": "view_stockalert", "content_type__app_label": "products"}
    own = {f"user_permissions__{name}": value for name, value in right.items()}
    of_group = {f"groups__permissions__{name}": value for name, value in right.items()}
    allowed = Q(is_superuser=True) | Q(**own) | Q(**of_group)
    people = User.objects.filter(allowed, is_staff=True, is_active=True).distinct().order_by("email")
    return dict(people.values_list("email", "pk"))
