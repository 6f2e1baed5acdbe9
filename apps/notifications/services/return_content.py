"""What the mails about a return say of it."""

from typing import Any, Final

from apps.common.money import format_money
from apps.notifications.models import Notification
from apps.notifications.rendering import Attachment
from apps.orders.models import Return
from apps.orders.services import return_labels

Kind = Notification.Kind
KINDS: Final = (
    Kind.RETURN_REQUESTED,
    Kind.RETURN_APPROVED,
    Kind.RETURN_REJECTED,
    Kind.RETURN_RECEIVED,
    Kind.RETURN_COMPLETED,
)


def describe(rma: Return, *, url: str) -> dict[str, Any]:
    """The return in the mail's words; amounts in the order's currency, empty where there is nothing to say."""
    currency = rma.order.currency
    return {
        "number": rma.number,
        "url": url,
        "reply": rma.reply,
        "outcome": rma.outcome,
        "has_arrived": rma.received_at is not None,
        "address": return_labels.return_address(rma),
        "lines": [
            {
                "name": line.item.name,
                "sku": line.item.sku,
                "quantity": line.quantity,
                "received": line.received_quantity,
                "reason": line.get_reason_display(),
            }
            for line in rma.lines.select_related("item")
        ],
        "amount": format_money(rma.amount, currency) if rma.amount else "",
        "goods": format_money(rma.goods_amount, currency),
        "fee": format_money(-rma.restocking_fee, currency) if rma.restocking_fee else "",
        "shipping": format_money(rma.shipping_refund, currency) if rma.shipping_refund else "",
    }


def label_of(rma: Return) -> tuple[Attachment, ...]:
    """The label as a file; none when the return has moved on meanwhile."""
    if rma.status not in return_labels.PRINTABLE:
        return ()
    return (Attachment(f"{rma.number}.pdf", return_labels.return_label(rma), "application/pdf"),)
