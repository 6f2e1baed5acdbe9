"""Positive controls: the shop's books are falsified in ways a fault might, and the audit must see each of them."""

import email
from email import policy

from scripts.chaos.audit import audit
from scripts.chaos.exchange import Consumer
from scripts.chaos.provider import INTENTS
from scripts.chaos.shop import HOME, Shop
from scripts.chaos.stage import ORDERS, Observed

SOME = f"SELECT id FROM orders_order WHERE id IN ({ORDERS}) AND status = 'confirmed' ORDER BY id DESC LIMIT 1"
# What is done to the database, and the name of the break that must be found.
DATABASE = {
    "two orders of one key": f"UPDATE orders_order SET email = (SELECT email FROM orders_order WHERE id IN ({ORDERS})"
    f" ORDER BY id LIMIT 1) WHERE id IN ({SOME})",
    "gap in the stream": "UPDATE common_eventpublication SET position = position + 9 WHERE position ="
    " (SELECT max(position) FROM common_eventpublication)",
    "event not delivered": "UPDATE common_eventdelivery SET status = 'dead' WHERE id ="
    " (SELECT id FROM common_eventdelivery ORDER BY id DESC LIMIT 1)",
    "mail not sent": "UPDATE notifications_notification SET status = 'dead', sent_at = NULL WHERE id = (SELECT id FROM"
    " notifications_notification WHERE email LIKE '%@chaos.example' ORDER BY id DESC LIMIT 1)",
    "stock": "UPDATE products_stocklevel SET on_hand = on_hand + 1 WHERE id ="
    " (SELECT id FROM products_stocklevel ORDER BY id LIMIT 1)",
    "order stuck": f"UPDATE orders_order SET status = 'processing' WHERE id IN (SELECT id FROM orders_order WHERE id"
    f" IN ({ORDERS}) AND status = 'confirmed' ORDER BY id OFFSET 1 LIMIT 1)",
}
TITLE = "Positive controls"
OUTSIDE = (
    "captures differ",
    "refunds differ",
    "reconciliation",
    "paid orders without a mail in the mailbox",
    "two confirmations",
)


def run(shop: Shop, consumer: Consumer | None) -> tuple[list[str], int]:
    """What was falsified and found, in lines of Markdown; and how many were not found."""
    shop.end("beat")
    shop.end("worker")
    for statement in DATABASE.values():
        shop.rows(statement)
    _falsify_the_provider(shop)
    _falsify_the_mailbox()
    found = audit(shop, "none", Observed(), consumer).breaks
    expected = (*DATABASE, *OUTSIDE)
    missed = [name for name in expected if not any(each.startswith(f"{name} (") for each in found)]
    text = f"{TITLE}: {len(expected)} falsified books ({', '.join(expected)}), "
    return [text + (f"not found: {', '.join(missed)}." if missed else "all found.")], len(missed)


def _falsify_the_provider(shop: Shop) -> None:
    """Money taken for nobody, and money returned behind the shop's back."""
    provider = shop.provider
    provider.webhooks(paused=True)
    paid = next(each["id"] for each in reversed(provider.objects("payment_intent")) if each["amount_received"])
    provider.ask("/v1/refunds", payment_intent=paid, amount="1")
    fields = {"amount": "700", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}
    provider.ask(INTENTS, **fields, return_url="https://shop.example/")


def _falsify_the_mailbox() -> None:
    """A confirmation that never came, and one that came twice."""
    confirmations = []
    for path in sorted((HOME / "mail").glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        if "is confirmed" in str(mail["Subject"]) and str(mail["To"]).endswith("@chaos.example"):
            confirmations.append((path, mail))
    confirmations[0][0].unlink()
    path, mail = confirmations[1]
    mail.replace_header("Message-ID", "<another@example.com>")
    path.with_name("falsified.eml").write_bytes(mail.as_bytes())
