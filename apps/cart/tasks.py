"""Celery entry points of the cart. All are safe to run twice and at the same time."""

from celery import shared_task

from apps.cart.services import quotes


@shared_task(name="clean_carts")
def clean_carts() -> dict[str, int]:
    """Delete what has had its time; nothing depends on when. Runs every ten minutes; needs no retry."""
    return {"quotes": quotes.delete_expired()}
