"""Staff screens of payments: to be read; money moves by actions that call the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.common.money import format_money
from apps.payments.models import Dispute, DisputeEvidence, Payment, PaymentEvent, Refund, RefundLine, WebhookEvent
from apps.payments.services import refunds, sweep, webhooks

_REFUNDED = money_column("amount", currency="payment.currency")
_AMOUNTS = [money_column(name) for name in ("amount", "captured", "refunded")]
_SUMS = ("amount", "authorised", "captured", "refunded", "refund_pending", "disputed", "charged_back")
_ALL_AMOUNTS = [money_column(name) for name in _SUMS]


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["created_at", _REFUNDED, "status", "cause", "reason", "provider_reference", "succeeded_at"]
    show_change_link = True
    readonly_fields = ["created_at", _REFUNDED]
    hide_title = True


class PaymentEventInline(ReadOnlyInline):
    model = PaymentEvent
    fields = ["occurred_at", "kind", _REFUNDED, "provider_reference"]
    readonly_fields = ["occurred_at", _REFUNDED]
    hide_title = True


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "order", "provider", "status", *_AMOUNTS, "method"]
    list_filter = ["status", "provider", "created_at"]
    list_select_related = ["order"]
    search_fields = ["order__number", "order__email", "provider_reference"]
    inlines = [PaymentEventInline, RefundInline]
    readonly_fields = _ALL_AMOUNTS
    exclude = _SUMS
    actions = ["refund_in_full", "ask_provider"]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Refunding takes the same permission as through the API."""
        return request.user.has_perm("payments.add_refund")

    @admin.action(description="Refund all that is left", permissions=["refund"])
    def refund_in_full(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        actor: Any = request.user
        for payment in queryset.order_by("pk"):
            try:
                refund = refunds.request_refund(payment_id=payment.pk, reason="by staff", actor=actor)
                self.message_user(
                    request, f"{format_money(refund.amount, payment.currency)} go back.", messages.SUCCESS
                )
            except Problem as refusal:
                self.message_user(request, f"{payment}: {refusal.detail}", messages.WARNING)

    def has_check_permission(self, request: HttpRequest) -> bool:
        """Asking may settle a payment: more than looking."""
        return request.user.has_perm("payments.change_payment")

    @admin.action(description="Ask the provider now", permissions=["check"])
    def ask_provider(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        open_ones = queryset.filter(status__in=Payment.OPEN)
        ids = list(open_ones.values_list("pk", flat=True))
        open_ones.update(next_check_at=timezone.now())
        for payment_id in ids:
            sweep.check(payment_id)
        self.message_user(request, f"{len(ids)} open payments were checked.", messages.SUCCESS)


@admin.register(PaymentEvent)
class PaymentEventAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "payment", "kind", _REFUNDED, "provider_reference"]
    list_filter = ["kind", "provider"]
    list_select_related = ["payment"]
    search_fields = ["payment__order__number", "provider_reference"]


class RefundLineInline(ReadOnlyInline):
    model = RefundLine
    _AMOUNT = money_column("amount", currency="refund.payment.currency")
    fields = ["item", "quantity", _AMOUNT]
    readonly_fields = [_AMOUNT]
    hide_title = True


@admin.register(RefundLine)
class RefundLineAdmin(ReadOnlyAdmin):
    list_display = ["refund", "item", "quantity", money_column("amount", currency="refund.payment.currency")]
    list_select_related = ["refund__payment", "item"]
    search_fields = ["refund__payment__order__number", "item__sku"]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "payment", _REFUNDED, "status", "cause", "reason", "attempts", "succeeded_at"]
    list_filter = ["status", "cause"]
    inlines = [RefundLineInline]
    list_select_related = ["payment"]
    search_fields = ["payment__order__number", "provider_reference"]


class DisputeEvidenceInline(ReadOnlyInline):
    model = DisputeEvidence
    fields = ["kind", "done", "done_at"]
    hide_title = True


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "payment", "reason", _REFUNDED, "status", "due_at", "closed_at"]
    list_filter = ["status", "reason"]
    list_select_related = ["payment"]
    search_fields = ["payment__order__number", "provider_reference"]
    inlines = [DisputeEvidenceInline]


@admin.register(DisputeEvidence)
class DisputeEvidenceAdmin(ReadOnlyAdmin):
    list_display = ["dispute", "kind", "done", "done_at"]
    list_filter = ["kind", "done"]
    list_select_related = ["dispute"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "provider", "type", "status", "attempts", "last_error"]
    list_filter = ["status", "type"]
    search_fields = ["provider_event_id"]
    actions = ["process_again"]

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Replaying an event may settle a payment: more than looking."""
        return request.user.has_perm("payments.change_webhookevent")

    @admin.action(description="Process again", permissions=["replay"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        count = webhooks.retry(list(queryset.values_list("pk", flat=True)))
        self.message_user(request, f"{count} events will be processed again.", messages.SUCCESS)
