"""Staff's queue of disagreements with the providers."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import ReadOnlyAdmin
from apps.common.errors import Problem
from apps.common.money import format_money
from apps.payments.admin.forms import NoteForm, note_of
from apps.payments.models import ReconciliationBreak, ReconciliationRun
from apps.payments.services import breaks, reconciliation


@admin.display(description="here")
def here(row: ReconciliationBreak) -> str:
    """What our books say."""
    return "-" if row.here is None else format_money(row.here, row.here_currency)


@admin.display(description="there")
def there(row: ReconciliationBreak) -> str:
    """What the provider's books say."""
    return "-" if row.there is None else format_money(row.there, row.there_currency)


@admin.register(ReconciliationBreak)
class ReconciliationBreakAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "provider", "kind", "status", "order", here, there, "reference", "seen_at"]
    list_filter = ["status", "kind", "provider"]
    list_select_related = ["order"]
    search_fields = ["reference", "order__number"]
    readonly_fields = [here, there]
    exclude = ["here", "here_currency", "there", "there_currency"]
    action_form = NoteForm
    actions = ["mark_resolved"]

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Closing a case takes the same permission as through the API."""
        return request.user.has_perm("payments.change_reconciliationbreak")

    @admin.action(description="Resolved: dealt with by hand", permissions=["resolve"])
    def mark_resolved(self, request: HttpRequest, queryset: QuerySet[ReconciliationBreak]) -> None:
        actor: Any = request.user
        for row in queryset.order_by("pk"):
            try:
                breaks.resolve(break_id=row.pk, note=note_of(request) or "dealt with by hand", actor=actor)
                self.message_user(request, f"{row.kind} {row.reference} is closed.", messages.SUCCESS)
            except Problem as refusal:
                self.message_user(request, f"{row}: {refusal.detail}", messages.WARNING)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "provider", "since", "until", "status", "charges", "breaks", "new_breaks", "healed"]
    list_filter = ["status", "provider"]
    actions = ["compare_again"]

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Comparing heals: more than looking."""
        return request.user.has_perm("payments.add_reconciliationrun")

    @admin.action(description="Compare these spans again", permissions=["run"])
    def compare_again(self, request: HttpRequest, queryset: QuerySet[ReconciliationRun]) -> None:
        actor: Any = request.user
        for run in queryset.order_by("pk"):
            reconciliation.request(provider=run.provider, since=run.since, until=run.until, actor=actor)
        self.message_user(request, "A worker compares the books.", messages.SUCCESS)
