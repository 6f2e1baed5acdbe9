"""Bodies of risk reviews."""

from typing import Any

from rest_framework import serializers

from apps.common.api.pagination import PageQuery
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.money import money_json
from apps.payments.models import RiskReview


class RiskReviewQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=RiskReview.Status.choices, required=False, help_text="Only reviews in this state; `pending` waits."
    )
    order = serializers.UUIDField(required=False, help_text="Only the review of this order.")


class DecisionBody(StrictSerializer):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class RiskReasonOut(serializers.Serializer[Any]):
    rule = serializers.CharField(max_length=40)
    weight = serializers.IntegerField(min_value=0, max_value=1000)
    detail = serializers.CharField(max_length=300)


class RiskReviewOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    order = serializers.UUIDField()
    order_number = serializers.CharField(max_length=20)
    total = MoneyField()
    payment = serializers.UUIDField()
    status = serializers.ChoiceField(choices=RiskReview.Status.choices)
    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = RiskReasonOut(many=True)
    provider_level = serializers.CharField(max_length=20, allow_null=True, help_text="the provider's own word")
    provider_score = serializers.IntegerField(min_value=0, max_value=100, allow_null=True)
    note = serializers.CharField(max_length=500)
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


def present_review(review: RiskReview) -> dict[str, Any]:
    return {
        "id": review.id,
        "order": review.order_id,
        "order_number": review.order.number,
        "total": money_json(review.order.total, review.order.currency),
        "payment": review.payment_id,
        "status": review.status,
        "score": review.score,
        "reasons": review.reasons,
        "provider_level": review.provider_level or None,
        "provider_score": review.provider_score,
        "note": review.note,
        "created_at": review.created_at,
        "decided_at": review.decided_at,
    }
