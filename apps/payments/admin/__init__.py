"""Staff screens of payments."""

from apps.payments.admin import cards, payments, reconciliation, risk, store_credit

__all__ = ["cards", "payments", "reconciliation", "risk", "store_credit"]
