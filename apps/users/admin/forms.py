"""Forms of the staff screens. They keep the rules of the API: one form of e-mail, clean names, limited sign-ins."""

from typing import Any

from django import forms
from unfold.forms import (
    AdminPasswordChangeForm as UnfoldPasswordForm,
)
from unfold.forms import (
    AuthenticationForm as UnfoldAuthenticationForm,
)
from unfold.forms import (
    UserChangeForm as UnfoldChangeForm,
)
from unfold.forms import (
    UserCreationForm as UnfoldCreationForm,
)

from apps.common.errors import Throttled
from apps.common.ratelimit import client_ip
from apps.common.text import has_control_character, looks_like_a_link
from apps.users.models import User
from apps.users.models.account import normalise_email
from apps.users.services import sign_in
from apps.users.services.passwords import MAX_PASSWORD_LENGTH


class LimitedLoginForm(UnfoldAuthenticationForm):
    """The sign-in to the staff screens counts attempts with the API's own counters."""

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username") or "", self.cleaned_data.get("password") or ""
        if len(password) > MAX_PASSWORD_LENGTH:
            raise self.get_invalid_login_error()
        try:
            sign_in.count_attempt(email=email, ip=client_ip(self.request))
        except Throttled as error:
            raise forms.ValidationError(error.detail, code="throttled") from None
        cleaned: dict[str, Any] = super().clean()
        sign_in.forget_failures(email=email)
        return cleaned


class PersonRules:
    """Shared rules of an account's fields."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return normalise_email(self.cleaned_data["email"])

    def clean_first_name(self) -> str:
        return self._name("first_name")

    def clean_last_name(self) -> str:
        return self._name("last_name")

    def _name(self, field: str) -> str:
        name: str = self.cleaned_data[field]
        if has_control_character(name) or looks_like_a_link(name):
            raise forms.ValidationError("Links and control characters are not allowed in a name.", code="link")
        return name


class AccountCreationForm(PersonRules, UnfoldCreationForm):
    """A new account with a password; there is no account without one."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")
        field_classes: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True


class AccountChangeForm(PersonRules, UnfoldChangeForm):
    class Meta:
        model = User
        fields = ("email", "password", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "groups")
        field_classes: dict[str, Any] = {}


class AccountPasswordForm(UnfoldPasswordForm):
    """Staff set a password; they cannot take it away (disabling an account is what ends it)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True
