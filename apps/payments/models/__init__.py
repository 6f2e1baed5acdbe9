from apps.payments.models.card import PaymentCustomer, SavedCard
from apps.payments.models.dispute import Dispute, DisputeEvidence
from apps.payments.models.ledger import PaymentEvent
from apps.payments.models.payment import Payment, Refund, RefundLine
from apps.payments.models.reconciliation import ReconciliationBreak, ReconciliationRun
from apps.payments.models.risk import RiskReview
from apps.payments.models.store_credit import StoreCreditAccount, StoreCreditEntry
from apps.payments.models.webhook import WebhookEvent

__all__ = [
    "Dispute",
    "DisputeEvidence",
    "Payment",
    "PaymentCustomer",
    "PaymentEvent",
    "ReconciliationBreak",
    "ReconciliationRun",
    "Refund",
    "RefundLine",
    "RiskReview",
    "SavedCard",
    "StoreCreditAccount",
    "StoreCreditEntry",
    "WebhookEvent",
]
