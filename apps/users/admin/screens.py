"""Accounts, their devices, addresses and mailed links.

Accounts are disabled, never deleted: their orders stay. Only a superuser hands out powers or touches another superuser.
"""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import StackedInline

from apps.common.admin import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline
from apps.users.admin.forms import AccountChangeForm, AccountCreationForm, AccountPasswordForm, LimitedLoginForm
from apps.users.models import Address, EmailVerificationToken, PasswordResetToken, Session, User, UserProfile
from apps.users.services import accounts, tokens

admin.site.login_form = LimitedLoginForm
admin.site.unregister(Group)

_POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(Group)
class GroupAdmin(BaseAdmin, DjangoGroupAdmin):
    """Roles. Only superusers write them: whoever may edit a role could give himself any power."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(cast(User, request.user).is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(cast(User, request.user).is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return bool(cast(User, request.user).is_superuser)


class ProfileInline(StackedInline):
    """Staff may correct the phone; language, currency and consent are the person's own."""

    model = UserProfile
    can_delete = False
    fields = ["phone", "language", "currency", "marketing_email", "marketing_email_changed_at"]
    readonly_fields = ["language", "currency", "marketing_email", "marketing_email_changed_at"]

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


class SessionInline(ReadOnlyInline):
    model = Session
    fields = ["user_agent", "ip", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_reason"]
    readonly_fields = ["created_at"]


@admin.register(User)
class UserAdmin(BaseAdmin, DjangoUserAdmin):
    form = AccountChangeForm
    add_form = AccountCreationForm
    change_password_form = AccountPasswordForm
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff", "verified", "created_at", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "groups", "created_at"]
    search_fields = ["email", "first_name", "last_name", "id"]
    ordering = ["-id"]
    date_hierarchy = "created_at"
    filter_horizontal = ["groups", "user_permissions"]
    readonly_fields = ["id", "email_verified_at", "last_login", "created_at", "updated_at"]
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name", "is_active")}),
        ("Powers", {"fields": _POWERS}),
        ("Times", {"fields": ("id", "email_verified_at", "last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "first_name", "last_name", "password1", "password2")}),)
    inlines = [ProfileInline, SessionInline]
    actions = ["end_sessions"]

    @admin.display(boolean=True, description="verified")
    def verified(self, user: User) -> bool:
        return user.email_verified_at is not None

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return self.inlines if obj is not None else []

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if cast(User, request.user).is_superuser else [*fields, *_POWERS]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and (obj.is_superuser or obj.is_staff) and not cast(User, request.user).is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        accounts.save_by_staff(user=obj, actor=cast(User, request.user), changed=form.changed_data)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        response: HttpResponse = super().user_change_password(request, id, form_url)
        user = self.get_object(request, id) if request.method == "POST" and response.status_code == 302 else None
        if user is not None:
            accounts.note_change_by_staff(user=user, actor=cast(User, request.user), changed=["password"])
        return response

    @admin.action(description="End sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        allowed = [user for user in queryset if self.has_change_permission(request, user)]
        ended = sum(tokens.end_sessions(user_id=user.id, reason="ended by staff") for user in allowed)
        self.message_user(request, f"{ended} sessions of {len(allowed)} accounts have ended.", messages.SUCCESS)


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "user_agent", "ip", "last_used_at", "expires_at", "revoked_at", "revoked_reason"]
    list_filter = ["revoked_reason", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "ip"]
    exclude = ["refresh_jti"]


@admin.register(Address)
class AddressAdmin(ReadOnlyAdmin):
    """Address books are their owners' business; an order's address is a copy on the order."""

    list_display = ["user", "first_name", "last_name", "line1", "city", "country", "is_default_shipping"]
    list_filter = ["country"]
    list_select_related = ["user"]
    search_fields = ["user__email", "last_name", "postal_code"]


@admin.register(EmailVerificationToken, PasswordResetToken)
class MailedTokenAdmin(ReadOnlyAdmin):
    list_display = ["user", "created_at", "expires_at", "used_at"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    exclude = ["digest"]
