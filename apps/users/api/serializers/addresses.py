"""The address book, in and out."""

from typing import Any

from rest_framework import serializers

from apps.common.api.address import AddressOut
from apps.common.api.serializers import StrictSerializer
from apps.users.models import Address
from apps.users.services.addresses import snapshot


def present_address(address: Address) -> dict[str, Any]:
    """An address with its key and what it is the default for."""
    return {
        "id": str(address.id),
        **snapshot(address),
        "is_default_shipping": address.is_default_shipping,
        "is_default_billing": address.is_default_billing,
    }


class BookAddressOut(AddressOut):
    id = serializers.UUIDField()
    is_default_shipping = serializers.BooleanField()
    is_default_billing = serializers.BooleanField()


class SetDefaultBody(StrictSerializer):
    kind = serializers.ChoiceField(choices=["shipping", "billing"])
