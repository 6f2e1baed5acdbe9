"""Staff screens of carts and of what pricing reads."""

from apps.cart.admin import carts, promotions, shipping, taxes

__all__ = ["carts", "promotions", "shipping", "taxes"]
