from apps.payments.admin.payments import PaymentAdmin
from apps.payments.admin.reconciliation import ReconciliationBreakAdmin, ReconciliationRunAdmin

__all__ = ["PaymentAdmin", "ReconciliationBreakAdmin", "ReconciliationRunAdmin"]
