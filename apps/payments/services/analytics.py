"""How payments went in a span of time, by aggregates of the database. Read-only."""

from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, F, Q, QuerySet, Sum

from apps.common.money import ZERO, money_json
from apps.payments.models import Dispute, Payment, Refund

S = Payment.Status
_ENDED = (S.SUCCEEDED, S.AUTHORISED, S.FAILED)


def summary(*, since: datetime, until: datetime, currency: str) -> dict[str, Any]:
    """Payments begun from `since` to before `until` in a currency. Five statements.

    The success rate counts payments that were tried: succeeded and authorised ones of these and those declined last.
    What was paid with store credit or with returned goods stands under the methods alone.
    """
    begun = Payment.objects.filter(created_at__gte=since, created_at__lt=until, currency=currency)
    won = Q(status__in=(S.SUCCEEDED, S.AUTHORISED))
    # Credit and exchanged goods are money that has come before.
    fresh = begun.exclude(provider__in=(Payment.Provider.STORE_CREDIT, Payment.Provider.EXCHANGE))
    sums = fresh.aggregate(
        payments=Count("pk"),
        tried=Count("pk", filter=Q(status__in=_ENDED)),
        succeeded=Count("pk", filter=won),
        captured=Sum("captured"),
        disputed=Sum("disputed"),
        charged_back=Sum("charged_back"),
        wait=Avg(F("captured_at") - F("created_at"), filter=Q(captured_at__isnull=False)),
    )
    refunds = Refund.objects.filter(
        created_at__gte=since, created_at__lt=until, payment__currency=currency, status=Refund.Status.SUCCEEDED
    ).aggregate(count=Count("pk"), amount=Sum("amount"))
    disputes = Dispute.objects.filter(created_at__gte=since, created_at__lt=until, payment__currency=currency)
    return {
        "payments": sums["payments"],
        "succeeded": sums["succeeded"],
        "success_rate": round(sums["succeeded"] / sums["tried"], 4) if sums["tried"] else None,
        "captured": money_json(sums["captured"] or ZERO, currency),
        "time_to_capture_seconds": int(sums["wait"].total_seconds()) if sums["wait"] is not None else None,
        "refunds": {"count": refunds["count"], "amount": money_json(refunds["amount"] or ZERO, currency)},
        "disputes": disputes.count(),
        "charged_back": money_json(sums["charged_back"] or ZERO, currency),
        "declines": _declines(begun),
        "methods": _methods(begun, currency),
    }


def _declines(begun: QuerySet[Payment]) -> list[dict[str, Any]]:
    rows = begun.filter(status=S.FAILED).values("failure_code").annotate(count=Count("pk"))
    return [{"code": row["failure_code"] or "unknown", "count": row["count"]} for row in rows.order_by("-count")[:50]]


def _methods(begun: QuerySet[Payment], currency: str) -> list[dict[str, Any]]:
    """By provider; within `manual` by its methods."""
    rows = begun.values("provider", "manual_method").annotate(
        count=Count("pk"),
        succeeded=Count("pk", filter=Q(status__in=(S.SUCCEEDED, S.AUTHORISED))),
        captured=Sum("captured"),
    )
    return [
        {
            "provider": row["provider"],
            "method": row["manual_method"] or None,
            "payments": row["count"],
            "succeeded": row["succeeded"],
            "captured": money_json(row["captured"] or ZERO, currency),
        }
        for row in rows.order_by("provider", "manual_method")
    ]
