"""The signed-in person: profile and preferences."""

from typing import Any

from django.conf import settings
from phonenumber_field.serializerfields import PhoneNumberField
from rest_framework import serializers

from apps.common.api.fields import PersonNameField
from apps.common.api.serializers import StrictSerializer
from apps.common.currencies import is_supported
from apps.users.models import User, UserProfile


def present_me(user: User) -> dict[str, Any]:
    """The profile as its owner reads it. The user must come with its profile."""
    return {
        "id": str(user.id),
        "email": user.email,
        "email_verified": user.email_verified_at is not None,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone": str(user.profile.phone),
        "language": user.profile.language,
        "currency": user.profile.currency,
        "is_staff": user.is_staff,
        "created_at": user.created_at,
    }


class MeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField(max_length=254)
    email_verified = serializers.BooleanField()
    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    phone = serializers.CharField(max_length=20, help_text="E.164, empty when unknown.")
    language = serializers.CharField(max_length=10)
    currency = serializers.CharField(max_length=3)
    is_staff = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class E164Field(PhoneNumberField):
    """A phone number with its country code; a number of one country alone is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, region=None, **kwargs)


class MeBody(StrictSerializer):
    first_name = PersonNameField(max_length=80, required=False, allow_blank=True)
    last_name = PersonNameField(max_length=80, required=False, allow_blank=True)
    phone = E164Field(required=False, allow_blank=True)
    language = serializers.CharField(max_length=10, required=False)
    currency = serializers.CharField(max_length=3, required=False)

    def validate_language(self, value: str) -> str:
        if value not in dict(settings.LANGUAGES):
            raise serializers.ValidationError("This language is not supported.", code="invalid_choice")
        return value

    def validate_currency(self, value: str) -> str:
        if not is_supported(value):
            raise serializers.ValidationError("This currency is not supported.", code="unsupported_currency")
        return value


def present_preferences(profile: UserProfile) -> dict[str, Any]:
    """What the person agreed to receive, and since when."""
    return {
        "marketing_email": profile.marketing_email,
        "marketing_email_changed_at": profile.marketing_email_changed_at,
    }


class PreferencesOut(serializers.Serializer[Any]):
    marketing_email = serializers.BooleanField()
    marketing_email_changed_at = serializers.DateTimeField(allow_null=True, help_text="Null: never asked.")


class PreferencesBody(StrictSerializer):
    marketing_email = serializers.BooleanField(required=False)
