"""Addresses of users under /api/v1/."""

from django.urls import URLPattern, path

from apps.users.api.views import addresses, auth, credentials, me

urlpatterns: list[URLPattern] = [
    path("auth/register/", auth.Register.as_view(), name="auth-register"),
    path("auth/login/", auth.Login.as_view(), name="auth-login"),
    path("auth/refresh/", auth.Refresh.as_view(), name="auth-refresh"),
    path("auth/verify/", auth.Verify.as_view(), name="auth-verify"),
    path("auth/logout/", auth.Logout.as_view(), name="auth-logout"),
    path("auth/email/verify/", credentials.EmailVerify.as_view(), name="auth-email-verify"),
    path("auth/email/resend/", credentials.EmailResend.as_view(), name="auth-email-resend"),
    path("auth/password/reset/", credentials.PasswordReset.as_view(), name="auth-password-reset"),
    path("auth/password/reset/confirm/", credentials.PasswordResetConfirm.as_view(), name="auth-reset-confirm"),
    path("auth/password/change/", credentials.PasswordChange.as_view(), name="auth-password-change"),
    path("users/me/", me.Me.as_view(), name="me"),
    path("users/me/preferences/", me.Preferences.as_view(), name="preferences"),
    path("users/me/addresses/", addresses.Addresses.as_view(), name="addresses"),
    path("users/me/addresses/<uuid:address_id>/", addresses.AddressDetail.as_view(), name="address"),
    path(
        "users/me/addresses/<uuid:address_id>/set-default/",
        addresses.AddressSetDefault.as_view(),
        name="address-set-default",
    ),
]
