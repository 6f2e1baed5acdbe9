"""What the rules of risk look at, gathered from the database in six statements."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from apps.orders.models import Order
from apps.payments.models import Payment
from apps.payments.services.risk_rules import Facts

DISPOSABLE = Path(__file__).resolve().parents[1] / "data" / "disposable_domains.txt"
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def facts_of(order: Order, payment: Payment) -> Facts:
    """The facts of an order whose money was promised by this payment."""
    now = timezone.now()
    buyer = Order.objects.placed_by(user_id=order.user_id, emails=frozenset([order.email]))
    paid_before = buyer.filter(confirmed_at__isnull=False, currency=order.currency).exclude(pk=order.pk)
    today = Payment.objects.filter(order__in=buyer.values("pk"), created_at__gte=now - DAY)
    domain = order.email.rpartition("@")[2].lower()
    user = order.user
    return Facts(
        total=order.total,
        currency=order.currency,
        highest_before=paid_before.aggregate(most=Max("total"))["most"],
        large_first_order=Decimal(settings.RISK_LARGE_FIRST_ORDER),
        orders_of_buyer=buyer.filter(placed_at__gte=now - DAY).count(),
        buyers_at_address=_buyers_at(order.shipping_address),
        buyers_with_card=_buyers_with(payment.card_fingerprint),
        declines=today.aggregate(sum=Sum("declines"))["sum"] or 0,
        billing=order.billing_address,
        shipping=order.shipping_address,
        mail_domain=domain,
        is_disposable=is_disposable(domain),
        is_new_account=user is None or user.created_at > now - DAY,
        is_express=order.shipping_method in settings.RISK_EXPRESS_METHODS,
        provider_level=payment.risk_level,
        provider_score=payment.risk_score,
    )


def _buyers_at(address: dict[str, Any]) -> int:
    same = Q(shipping_address__line1=address.get("line1"), shipping_address__country=address.get("country"))
    same &= Q(shipping_address__postal_code=address.get("postal_code"))
    recent = Order.objects.filter(same, placed_at__gte=timezone.now() - DAY)
    return int(recent.aggregate(buyers=Count("email", distinct=True))["buyers"])


def _buyers_with(fingerprint: str) -> int:
    if not fingerprint:
        return 0
    recent = Payment.objects.filter(card_fingerprint=fingerprint, created_at__gte=timezone.now() - WEEK)
    return int(recent.aggregate(buyers=Count("order__email", distinct=True))["buyers"])


def is_disposable(domain: str) -> bool:
    """Whether a mail domain, or one above it, hands out addresses to be thrown away."""
    known = _listed() | {name.lower() for name in settings.RISK_DISPOSABLE_DOMAINS}
    parts = domain.split(".")
    return any(".".join(parts[start:]) in known for start in range(len(parts)))


@lru_cache(maxsize=1)
def _listed() -> frozenset[str]:
    lines = DISPOSABLE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
