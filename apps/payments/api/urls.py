"""Addresses of payments under /api/v1/."""

from django.urls import path

from apps.payments.api.views import (
    admin_disputes,
    admin_payments,
    admin_reconciliation,
    admin_risk,
    admin_webhooks,
    payments,
    saved_cards,
    store_credit,
)
from apps.payments.api.views.webhooks import PayPalWebhook, StripeWebhook

urlpatterns = [
    path("users/me/payment-methods/", saved_cards.SavedCards.as_view(), name="saved-cards"),
    path("users/me/payment-methods/<uuid:card_id>/", saved_cards.SavedCardDetail.as_view(), name="saved-card"),
    path(
        "users/me/payment-methods/<uuid:card_id>/set-default/",
        saved_cards.SavedCardSetDefault.as_view(),
        name="saved-card-set-default",
    ),
    path("payments/methods/", payments.PaymentMethods.as_view(), name="payment-methods"),
    path("payments/create-intent/", payments.CreateIntent.as_view(), name="payment-create-intent"),
    path("payments/confirm/", payments.ConfirmPayment.as_view(), name="payment-confirm"),
    path("payments/webhook/", StripeWebhook.as_view(), name="payment-webhook"),
    path("payments/stripe/webhook/", StripeWebhook.as_view(), name="payment-stripe-webhook"),
    path("payments/paypal/webhook/", PayPalWebhook.as_view(), name="payment-paypal-webhook"),
    path("payments/", payments.Payments.as_view(), name="payments"),
    path("payments/<uuid:payment_id>/", payments.PaymentDetail.as_view(), name="payment"),
    path("admin/payments/", admin_payments.AdminPayments.as_view(), name="admin-payments"),
    path("admin/payments/<uuid:payment_id>/capture/", admin_payments.CapturePayment.as_view(), name="admin-capture"),
    path("admin/payments/<uuid:payment_id>/void/", admin_payments.VoidPayment.as_view(), name="admin-void"),
    path("admin/payments/<uuid:payment_id>/mark-paid/", admin_payments.MarkPaid.as_view(), name="admin-mark-paid"),
    path("admin/payments/analytics/", admin_disputes.PaymentAnalytics.as_view(), name="admin-payment-analytics"),
    path("admin/disputes/", admin_disputes.AdminDisputes.as_view(), name="admin-disputes"),
    path("admin/disputes/<uuid:dispute_id>/", admin_disputes.AdminDispute.as_view(), name="admin-dispute"),
    path("admin/reconciliation/", admin_reconciliation.ReconciliationBreaks.as_view(), name="admin-reconciliation"),
    path(
        "admin/reconciliation/runs/",
        admin_reconciliation.ReconciliationRuns.as_view(),
        name="admin-reconciliation-runs",
    ),
    path(
        "admin/reconciliation/<uuid:break_id>/",
        admin_reconciliation.ReconciliationBreakDetail.as_view(),
        name="admin-reconciliation-break",
    ),
    path(
        "admin/reconciliation/<uuid:break_id>/resolve/",
        admin_reconciliation.ResolveBreak.as_view(),
        name="admin-reconciliation-resolve",
    ),
    path("admin/risk-reviews/", admin_risk.RiskReviews.as_view(), name="admin-risk-reviews"),
    path("admin/risk-reviews/<uuid:risk_review_id>/", admin_risk.RiskReviewDetail.as_view(), name="admin-risk-review"),
    path(
        "admin/risk-reviews/<uuid:risk_review_id>/approve/",
        admin_risk.ApproveRiskReview.as_view(),
        name="admin-risk-review-approve",
    ),
    path(
        "admin/risk-reviews/<uuid:risk_review_id>/reject/",
        admin_risk.RejectRiskReview.as_view(),
        name="admin-risk-review-reject",
    ),
    path("admin/webhook-events/", admin_webhooks.AdminWebhookEvents.as_view(), name="admin-webhook-events"),
    path(
        "admin/webhook-events/<uuid:event_id>/replay/",
        admin_webhooks.ReplayWebhookEvent.as_view(),
        name="admin-webhook-event-replay",
    ),
    path(
        "admin/payments/<uuid:payment_id>/refunds/", admin_payments.AdminRefunds.as_view(), name="admin-payment-refunds"
    ),
    path("users/me/store-credit/", store_credit.MyStoreCredit.as_view(), name="my-store-credit"),
    path(
        "admin/users/<uuid:user_id>/store-credit/",
        store_credit.AdminStoreCredit.as_view(),
        name="admin-store-credit",
    ),
]
