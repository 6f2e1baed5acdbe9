"""Bodies of kept cards."""

from typing import Any

from rest_framework import serializers

from apps.common.api.serializers import StrictSerializer
from apps.payments.models import SavedCard
from apps.payments.services.cards import Setup


class SaveCardBody(StrictSerializer):
    payment_method = serializers.RegexField(
        r"^[A-Za-z0-9_]+$", max_length=120, required=False, help_text="save on the server, e.g. pm_card_visa"
    )
    return_url = serializers.URLField(
        max_length=500, required=False, help_text="where the provider sends the shopper after authentication"
    )


class SavedCardOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    brand = serializers.CharField(max_length=20)
    last4 = serializers.CharField(max_length=4)
    exp_month = serializers.IntegerField(min_value=1, max_value=12)
    exp_year = serializers.IntegerField(min_value=2000, max_value=2200)
    is_default = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class CardSetupOut(serializers.Serializer[Any]):
    reference = serializers.CharField(max_length=120)
    status = serializers.ChoiceField(choices=["created", "requires_action", "processing", "succeeded", "cancelled"])
    client_secret = serializers.CharField(max_length=200, help_text="completes it in the browser")
    payment_method = SavedCardOut(allow_null=True, help_text="the card, once it is saved")


def present_card(card: SavedCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "brand": card.brand,
        "last4": card.last4,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "is_default": card.is_default,
        "created_at": card.created_at,
    }


def present_setup(setup: Setup) -> dict[str, Any]:
    return {
        "reference": setup.provider.reference,
        "status": setup.provider.state,
        "client_secret": setup.provider.client_secret,
        "payment_method": present_card(setup.card) if setup.card else None,
    }
