"""Offers and their codes, as rows."""

from decimal import Decimal
from typing import Any

from apps.cart.models import Coupon, Promotion


def offer(name: str = "Ten", **fields: Any) -> Promotion:
    """A running promotion of 10 %, unless the fields say otherwise; `categories` and the like are lists of rows."""
    row = {"kind": "percent", "value": Decimal("10"), "status": "active", **fields}
    related = {field.name: row.pop(field.name) for field in Promotion._meta.many_to_many if field.name in row}
    promotion = Promotion.objects.create(name=name, **row)
    for relation, rows in related.items():
        getattr(promotion, relation).set(rows)
    return promotion


def coupon(code: str = "TEN", *, promotion: Promotion | None = None, **fields: Any) -> Coupon:
    """A code without a usage limit, of a promotion that needs one."""
    return Coupon.objects.create(
        code=code, promotion=promotion or offer(f"Offer of {code}", needs_coupon=True), **fields
    )
