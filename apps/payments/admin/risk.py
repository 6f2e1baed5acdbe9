"""Staff's queue of orders whose payment is in doubt."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from apps.common.admin import ReadOnlyAdmin
from apps.common.errors import Problem
from apps.payments.admin.forms import NoteForm, note_of
from apps.payments.models import RiskReview
from apps.payments.services import risk


@admin.register(RiskReview)
class RiskReviewAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "order", "score", "status", "why", "provider_level", "decided_at"]
    list_filter = ["status", "provider_level", "created_at"]
    list_select_related = ["order"]
    search_fields = ["order__number", "order__email"]
    readonly_fields = ["why"]
    exclude = ["reasons"]
    action_form = NoteForm
    actions = ["approve", "reject"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Deciding takes the same permission as through the API."""
        return request.user.has_perm("payments.change_riskreview")

    @admin.display(description="reasons")
    def why(self, review: RiskReview) -> str:
        rows = ((each["weight"], each["detail"]) for each in review.reasons)
        return format_html_join(mark_safe("<br>"), "+{} {}", rows) or "-"

    @admin.action(description="Approve: the order goes on", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[RiskReview]) -> None:
        self._each(request, queryset, risk.approve, "goes on")

    @admin.action(description="Reject: cancel, the money goes back", permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[RiskReview]) -> None:
        self._each(request, queryset, risk.reject, "is cancelled")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[RiskReview], decide: Callable[..., Any], done: str
    ) -> None:
        note = note_of(request)
        for review in queryset.select_related("order").order_by("pk"):
            try:
                decide(review_id=review.pk, note=note, actor=request.user)
                self.message_user(request, f"{review.order.number} {done}.", messages.SUCCESS)
            except Problem as refusal:
                self.message_user(request, f"{review.order.number}: {refusal.detail}", messages.WARNING)
