"""The signed-in person's profile and preferences."""

from typing import cast

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import check_if_match, conditional
from apps.common.api.permissions import SignedIn
from apps.common.api.views import ApiView
from apps.users.api.serializers.me import (
    MeBody,
    MeOut,
    PreferencesBody,
    PreferencesOut,
    present_me,
    present_preferences,
)
from apps.users.models import User
from apps.users.services import accounts

TAGS = ["Me"]


class Me(ApiView):
    permission_classes = [SignedIn]
    conditional_read = True
    conditional_write = True

    @extend_schema(
        operation_id="me_retrieve",
        summary="Read my profile",
        description="With an ETag for `If-Match`.",
        tags=TAGS,
        responses=MeOut,
    )
    def get(self, request: Request) -> Response:
        return conditional(request, present_me(cast(User, request.user)))

    @extend_schema(
        operation_id="me_update",
        summary="Change my profile",
        description="Names, phone, language, currency; the e-mail is the login and stays.",
        tags=TAGS,
        request=MeBody,
        responses=MeOut,
        examples=[OpenApiExample("Phone", {"first_name": "Alice", "phone": "+12125550123"}, request_only=True)],
    )
    def patch(self, request: Request) -> Response:
        changes = self.body(MeBody)
        user = accounts.update_me(
            user_id=cast(User, request.user).id,
            changes=changes,
            precondition=lambda present: check_if_match(request, present_me(present)),
        )
        return conditional(request, present_me(user))


class Preferences(ApiView):
    permission_classes = [SignedIn]
    conditional_read = True
    conditional_write = True

    @extend_schema(
        operation_id="preferences_retrieve",
        summary="Read my preferences",
        description="What I agreed to receive, and since when.",
        tags=TAGS,
        responses=PreferencesOut,
    )
    def get(self, request: Request) -> Response:
        return conditional(request, present_preferences(cast(User, request.user).profile))

    @extend_schema(
        operation_id="preferences_update",
        summary="Change my preferences",
        description="Consent is noted with its time, and in the audit trail.",
        tags=TAGS,
        request=PreferencesBody,
        responses=PreferencesOut,
        examples=[OpenApiExample("No advertising", {"marketing_email": False}, request_only=True)],
    )
    def patch(self, request: Request) -> Response:
        profile = accounts.set_marketing_consent(
            user_id=cast(User, request.user).id,
            marketing_email=self.body(PreferencesBody).get("marketing_email"),
            precondition=lambda present: check_if_match(request, present_preferences(present)),
        )
        return conditional(request, present_preferences(profile))
