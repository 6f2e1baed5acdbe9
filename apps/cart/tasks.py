"""Celery entry points of the cart. All are safe to run twice and at the same time."""

from celery import shared_task

from apps.cart.services import abandonment, quotes


@shared_task(name="clean_carts")
def clean_carts() -> dict[str, int]:
    """Delete what has had its time; nothing depends on when. Runs every ten minutes; needs no retry."""
    return {"quotes": quotes.delete_expired(), "carts": abandonment.delete_idle()}


@shared_task(name="remind_of_carts")
def remind_of_carts() -> int:
    """Ask for a reminder of each cart that was left behind, once. Runs every ten minutes; needs no retry."""
    return abandonment.remind()
