"""Celery entry points of orders."""

from celery import shared_task

from apps.orders.services import deadlines, lifecycle, stock_audit
from apps.products.services import stock


@shared_task(name="release_expired_reservations")
def release_expired_reservations() -> int:
    """Cancel unpaid orders whose hold ran out, and clear away the holds of carts, quotes and outside systems.

    Runs every half minute; needs no retry. Nothing depends on it: what has run out is not counted anyway.
    """
    return lifecycle.cancel_expired() + stock.release_expired()


@shared_task(name="warn_unpaid_orders")
def warn_unpaid_orders() -> int:
    """Tell buyers that their unpaid orders are cancelled soon, once each. May run any number of times."""
    return deadlines.warn_of_expiry()


@shared_task(name="note_late_orders")
def note_late_orders() -> int:
    """Note paid orders that should have left by now, once each; hourly, so that staff get one mail."""
    return deadlines.note_late()


@shared_task(name="verify_stock")
def verify_stock() -> int:
    """Prove once a day that stock adds up; returns the number of breaks. May run any number of times."""
    return len(stock_audit.audit())
