"""Bodies of store credit."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.money import money_json
from apps.payments.models import StoreCreditAccount, StoreCreditEntry

DIRECTIONS = [("grant", "Grant"), ("withdraw", "Withdraw")]


class StoreCreditBody(StrictSerializer):
    kind = serializers.ChoiceField(choices=DIRECTIONS)
    amount = MoneyField()
    reason = LineField(max_length=200)


class StoreCreditEntryOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=StoreCreditEntry.Kind.choices)
    amount = MoneyField(help_text="negative: spent or taken away")
    balance_after = MoneyField()
    reason = serializers.CharField(max_length=200)
    order = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class StoreCreditOut(serializers.Serializer[Any]):
    balances = serializers.ListField(child=MoneyField(), max_length=50, help_text="one for each currency")
    entries = StoreCreditEntryOut(many=True, help_text="newest first, at most a hundred")


def present_credit(user_id: Any) -> dict[str, Any]:
    """A customer's balances and newest entries. Two statements."""
    accounts = StoreCreditAccount.objects.filter(user_id=user_id).order_by("currency")
    entries = StoreCreditEntry.objects.filter(account__user_id=user_id).select_related("account").order_by("-id")
    return {
        "balances": [money_json(account.balance, account.currency) for account in accounts],
        "entries": [_entry(entry) for entry in entries[:100]],
    }


def _entry(entry: StoreCreditEntry) -> dict[str, Any]:
    currency = entry.account.currency
    return {
        "id": entry.id,
        "kind": entry.kind,
        "amount": money_json(entry.amount, currency),
        "balance_after": money_json(entry.balance_after, currency),
        "reason": entry.reason,
        "order": entry.order_id,
        "created_at": entry.created_at,
    }
