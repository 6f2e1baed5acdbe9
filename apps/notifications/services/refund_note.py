"""What the mail about a cancelled order says of the money."""

from django.db.models import Sum

from apps.common.money import ZERO, format_money
from apps.orders.models import Order
from apps.payments.models import Payment, Refund


def refund_note(*, order: Order) -> str:
    """One sentence about the refund, empty when nothing was paid. Amounts in the order's currency.

    The refund itself is made by payments when it hears of the cancellation, perhaps after this mail.
    """
    captured = Payment.objects.filter(order=order).aggregate(sum=Sum("captured"))["sum"] or ZERO
    if not captured:
        return ""
    done = Refund.objects.filter(payment__order=order, status=Refund.Status.SUCCEEDED)
    returned = done.aggregate(sum=Sum("amount"))["sum"] or ZERO
    if returned >= captured:
        return f"We have refunded {format_money(returned, order.currency)}. Banks take 5 to 10 days to show it."
    rest = format_money(captured - returned, order.currency)
    return f"We are refunding {rest} to the way you paid. Banks take 5 to 10 days to show it."
