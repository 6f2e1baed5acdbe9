"""What the digest of stock alerts says: the latest crossing of each level, with what is left when the mail is sent."""

from typing import Any, Final
from uuid import UUID

from apps.products.models import StockAlert
from apps.products.models.stock import available_of_level

Kind = StockAlert.Kind
# The worst first: (kind, heading, words of the summary).
_GROUPS: Final = (
    (Kind.OUT, "Sold out", "sold out"),
    (Kind.LOW, "Running low", "running low"),
    (Kind.BACK, "Back in stock", "back in stock"),
)
# A mail over 102 kB is cut off by some clients.
MAX_LINES: Final = 100


def describe(*, digest_id: UUID | None) -> dict[str, Any]:
    """`summary` for the subject, `groups` of lines, and how many `more` there are than a mail can show."""
    latest = {alert.level_id: alert for alert in _alerts(digest_id)}
    groups, parts, room = [], [], MAX_LINES
    for kind, heading, words in _GROUPS:
        found = [alert for alert in latest.values() if alert.kind == kind]
        if found:
            parts.append(f"{len(found)} {words}")
            found.sort(key=lambda alert: (alert.left, alert.level.variant.sku))
            groups.append({"heading": heading, "lines": [_line(alert) for alert in found[:room]]})
            room -= len(groups[-1]["lines"])
    shown = sum(len(group["lines"]) for group in groups)
    return {
        "summary": ", ".join(parts),
        "groups": [group for group in groups if group["lines"]],
        "more": len(latest) - shown,
    }


def _alerts(digest_id: UUID | None) -> list[Any]:
    rows = (
        StockAlert.objects.annotate(left=available_of_level("level__"))
        .filter(digest_id=digest_id)
        .order_by("crossed_at", "pk")
    )
    return list(rows.select_related("level__variant__product", "level__warehouse")) if digest_id else []


def _line(alert: Any) -> dict[str, str | int]:
    level = alert.level
    return {
        "name": " ".join(filter(None, (level.variant.product.name, level.variant.name))),
        "sku": level.variant.sku,
        "warehouse": level.warehouse.name,
        "left": alert.left,
    }
