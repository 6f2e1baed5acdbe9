"""The one body of a postal address, in and out."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import LineField, PersonNameField
from apps.common.api.serializers import StrictSerializer


class AddressBody(StrictSerializer):
    """An address as a client sends it; country rules are checked by `validate_address` (users)."""

    first_name = PersonNameField(max_length=80)
    last_name = PersonNameField(max_length=80)
    company = LineField(max_length=120, required=False, allow_blank=True, default="")
    line1 = LineField(max_length=200)
    line2 = LineField(max_length=200, required=False, allow_blank=True, default="")
    city = LineField(max_length=120, required=False, allow_blank=True, default="")
    region = LineField(max_length=120, required=False, allow_blank=True, default="")
    postal_code = LineField(max_length=20, required=False, allow_blank=True, default="")
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, help_text="ISO 3166-1 alpha-2")
    phone = LineField(max_length=20, required=False, allow_blank=True, default="", help_text="E.164")


class AddressOut(serializers.Serializer[Any]):
    """An address as it is answered: every member is there, empty when unknown."""

    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    company = serializers.CharField(max_length=120)
    line1 = serializers.CharField(max_length=200)
    line2 = serializers.CharField(max_length=200)
    city = serializers.CharField(max_length=120)
    region = serializers.CharField(max_length=120)
    postal_code = serializers.CharField(max_length=20)
    country = serializers.CharField(max_length=2)
    phone = serializers.CharField(max_length=20)
