from apps.payments.admin.payments import PaymentAdmin
from apps.payments.admin.reconciliation import ReconciliationBreakAdmin, ReconciliationRunAdmin
from apps.payments.admin.risk import RiskReviewAdmin

__all__ = ["PaymentAdmin", "ReconciliationBreakAdmin", "ReconciliationRunAdmin", "RiskReviewAdmin"]
