"""What staff find in the queues about money: a dispute to answer, and a charge that no order explains."""

from datetime import datetime, timedelta
from decimal import Decimal

from apps.common import events
from apps.payments.models import Dispute, Payment
from apps.payments.services import breaks
from apps.payments.services.breaks import Finding, Kind, Side
from scripts.seed.clock import at
from scripts.seed.money import Till


def seed_money_work(till: Till, *, now: datetime) -> None:
    """A dispute and a disagreement of the last days, unless there has been a dispute already."""
    if Dispute.objects.exists():
        return
    delivered = Payment.objects.filter(order__status="delivered", order__payment_status="paid", provider="stripe")
    with at(now - timedelta(days=1)), till.without_webhooks():
        till.dispute(delivered.select_related("order").latest("id"))
        found = Finding(
            Kind.PAID_WITHOUT_ORDER,
            "ch_demo_from_another_shop",
            there=Side(Decimal("49.90"), "USD"),
            detail="Charged at the provider; no order of ours asked for it.",
        )
        breaks.file(Payment.Provider.STRIPE, found)
        while events.deliver_due():
            pass
