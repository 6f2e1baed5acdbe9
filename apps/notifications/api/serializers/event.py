"""Bodies of the event feed."""

from typing import Any

from rest_framework import serializers

from apps.common.api.pagination import FeedQuery


class EventQuery(FeedQuery):
    after = serializers.IntegerField(
        min_value=0, max_value=2**63 - 1, default=0, help_text="Events past this position; 0 from the beginning."
    )
    type = serializers.RegexField(
        r"^[a-z_]+\.[a-z_]*(,[a-z_]+\.[a-z_]*)*$",
        max_length=300,
        required=False,
        help_text="Types or families, comma-separated: `order.placed,payment.`",
    )
    order = serializers.UUIDField(required=False, help_text="Of this order alone.")


class SubjectOut(serializers.Serializer[Any]):
    type = serializers.CharField(max_length=40)
    id = serializers.UUIDField()


class EventOut(serializers.Serializer[Any]):
    """The same document as in the exchange."""

    id = serializers.UUIDField(help_text="tells a repeated message")
    type = serializers.CharField(max_length=80)
    version = serializers.IntegerField(min_value=1, max_value=1000, help_text="of the form of `payload`")
    time = serializers.DateTimeField()
    position = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    aggregate = SubjectOut()
    sequence = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, allow_null=True, help_text="per order, without gaps"
    )
    subject = SubjectOut(help_text="what changed: the order itself, one of its payments, ...")
    actor = serializers.CharField(max_length=80)
    payload = serializers.DictField()
