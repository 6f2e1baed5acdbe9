"""What orders does when events have committed, its own among them, and what it tells the apps below."""

from typing import cast
from uuid import UUID

from apps.cart.services import dry_runs
from apps.cart.services.customers import Customer, answers_has_ordered
from apps.common import jobs
from apps.common.events import on
from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import bulk_shipping, guest_orders, invoices, promotion_dry_run
from apps.users.models import User


@answers_has_ordered
def has_ordered(customer: Customer) -> bool:
    """For first-order offers: whether the customer, by account or e-mail, has an order that was not cancelled."""
    placed = Order.objects.exclude(status=Order.Status.CANCELLED)
    return placed.placed_by(user_id=customer.user_id, emails=customer.emails).exists()


@on("user.email_verified")
def claim_guest_orders(event: Event) -> None:
    """What the owner of an address ordered as a guest is in the account once the address is proven."""
    user = User.objects.filter(pk=cast(UUID, event.target_id), is_active=True).first()
    if user is not None and user.email_verified_at is not None:
        guest_orders.claim(user=user)


@on("order.confirmed")
def issue_invoice(event: Event) -> None:
    """A paid order is invoiced; not within the payment's transaction, where the series' row would be everybody's."""
    invoices.issue_invoice(order_id=cast(UUID, event.target_id))


@jobs.runner(dry_runs.JOB)
def dry_run_a_promotion(run: jobs.Run) -> jobs.Result:
    return promotion_dry_run.run(run)


@jobs.runner(bulk_shipping.KIND)
def ship_by_file(run: jobs.Run) -> jobs.Result:
    """Ship the rows of a file."""
    return bulk_shipping.run(run)
