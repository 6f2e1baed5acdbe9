"""What notifications does when events of other apps have committed: one message per cause is put in the queue."""

from hashlib import sha256
from typing import cast
from uuid import UUID

from apps.cart.models import Cart
from apps.common.events import on
from apps.common.models import Event
from apps.notifications.models import Notification
from apps.notifications.services import late_orders
from apps.notifications.services.queue import enqueue
from apps.orders.models import Invoice, Order, Return, Shipment
from apps.users.models import User

Kind = Notification.Kind


@on("user.email_verification_requested")
def mail_verification(event: Event) -> None:
    """Each request is a mail of its own: the token of the newest one counts."""
    _tell_user(event, Kind.VERIFICATION, cause=str(event.id))


@on("user.password_reset_requested")
def mail_password_reset(event: Event) -> None:
    _tell_user(event, Kind.PASSWORD_RESET, cause=str(event.id))


@on("user.email_verified")
def mail_welcome(event: Event) -> None:
    """Once in the life of an account, however often an address is verified."""
    _tell_user(event, Kind.WELCOME, cause=str(event.target_id))


@on("user.account_exists")
def mail_account_exists(event: Event) -> None:
    """At most once a day (UTC), so that nobody can flood a mailbox by registering its address again and again."""
    _tell_user(event, Kind.ACCOUNT_EXISTS, cause=f"{event.target_id}:{event.created_at:%Y-%m-%d}")


@on("order.confirmed")
def mail_order_confirmation(event: Event) -> None:
    _tell_buyer(_order(event), Kind.ORDER_CONFIRMATION)


@on("shipment.shipped")
def mail_order_shipped(event: Event) -> None:
    """One mail per parcel."""
    _tell_of_parcel(event, Kind.ORDER_SHIPPED)


@on("shipment.ready_for_pickup")
def mail_ready_for_pickup(event: Event) -> None:
    """One mail per parcel, with the code that collects it."""
    _tell_of_parcel(event, Kind.ORDER_READY_FOR_PICKUP)


@on("order.delivered")
def mail_order_delivered(event: Event) -> None:
    _tell_buyer(_order(event), Kind.ORDER_DELIVERED)


@on("order.cancelled")
def mail_order_cancelled(event: Event) -> None:
    order = _order(event)
    data = {"reason": event.data.get("reason", ""), "by": _who(event, order)}
    _tell_buyer(order, Kind.ORDER_CANCELLED, data=data)


@on("order.expiring")
def mail_order_expiring(event: Event) -> None:
    """Once for each end of the order's time: more time given and running out is another mail."""
    order = _order(event)
    _tell_buyer(order, Kind.ORDER_EXPIRING, cause=f"{order.pk}:{event.data['expires_at']}")


@on("order.late")
def mail_late_orders(event: Event) -> None:
    """One mail an hour to each reader; it lists all that is late when it is sent."""
    for email, user_id in late_orders.readers().items():
        reader = sha256(email.encode()).hexdigest()
        enqueue(
            kind=Kind.LATE_ORDERS,
            email=email,
            user_id=user_id,
            dedupe_key=f"{Kind.LATE_ORDERS}:{event.created_at:%Y-%m-%dT%H}:{reader}",
        )


@on("return.requested", "return.approved", "return.rejected", "return.received", "return.completed")
def mail_return(event: Event) -> None:
    """One mail for each status of a return that the buyer has to know of."""
    rma = Return.objects.select_related("order").get(pk=cast(UUID, event.target_id))
    kind = Kind(event.type.replace(".", "_"))
    _tell_buyer(rma.order, kind, cause=str(rma.pk), data={"return_id": str(rma.pk)})


@on("invoice.issued", "credit_note.issued")
def mail_invoice(event: Event) -> None:
    """The document goes along; one mail for each."""
    invoice = Invoice.objects.select_related("order").get(pk=cast(UUID, event.target_id))
    _tell_buyer(invoice.order, Kind(invoice.kind), cause=str(invoice.pk), data={"invoice_id": str(invoice.pk)})


@on("cart.abandoned")
def mail_cart_recovery(event: Event) -> None:
    """One per abandonment, and at most one a day (UTC) to an address, for anybody can write one into a cart.

    Whether it is still wanted is asked again when it is sent.
    """
    cart = Cart.objects.select_related("user").filter(pk=cast(UUID, event.target_id)).first()
    email = (cart.user.email if cart.user is not None else cart.email) if cart is not None else ""
    if cart is not None and email:
        enqueue(
            kind=Kind.CART_RECOVERY,
            email=email,
            user_id=cart.user_id,
            target_id=cart.pk,
            dedupe_key=f"{Kind.CART_RECOVERY}:{event.created_at:%Y-%m-%d}:{sha256(email.lower().encode()).hexdigest()}",
        )


def _tell_user(event: Event, kind: Kind, *, cause: str) -> None:
    user = User.objects.filter(pk=cast(UUID, event.target_id), is_active=True).first()
    if user is not None:
        enqueue(kind=kind, email=user.email, user_id=user.pk, dedupe_key=f"{kind}:{cause}")


def _tell_of_parcel(event: Event, kind: Kind) -> None:
    shipment = Shipment.objects.select_related("order").get(pk=cast(UUID, event.target_id))
    _tell_buyer(shipment.order, kind, cause=str(shipment.pk), data={"shipment_id": str(shipment.pk)})


def _order(event: Event) -> Order:
    return Order.objects.get(pk=cast(UUID, event.target_id))


def _tell_buyer(
    order: Order, kind: Kind, *, cause: str | None = None, data: dict[str, str | None] | None = None
) -> None:
    enqueue(
        kind=kind,
        email=order.email,
        user_id=order.user_id,
        target_id=order.pk,
        data=data,
        dedupe_key=f"{kind}:{cause or order.pk}",
    )


def _who(event: Event, order: Order) -> str:
    if event.actor == "guest" or (event.actor_id is not None and event.actor_id == order.user_id):
        return "buyer"
    return "system" if event.actor_id is None else "staff"
