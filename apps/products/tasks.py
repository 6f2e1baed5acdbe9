"""Celery entry points of products. Both are safe to run twice and at once, and need no retry: beat comes back."""

from celery import shared_task
from django.db import transaction

from apps.products.services import listing, low_stock


@shared_task(name="check_low_stock_products")
def check_low_stock_products() -> int:
    """Record an event for each stock level that has just run low."""
    return low_stock.check()


@shared_task(name="invalidate_product_cache")
def invalidate_product_cache() -> int:
    """Make every cached catalogue answer stale; for operators, writes do it themselves."""
    with transaction.atomic():
        listing.bump_version()
    return listing.current_version()
