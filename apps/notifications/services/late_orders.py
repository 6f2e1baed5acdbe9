"""The mail to staff about paid orders that should have left."""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.orders.services import deadlines
from apps.users.models import User

MAX_LINES: Final = 50


def readers() -> dict[str, UUID | None]:
    """Who is told: the addresses of ORDER_ALERT_EMAILS, else the staff members who may move orders."""
    if settings.ORDER_ALERT_EMAILS:
        return dict.fromkeys(settings.ORDER_ALERT_EMAILS)
    right = {"codename": "change_order", "content_type__app_label": "orders"}
    own = {f"user_permissions__{name}": value for name, value in right.items()}
    of_group = {f"groups__permissions__{name}": value for name, value in right.items()}
    allowed = Q(is_superuser=True) | Q(**own) | Q(**of_group)
    people = User.objects.filter(allowed, is_staff=True, is_active=True).distinct().order_by("email")
    return dict(people.values_list("email", "pk"))


def describe() -> dict[str, Any]:
    """All that is late now, longest first, and how many `more` there are than a mail can show."""
    late, now = deadlines.late_orders(), timezone.now()
    count = late.count()
    base = settings.PUBLIC_URL.rstrip("/")
    return {
        "count": count,
        "hours": settings.SLA_SHIP_HOURS,
        "orders": [
            {
                "number": order.number,
                "waiting": f"{(now - order.confirmed_at).days} days" if order.confirmed_at else "",
                "method": order.shipping_method_name,
                "status": order.get_status_display(),
            }
            for order in late[:MAX_LINES]
        ],
        "more": max(count - MAX_LINES, 0),
        "link": f"{base}/admin/orders/order/?late=yes",
    }
