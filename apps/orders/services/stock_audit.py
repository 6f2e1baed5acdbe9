"""Does stock add up with the orders? The proofs of products, and that reservations and orders tell the same story."""

import hashlib
from typing import Final

import structlog
from django.db import connection, transaction

from apps.common.events import record
from apps.common.models import Event
from apps.products.services import stock_audit
from apps.products.services.stock_audit import Break

log = structlog.get_logger(__name__)

FAILED: Final = "stock.audit_failed"
PASSED: Final = "stock.audit_passed"
MAX_TOLD: Final = 100

STATUS = """
SELECT 'reservation ' || reservation.id || coalesce(', order ' || o.number, ''),
    CASE
        WHEN o.id IS NULL THEN 'an order'
        WHEN o.status = 'pending' THEN 'held'
        WHEN o.status IN ('confirmed', 'processing', 'shipped', 'delivered') THEN 'committed'
        ELSE 'released'
    END,
    CASE WHEN o.id IS NULL THEN 'none with the key ' || reservation.reference ELSE reservation.status END
FROM products_stockreservation reservation
LEFT JOIN orders_order o ON o.id = reservation.reference
WHERE reservation.purpose = 'order' AND (
    o.id IS NULL
    OR (reservation.status = 'held' AND o.status <> 'pending')
    OR (reservation.status = 'committed' AND o.status NOT IN ('confirmed', 'processing', 'shipped', 'delivered'))
    OR (reservation.status = 'released' AND o.status IN ('confirmed', 'processing', 'shipped', 'delivered'))
)
ORDER BY 1
"""
QUANTITY = """
WITH ordered AS (
    SELECT item.order_id, item.variant_id, sum(item.quantity - item.cancelled_quantity) AS units
    FROM orders_orderitem item JOIN orders_order o ON o.id = item.order_id
    WHERE o.status IN ('confirmed', 'processing', 'shipped', 'delivered')
        OR (o.status = 'pending' AND o.expires_at > now())
    GROUP BY item.order_id, item.variant_id
), kept AS (
    SELECT reservation.reference AS order_id, level.variant_id, sum(reservation.quantity) AS units
    FROM products_stockreservation reservation
    JOIN products_stocklevel level ON level.id = reservation.level_id
    WHERE reservation.status IN ('held', 'committed')
    GROUP BY reservation.reference, level.variant_id
)
SELECT 'order ' || o.number || ', ' || variant.sku, ordered.units, coalesce(kept.units, 0)
FROM ordered
LEFT JOIN kept USING (order_id, variant_id)
JOIN orders_order o ON o.id = ordered.order_id
JOIN products_productvariant variant ON variant.id = ordered.variant_id
WHERE ordered.units <> coalesce(kept.units, 0)
ORDER BY 1
"""
RULES: Final = {
    "each_reservation_has_its_order_in_the_same_state": STATUS,
    "each_order_line_has_its_reservation": QUANTITY,
}


@transaction.atomic
def audit() -> list[Break]:
    """Everything that does not add up. A new finding is logged as an error and recorded as `stock.audit_failed` once;
    when all is well again, `stock.audit_passed`. A bounded number of statements; safe to run twice at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('stock.audit'))")
    found = [*stock_audit.breaks(), *stock_audit.found_by(RULES)]
    for each in found:
        log.error("stock_audit_break", **each.as_json())
    _record_news(found)
    return found


def _record_news(found: list[Break]) -> None:
    fingerprint = hashlib.sha256("\n".join(sorted(map(str, found))).encode()).hexdigest() if found else ""
    last = Event.objects.filter(type__in=[FAILED, PASSED]).order_by("-id").first()
    if fingerprint == (last.data["fingerprint"] if last else ""):
        return
    told = [each.as_json() for each in found[:MAX_TOLD]]
    data = {"fingerprint": fingerprint, "count": len(found), "breaks": told}
    record(FAILED if found else PASSED, target=None, data=data)
