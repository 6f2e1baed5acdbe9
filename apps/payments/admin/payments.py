"""Staff screens of payments: to be read; money moves by actions that call the services."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.common.money import format_money
from apps.payments.models import Dispute, DisputeEvidence, Payment, PaymentEvent, Refund, RefundLine, WebhookEvent
from apps.payments.services import captures, disputes, manual, refunds, sweep, webhooks

REFERENCE = re.compile(r"[\x21-\x7e][\x20-\x7e]*")
_REFUNDED = money_column("amount", currency="payment.currency")
_AMOUNTS = [money_column(name) for name in ("amount", "captured", "refunded")]
_SUMS = ("amount", "authorised", "captured", "refunded", "refund_pending", "disputed", "charged_back")
_ALL_AMOUNTS = [money_column(name) for name in _SUMS]


class MoneyForm(ActionForm):
    """Asked for with every action on payments."""

    amount = forms.DecimalField(required=False, max_digits=18, decimal_places=4, label="amount (empty: all)")
    text = forms.CharField(max_length=100, required=False, label="reason, or reference of the money")


def _text(request: HttpRequest) -> str:
    return request.POST.get("text", "").strip()[:100]


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
    action_form = MoneyForm
    actions = ["refund_in_full", "refund_amount", "capture", "void", "mark_paid", "ask_provider"]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Refunding takes the same permission as through the API."""
        return request.user.has_perm("payments.add_refund")

    @admin.action(description="Refund all that is left", permissions=["refund"])
    def refund_in_full(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        self._refund(request, queryset, amount=None)

    @admin.action(description="Refund the amount", permissions=["refund"])
    def refund_amount(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        self._with_amount(request, queryset, self._refund)

    def _refund(self, request: HttpRequest, queryset: QuerySet[Payment], *, amount: Decimal | None) -> None:
        def give_back(**how: Any) -> str:
            refund = refunds.request_refund(**how)
            return f"{format_money(refund.amount, refund.payment.currency)} go back."

        self._each(request, queryset, give_back, amount=amount, reason=_text(request) or "by staff")

    @admin.action(description="Capture: the amount, or all that is held", permissions=["check"])
    def capture(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        def take(**how: Any) -> str:
            payment = captures.capture(**how)
            return f"{format_money(payment.captured, payment.currency)} were taken."

        self._with_amount(request, queryset, lambda *_, amount: self._each(request, queryset, take, amount=amount))

    @admin.action(description="Void: let go of what is held", permissions=["check"])
    def void(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        def let_go(**how: Any) -> str:
            return f"{captures.void(**how).order.number}: the bank lets go of the money."

        self._each(request, queryset, let_go, reason=_text(request))

    @admin.action(description="Mark paid: the amount, or all that is due, by the reference", permissions=["check"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        reference = _text(request)
        if not REFERENCE.fullmatch(reference):
            self.message_user(request, "Give the reference of the statement or receipt.", messages.WARNING)
            return

        def note(**how: Any) -> str:
            payment = manual.mark_paid(**how)
            return f"{payment.order.number}: {format_money(payment.captured, payment.currency)} are noted."

        self._with_amount(
            request,
            queryset,
            lambda *_, amount: self._each(request, queryset, note, amount=amount, reference=reference),
        )

    def _with_amount(self, request: HttpRequest, queryset: QuerySet[Payment], act: Callable[..., None]) -> None:
        """Do it with the amount that was typed in, checked; none where none was."""
        field = forms.DecimalField(min_value=Decimal("0.0001"), max_digits=18, decimal_places=4, required=False)
        try:
            amount = field.clean(request.POST.get("amount", ""))
        except forms.ValidationError as error:
            self.message_user(request, f"Amount: {' '.join(error.messages)}", messages.WARNING)
            return
        act(request, queryset, amount=amount)

    def _each(self, request: HttpRequest, queryset: QuerySet[Payment], act: Callable[..., str], **how: Any) -> None:
        for payment in queryset.order_by("pk"):
            try:
                self.message_user(request, act(payment_id=payment.pk, actor=request.user, **how), messages.SUCCESS)
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
    list_filter = ["kind", "done", "dispute__status"]
    list_select_related = ["dispute"]
    search_fields = ["dispute__provider_reference", "dispute__payment__order__number"]
    actions = ["tick_off", "tick_on"]

    def has_gather_permission(self, request: HttpRequest) -> bool:
        """Gathering evidence takes the same permission as through the API."""
        return request.user.has_perm("payments.change_dispute")

    @admin.action(description="The evidence is there", permissions=["gather"])
    def tick_off(self, request: HttpRequest, queryset: QuerySet[DisputeEvidence]) -> None:
        self._mark(request, queryset, done=True)

    @admin.action(description="The evidence is missing", permissions=["gather"])
    def tick_on(self, request: HttpRequest, queryset: QuerySet[DisputeEvidence]) -> None:
        self._mark(request, queryset, done=False)

    def _mark(self, request: HttpRequest, queryset: QuerySet[DisputeEvidence], *, done: bool) -> None:
        actor: Any = request.user
        for row in queryset.order_by("pk"):
            try:
                disputes.update(dispute_id=row.dispute_id, evidence={row.kind: done}, actor=actor)
                self.message_user(request, f"{row.kind}: {'there' if done else 'missing'}.", messages.SUCCESS)
            except Problem as refusal:
                self.message_user(request, f"{row.kind}: {refusal.detail}", messages.WARNING)


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
