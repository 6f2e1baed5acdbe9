"""What a message says: built from the rows as they are when it is sent, so it is never out of date and no secret waits.

Secrets (tokens, the key to a guest's order) come from a `Secrets`: real ones for the mail, samples for the preview.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as format_date

from apps.cart.models import Cart
from apps.cart.services import reminder_links
from apps.common.money import format_money
from apps.notifications.models import Notification
from apps.notifications.rendering import Attachment, RenderedMail, render_mail
from apps.notifications.services import cart_reminder, late_orders, return_content, stock_digest_text
from apps.notifications.services.refund_note import refund_note
from apps.orders.models import Invoice, Order, OrderItem, Return, Shipment
from apps.orders.services import access, invoices
from apps.orders.services.collection import collection_code
from apps.users.models import User
from apps.users.services import mailed_tokens
from apps.users.services.addresses import postal_lines
from apps.users.services.mailed_tokens import IssuedToken

Kind = Notification.Kind
Context = dict[str, Any]
_SYSTEM_REASONS: Final = {"not paid in time": "We did not receive the payment in time."}


class Undeliverable(Exception):  # noqa: N818 - says what the message is
    """This message makes no sense any more and must not be sent; the text says why."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where links get what opens something. Issuing a token makes older unused ones worthless."""

    verification: Callable[[UUID], IssuedToken]
    password_reset: Callable[[UUID], IssuedToken]
    order: Callable[[UUID], str]
    collection: Callable[[UUID], str]
    restore: Callable[[UUID], str]
    unsubscribe: Callable[[Cart], str]


def build(notification: Notification) -> RenderedMail:
    """The mail to send now; issues its token. Raises Undeliverable."""
    _check_still_wanted(notification)
    mail = _render(notification, _REAL)
    return replace(mail, attachments=_attachments(notification), headers=_headers(notification))


def preview(notification: Notification) -> RenderedMail:
    """The mail as it would be sent now, with sample secrets, without files. Raises Undeliverable."""
    return _render(notification, _SAMPLE)


def validity(kind: str) -> timedelta | None:
    """How long a message is worth sending; None: always."""
    if kind == Kind.VERIFICATION:
        return timedelta(hours=settings.EMAIL_VERIFICATION_HOURS)
    if kind == Kind.PASSWORD_RESET:
        return timedelta(minutes=settings.PASSWORD_RESET_MINUTES)
    return None


def _check_still_wanted(notification: Notification) -> None:
    longest = validity(notification.kind)
    if longest is None:
        return
    if timezone.now() - notification.created_at > longest:
        raise Undeliverable("older than its link would have been valid")
    user = _user(notification)
    if not user.is_active:
        raise Undeliverable("the account is disabled")
    # A secret goes only to the address that the account has now.
    if user.email != notification.email:
        raise Undeliverable("the account has another address now")
    if notification.kind == Kind.VERIFICATION and user.email_verified_at is not None:
        raise Undeliverable("the address is verified already")


def _render(notification: Notification, secrets: Secrets) -> RenderedMail:
    context = _BUILDERS[notification.kind](notification, secrets)
    return render_mail(notification.kind, {"shop": _shop(), **context})


def _attachments(notification: Notification) -> tuple[Attachment, ...]:
    if notification.kind == Kind.RETURN_APPROVED:
        return return_content.label_of(_return_of(notification))
    if notification.kind not in (Kind.INVOICE, Kind.CREDIT_NOTE):
        return ()
    invoice = _invoice_of(notification)
    return (Attachment(f"{invoice.number}.pdf", invoices.document(invoice), "application/pdf"),)


def _headers(notification: Notification) -> dict[str, str]:
    if notification.kind != Kind.CART_RECOVERY:
        return {}
    return cart_reminder.headers(_REAL.unsubscribe(_cart(notification)))


def _shop() -> Context:
    return {
        "name": settings.SHOP_NAME,
        "url": _link("/"),
        "support_email": settings.SUPPORT_EMAIL,
        "address": settings.SHOP_ADDRESS,
    }


def _verification(notification: Notification, secrets: Secrets) -> Context:
    user = _user(notification)
    token = secrets.verification(user.pk)
    return _token_context(user, token) | {"expires_hours": round(_left(token) / timedelta(hours=1))}


def _password_reset(notification: Notification, secrets: Secrets) -> Context:
    user = _user(notification)
    token = secrets.password_reset(user.pk)
    return _token_context(user, token) | {"expires_minutes": round(_left(token) / timedelta(minutes=1))}


def _token_context(user: User, token: IssuedToken) -> Context:
    return {"recipient_name": user.first_name, "link": _link(token.link_path), "token": token.raw}


def _left(token: IssuedToken) -> timedelta:
    left: timedelta = token.expires_at - timezone.now()
    return left


def _welcome(notification: Notification, secrets: Secrets) -> Context:
    return {"recipient_name": _user(notification).first_name, "link": _link("/")}


def _account_exists(notification: Notification, secrets: Secrets) -> Context:
    return {
        "recipient_name": _user(notification).first_name,
        "login_link": _link("/login"),
        "reset_link": _link("/forgot-password"),
    }


def _order_confirmation(notification: Notification, secrets: Secrets) -> Context:
    return _order_context(_order(notification), secrets)


def _order_delivered(notification: Notification, secrets: Secrets) -> Context:
    return _order_context(_order(notification), secrets)


def _order_shipped(notification: Notification, secrets: Secrets) -> Context:
    order = _order(notification)
    shipment = Shipment.objects.filter(order=order, pk=notification.data.get("shipment_id")).first()
    return _order_context(order, secrets) | {
        "shipment": {
            "carrier": shipment.carrier if shipment else "",
            "tracking_number": shipment.tracking_number if shipment else "",
            "tracking_url": shipment.tracking_url if shipment else "",
        }
    }


def _order_ready_for_pickup(notification: Notification, secrets: Secrets) -> Context:
    order = _order(notification)
    waiting = order.shipments.filter(status=Shipment.Status.READY_FOR_PICKUP)
    shipment = waiting.filter(pk=notification.data.get("shipment_id")).first()
    if shipment is None or order.pickup_store is None:
        raise Undeliverable("nothing waits in a store any more")
    store = order.pickup_store
    lines = [store["name"], *(str(store.get(name) or "") for name in ("line1", "postal_code", "city"))]
    return _order_context(order, secrets) | {
        "collection_code": secrets.collection(shipment.pk),
        "store": [line for line in lines if line],
    }


def _order_cancelled(notification: Notification, secrets: Secrets) -> Context:
    order = _order(notification)
    return _order_context(order, secrets) | {
        "reason": _reason(notification.data),
        "refund_note": refund_note(order=order),
    }


def _invoice(notification: Notification, secrets: Secrets) -> Context:
    invoice = _invoice_of(notification)
    return _order_context(_order(notification), secrets) | {
        "invoice": {"number": invoice.number, "total": format_money(invoice.total, invoice.currency)}
    }


def _invoice_of(notification: Notification) -> Invoice:
    invoice = Invoice.objects.filter(pk=notification.data.get("invoice_id")).first()
    if invoice is None:
        raise Undeliverable("its document does not exist")
    return invoice


def _order_expiring(notification: Notification, secrets: Secrets) -> Context:
    order = _order(notification)
    if order.status != Order.Status.PENDING:
        raise Undeliverable("the order is paid or cancelled meanwhile")
    return _order_context(order, secrets) | {"expires_on": _moment(order.expires_at)}


def _late_orders(notification: Notification, secrets: Secrets) -> Context:
    about = late_orders.describe()
    if not about["count"]:
        raise Undeliverable("nothing is late any more")
    user = notification.user
    return {"recipient_name": user.first_name if user else "", **about}


def _return(notification: Notification, secrets: Secrets) -> Context:
    rma = _return_of(notification)
    order = _order(notification)
    query = "" if order.user_id else "?" + urlencode({"token": secrets.order(order.pk)})
    about = return_content.describe(rma, url=_link(f"/returns/{rma.pk}{query}"))
    return _order_context(order, secrets) | {"rma": about}


def _return_of(notification: Notification) -> Return:
    rma = Return.objects.select_related("order", "warehouse").filter(pk=notification.data.get("return_id")).first()
    if rma is None:
        raise Undeliverable("its return does not exist")
    return rma


def _reason(data: Context) -> str:
    if data.get("by") == "buyer":
        return "You asked us to cancel the order."
    # What staff type is for the shop's own history; only the system's reasons are written for the buyer.
    return _SYSTEM_REASONS.get(str(data.get("reason")), "") if data.get("by") == "system" else ""


def _stock_digest(notification: Notification, secrets: Secrets) -> Context:
    user = notification.user
    digest = stock_digest_text.describe(digest_id=notification.target_id)
    if not digest["groups"]:
        raise Undeliverable("its crossings do not exist")
    link = f"{settings.PUBLIC_URL.rstrip('/')}/admin/products/stockalert/"
    return {"recipient_name": user.first_name if user else "", "link": link, **digest}


def _cart_recovery(notification: Notification, secrets: Secrets) -> Context:
    cart = _cart(notification)
    context = cart_reminder.describe(cart)
    if not context["cart"]["items"]:
        raise Undeliverable("nothing of the cart can be bought any more")
    return context | {
        "link": _link("/cart/restore?" + urlencode({"token": secrets.restore(cart.pk)})),
        "unsubscribe_link": _link("/unsubscribe?" + urlencode({"token": secrets.unsubscribe(cart)})),
    }


def _cart(notification: Notification) -> Cart:
    cart = cart_reminder.cart_of(notification.target_id)
    if cart is None:
        raise Undeliverable("the cart was changed or ordered, or nobody wants to be reminded")
    return cart


def _order_context(order: Order, secrets: Secrets) -> Context:
    return {
        "recipient_name": order.user.first_name if order.user else order.shipping_address["first_name"],
        "order": {
            "number": order.number,
            "placed_on": _moment(order.placed_at),
            "email": order.email,
            "status": order.get_status_display(),
            "url": _order_link(order, secrets),
            "items": [_item(item, order.currency) for item in order.items.all()],
            "totals": _totals(order),
            "shipping_address": postal_lines(order.shipping_address),
            "billing_address": postal_lines(order.billing_address),
            "shipping_method": order.shipping_method_name,
        },
    }


def _order_link(order: Order, secrets: Secrets) -> str:
    query = "" if order.user_id else "?" + urlencode({"token": secrets.order(order.pk)})
    return _link(f"/orders/{order.pk}{query}")


def _item(item: OrderItem, currency: str) -> Context:
    return {
        "name": item.name,
        "options": ", ".join(str(value) for value in item.options.values()),
        "sku": item.sku,
        "quantity": item.quantity,
        "unit_price": format_money(item.unit_price, currency),
        "line_total": format_money(item.line_total, currency),
    }


def _totals(order: Order) -> Context:
    return {
        "subtotal": format_money(order.subtotal, order.currency),
        "discount": format_money(order.discount_total, order.currency) if order.discount_total else "",
        "shipping": format_money(order.shipping_total, order.currency),
        "tax": format_money(order.tax_total, order.currency),
        "total": format_money(order.total, order.currency),
    }


def _moment(value: datetime) -> str:
    return f"{format_date(value, 'j F Y, H:i')} UTC"


def _link(path: str) -> str:
    return f"{settings.FRONTEND_URL.rstrip('/')}{path}"


def _user(notification: Notification) -> User:
    user = notification.user
    if user is None:
        raise Undeliverable("it belongs to no account")
    return user


def _order(notification: Notification) -> Order:
    orders = Order.objects.select_related("user").prefetch_related("items")
    order = orders.filter(pk=notification.target_id).first() if notification.target_id else None
    if order is None:
        raise Undeliverable("its order does not exist")
    return order


def _sample_token(path: str, lifetime: timedelta) -> IssuedToken:
    return IssuedToken(raw="sample-token", link_path=f"{path}?token=sample-token", expires_at=timezone.now() + lifetime)


_BUILDERS: Final[dict[str, Callable[[Notification, Secrets], Context]]] = {
    Kind.VERIFICATION: _verification,
    Kind.PASSWORD_RESET: _password_reset,
    Kind.WELCOME: _welcome,
    Kind.ACCOUNT_EXISTS: _account_exists,
    Kind.ORDER_CONFIRMATION: _order_confirmation,
    Kind.ORDER_SHIPPED: _order_shipped,
    Kind.ORDER_READY_FOR_PICKUP: _order_ready_for_pickup,
    Kind.ORDER_DELIVERED: _order_delivered,
    Kind.ORDER_CANCELLED: _order_cancelled,
    Kind.ORDER_EXPIRING: _order_expiring,
    Kind.LATE_ORDERS: _late_orders,
    **dict.fromkeys(return_content.KINDS, _return),
    Kind.STOCK_DIGEST: _stock_digest,
    Kind.INVOICE: _invoice,
    Kind.CREDIT_NOTE: _invoice,
    Kind.CART_RECOVERY: _cart_recovery,
}
_REAL: Final = Secrets(
    verification=lambda user_id: mailed_tokens.issue_email_verification(user_id=user_id),
    password_reset=lambda user_id: mailed_tokens.issue_password_reset(user_id=user_id),
    order=access.order_token,
    collection=collection_code,
    restore=reminder_links.restore_token,
    unsubscribe=reminder_links.unsubscribe_token,
)
_SAMPLE: Final = Secrets(
    verification=lambda _: _sample_token("/verify-email", timedelta(hours=settings.EMAIL_VERIFICATION_HOURS)),
    password_reset=lambda _: _sample_token("/reset-password", timedelta(minutes=settings.PASSWORD_RESET_MINUTES)),
    order=lambda _: "sample-token",
    collection=lambda _: "SAMPLE",
    restore=lambda _: "sample-token",
    unsubscribe=lambda _: "sample-token",
)
