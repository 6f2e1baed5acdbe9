"""Bodies of disputes and of the payment analytics."""

from typing import Any

from rest_framework import serializers

from apps.common.api.pagination import PageQuery
from apps.common.api.serializers import MoneyField, QuerySerializer, StrictSerializer
from apps.common.money import money_json
from apps.payments.models import Dispute, DisputeEvidence, Payment


class DisputeQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=Dispute.Status.choices, required=False, help_text="Only disputes in this state."
    )
    payment = serializers.UUIDField(required=False, help_text="Only disputes of this payment.")


class EvidenceBody(StrictSerializer):
    kind = serializers.ChoiceField(choices=DisputeEvidence.Kind.choices)
    done = serializers.BooleanField()


class DisputeBody(StrictSerializer):
    evidence = serializers.ListField(child=EvidenceBody(), required=False, max_length=20)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)


class EvidenceOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=DisputeEvidence.Kind.choices)
    done = serializers.BooleanField()
    done_at = serializers.DateTimeField(allow_null=True)


class DisputeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    payment = serializers.UUIDField()
    order = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Payment.Provider.choices)
    provider_reference = serializers.CharField(max_length=120)
    status = serializers.ChoiceField(choices=Dispute.Status.choices)
    reason = serializers.CharField(max_length=60)
    amount = MoneyField()
    evidence = EvidenceOut(many=True)
    note = serializers.CharField(max_length=500)
    due_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AnalyticsQuery(QuerySerializer):
    vars()["from"] = serializers.DateTimeField(
        required=False, help_text="Payments begun from then; default: 30 days ago."
    )
    to = serializers.DateTimeField(required=False, help_text="Payments begun before then; default: now.")


class CountedMoneyOut(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    amount = MoneyField()


class DeclineOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=80)
    count = serializers.IntegerField()


class MethodSumOut(serializers.Serializer[Any]):
    provider = serializers.ChoiceField(choices=Payment.Provider.choices)
    method = serializers.ChoiceField(choices=Payment.ManualMethod.choices, allow_null=True)
    payments = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    captured = MoneyField()


class AnalyticsOut(serializers.Serializer[Any]):
    vars()["from"] = serializers.DateTimeField()
    to = serializers.DateTimeField()
    payments = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True, help_text="of those that were tried, 0 to 1")
    captured = MoneyField()
    time_to_capture_seconds = serializers.IntegerField(allow_null=True)
    refunds = CountedMoneyOut()
    disputes = serializers.IntegerField()
    charged_back = MoneyField()
    declines = DeclineOut(many=True)
    methods = MethodSumOut(many=True)


def present_dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "payment": dispute.payment_id,
        "order": dispute.payment.order_id,
        "provider": dispute.provider,
        "provider_reference": dispute.provider_reference,
        "status": dispute.status,
        "reason": dispute.reason,
        "amount": money_json(dispute.amount, dispute.payment.currency),
        "evidence": [
            {"kind": each.kind, "done": each.done, "done_at": each.done_at} for each in dispute.evidence.all()
        ],
        "note": dispute.note,
        "due_at": dispute.due_at,
        "closed_at": dispute.closed_at,
        "created_at": dispute.created_at,
    }
