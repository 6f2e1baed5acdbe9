"""Bodies of the comparison with the providers' books."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.common.api.pagination import PageQuery
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.money import money_json
from apps.payments.models import Payment, ReconciliationBreak, ReconciliationRun


class BreakQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=ReconciliationBreak.Status.choices, required=False, help_text="Only breaks in this state."
    )
    kind = serializers.ChoiceField(
        choices=ReconciliationBreak.Kind.choices, required=False, help_text="Only breaks of this kind."
    )
    provider = serializers.ChoiceField(
        choices=Payment.Provider.choices, required=False, help_text="Only breaks with this provider."
    )


class ResolveBody(StrictSerializer):
    note = serializers.CharField(max_length=500, help_text="what was found and done")


class RunBody(StrictSerializer):
    provider = serializers.ChoiceField(choices=Payment.Provider.choices, default=Payment.Provider.STRIPE)
    since = serializers.DateTimeField(required=False, help_text="default: RECONCILIATION_DAYS before `until`")
    until = serializers.DateTimeField(required=False, help_text="default, and latest: a quarter of an hour ago")


class BreakOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Payment.Provider.choices)
    kind = serializers.ChoiceField(choices=ReconciliationBreak.Kind.choices)
    reference = serializers.CharField(max_length=120, help_text="what it is about, at the provider")
    status = serializers.ChoiceField(choices=ReconciliationBreak.Status.choices)
    order = serializers.UUIDField(allow_null=True)
    order_number = serializers.CharField(max_length=20, allow_null=True)
    payment = serializers.UUIDField(allow_null=True)
    here = MoneyField(allow_null=True, help_text="what our books say")
    there = MoneyField(allow_null=True, help_text="what the provider's books say")
    detail = serializers.CharField(max_length=300)
    note = serializers.CharField(max_length=500)
    created_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class RunOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Payment.Provider.choices)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=ReconciliationRun.Status.choices)
    charges = serializers.IntegerField()
    refunds = serializers.IntegerField()
    disputes = serializers.IntegerField()
    breaks = serializers.IntegerField()
    new_breaks = serializers.IntegerField()
    healed = serializers.IntegerField()
    failure = serializers.CharField(max_length=300, allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


def present_break(row: ReconciliationBreak) -> dict[str, Any]:
    return {
        "id": row.id,
        "provider": row.provider,
        "kind": row.kind,
        "reference": row.reference,
        "status": row.status,
        "order": row.order_id,
        "order_number": row.order.number if row.order else None,
        "payment": row.payment_id,
        "here": _side(row.here, row.here_currency),
        "there": _side(row.there, row.there_currency),
        "detail": row.detail,
        "note": row.note,
        "created_at": row.created_at,
        "seen_at": row.seen_at,
        "resolved_at": row.resolved_at,
    }


def present_run(run: ReconciliationRun) -> dict[str, Any]:
    names = ("id", "provider", "since", "until", "status", "charges", "refunds", "disputes", "breaks", "new_breaks")
    body = {name: getattr(run, name) for name in (*names, "healed", "created_at", "finished_at")}
    return body | {"failure": run.failure or None}


def _side(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    return None if amount is None else money_json(amount, currency)
