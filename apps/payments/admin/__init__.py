"""Staff screens of payments."""

from apps.payments.admin import cards, payments, reconciliation, risk

__all__ = ["cards", "payments", "reconciliation", "risk"]
