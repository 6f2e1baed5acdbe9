"""The base of every staff screen, and the kernel's own tables, which can only be read."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.common import events, jobs
from apps.common.errors import Problem
from apps.common.models import (
    BackgroundJob,
    Event,
    EventCounter,
    EventDelivery,
    EventPublication,
    EventStream,
    IdempotencyKey,
    RateWindow,
)
from apps.common.money import format_money


class BaseAdmin(ModelAdmin):
    """Every admin of the project extends this one, so the theme can be replaced in one place."""

    compressed_fields = True
    warn_unsaved_form = True
    list_per_page = 50
    show_full_result_count = False


def money_column(field: str, *, currency: str = "currency") -> Callable[[Any], str]:
    """A column that shows an amount as people write it; `currency` is a path such as `order.currency`."""

    @admin.display(description=field.replace("_", " "), ordering=field)
    def column(row: Any) -> str:
        amount = getattr(row, field)
        return "-" if amount is None else format_money(amount, attrgetter(currency)(row))

    return column


class ReadOnlyMixin:
    """Rows that staff may look at and nobody may touch by hand."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnlyMixin, BaseAdmin):
    """A screen of rows that services write."""


class ReadOnlyInline(ReadOnlyMixin, TabularInline):
    """Read-only rows of a parent."""

    extra = 0
    show_change_link = False


class EventDeliveryInline(ReadOnlyInline):
    model = EventDelivery
    fields = ["handler", "status", "attempts", "done_at", "last_error"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "type", "target_type", "target_id", "actor", "request_id"]
    list_filter = ["type", "target_type", "actor"]
    search_fields = ["target_id", "actor_id", "request_id"]
    date_hierarchy = "created_at"
    inlines = [EventDeliveryInline]


@admin.register(EventDelivery)
class EventDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event", "handler", "status", "attempts", "next_attempt_at", "last_error"]
    list_filter = ["status", "handler"]
    list_select_related = ["event"]
    actions = ["deliver_again"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Looking is not enough to set handlers going."""
        return request.user.has_perm("common.change_eventdelivery")

    @admin.action(description="Deliver the dead ones again", permissions=["retry"])
    def deliver_again(self, request: HttpRequest, queryset: QuerySet[EventDelivery]) -> None:
        revived = events.retry_dead(list(queryset.values_list("id", flat=True)))
        self.message_user(request, f"{revived} deliveries will be tried again.", messages.SUCCESS)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "scope", "key", "status"]
    search_fields = ["scope", "key"]
    exclude = ["body", "headers"]


@admin.register(RateWindow)
class RateWindowAdmin(ReadOnlyAdmin):
    list_display = ["key", "count", "expires_at"]


@admin.register(BackgroundJob)
class BackgroundJobAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "status", "percent", "error_count", "started_at", "finished_at", "failure"]
    list_filter = ["status", "kind"]
    search_fields = ["id", "actor_id", "request_id"]
    exclude = ["arguments", "claim"]
    actions = ["cancel_jobs", "try_again"]

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Looking is not enough to stop work."""
        return request.user.has_perm("common.change_backgroundjob")

    @admin.display(description="progress")
    def percent(self, job: BackgroundJob) -> str:
        return f"{job.progress} %"

    @admin.action(description="Cancel", permissions=["move"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[BackgroundJob]) -> None:
        self._each(request, queryset, jobs.cancel, "cancelled")

    @admin.action(description="Try failed ones again", permissions=["move"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[BackgroundJob]) -> None:
        self._each(request, queryset, jobs.retry, "queued again")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[BackgroundJob], move: Callable[..., BackgroundJob], done: str
    ) -> None:
        moved = 0
        for job in queryset:
            try:
                move(job_id=job.pk, actor=request.user)
                moved += 1
            except Problem as refusal:
                self.message_user(request, f"{job}: {refusal.detail}", messages.WARNING)
        if moved:
            self.message_user(request, f"{moved} {done}.", messages.SUCCESS)


@admin.register(EventPublication)
class EventPublicationAdmin(ReadOnlyAdmin):
    list_display = ["position", "event", "published_at"]
    list_filter = ["published_at"]
    list_select_related = ["event"]
    ordering = ["-position"]


@admin.register(EventStream)
class EventStreamAdmin(ReadOnlyAdmin):
    list_display = ["last", "leased_until"]


@admin.register(EventCounter)
class EventCounterAdmin(ReadOnlyAdmin):
    list_display = ["aggregate_id", "last"]
