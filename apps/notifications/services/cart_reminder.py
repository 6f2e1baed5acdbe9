"""What the reminder of a cart says: its lines as they are now, the way back, and the way out."""

from typing import Any
from uuid import UUID

from django.conf import settings

from apps.cart.models import Cart
from apps.cart.services import abandonment, contents
from apps.common.money import format_money


def cart_of(cart_id: UUID | None) -> Cart | None:
    """The cart, if a reminder of it still makes sense."""
    return abandonment.may_remind(cart_id) if cart_id is not None else None


def describe(cart: Cart) -> dict[str, Any]:
    """Its lines that can be bought, as text; no lines when there are none."""
    basket = contents.load_basket(cart)
    currency = basket.quote.currency
    names = {line.id: line for line in basket.lines}
    return {
        "recipient_name": cart.user.first_name if cart.user is not None else _first_name(cart),
        "cart": {
            "items": [
                {
                    "name": names[line.key].name,
                    "options": ", ".join(str(value) for value in names[line.key].options.values()),
                    "quantity": line.quantity,
                    "line_total": format_money(line.line_total, currency),
                }
                for line in basket.quote.lines
                if line.key in names
            ],
            "subtotal": format_money(basket.quote.subtotal, currency),
        },
    }


def headers(token: str) -> dict[str, str]:
    """What lets a mail program offer to unsubscribe with one click (RFC 8058)."""
    address = f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/cart/unsubscribe/{token}/"
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _first_name(cart: Cart) -> str:
    address = cart.shipping_address or {}
    return str(address.get("first_name") or "")
