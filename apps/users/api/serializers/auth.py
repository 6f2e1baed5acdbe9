"""Bodies of signing up, in and out."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import PersonNameField
from apps.common.api.serializers import StrictSerializer
from apps.users.api.serializers.me import MeOut
from apps.users.models.account import normalise_email
from apps.users.services.passwords import MAX_PASSWORD_LENGTH

MAX_TOKEN_LENGTH = 2048
MAX_LINK_TOKEN_LENGTH = 128


class AccountEmailField(serializers.EmailField):
    """An e-mail address in the form in which accounts are kept: lower case, the domain in ASCII."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        local = text.rpartition("@")[0]
        # Before lowering: U+212A lowers to a plain "k". Quoted local parts and address literals are legal, never meant.
        if not local.isascii() or '"' in local or text.endswith("]"):
            self.fail("invalid")
        return normalise_email(text)


class PasswordField(serializers.CharField):
    """A password, taken as it is typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, **kwargs)


class RegisterBody(StrictSerializer):
    email = AccountEmailField()
    password = PasswordField()
    first_name = PersonNameField(max_length=80, required=False, allow_blank=True, default="")
    last_name = PersonNameField(max_length=80, required=False, allow_blank=True, default="")


class RegisteredOut(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    detail = serializers.CharField(max_length=200)


class LoginBody(StrictSerializer):
    email = AccountEmailField()
    password = PasswordField()


class TokensOut(serializers.Serializer[Any]):
    access = serializers.CharField(max_length=MAX_TOKEN_LENGTH, help_text="Bearer token for the Authorization header.")
    refresh = serializers.CharField(
        max_length=MAX_TOKEN_LENGTH, allow_null=True, help_text="Works once. Null when it went into a cookie."
    )
    access_expires_in = serializers.IntegerField(min_value=0, max_value=86400, help_text="seconds")


class LoginOut(TokensOut):
    user = MeOut()


class RefreshBody(StrictSerializer):
    refresh = serializers.CharField(
        max_length=MAX_TOKEN_LENGTH, required=False, help_text="May be left out when the cookie holds it."
    )


class VerifyBody(StrictSerializer):
    token = serializers.CharField(max_length=MAX_TOKEN_LENGTH, help_text="An access or a refresh token.")


class VerifiedOut(serializers.Serializer[Any]):
    token_type = serializers.ChoiceField(choices=["access", "refresh"])
    expires_at = serializers.DateTimeField()


class EmailBody(StrictSerializer):
    email = AccountEmailField()


class AcceptedOut(serializers.Serializer[Any]):
    detail = serializers.CharField(max_length=200)


class LinkBody(StrictSerializer):
    token = serializers.CharField(max_length=MAX_LINK_TOKEN_LENGTH, help_text="From the mailed link.")


class EmailVerifiedOut(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    email_verified = serializers.BooleanField()


class ResetConfirmBody(LinkBody):
    password = PasswordField()


class PasswordChangeBody(StrictSerializer):
    current_password = PasswordField()
    password = PasswordField()
