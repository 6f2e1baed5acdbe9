"""What must hold after every fault, asked of the database, the provider, the mails, the event feed and the exchange.

Plain SQL and files: nothing of the shop's own code judges itself here, but for its stock audit.
"""

import email
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from email import policy
from http.client import HTTPConnection
from typing import Any

from scripts.chaos.exchange import Consumer
from scripts.chaos.shop import HOME, Shop
from scripts.chaos.stage import ORDERS, Observed

STAFF = {"email": "admin@example.com", "password": "Admin@123"}
OURS = f"IN ({ORDERS})"
CENTS = Decimal(100)
ANSWER_SECONDS = 60
# Each gives the rows that break a promise.
PROMISES = {
    "two orders of one key": f"SELECT email FROM orders_order WHERE id {OURS} GROUP BY 1 HAVING count(*) > 1",
    "order stuck": f"SELECT number, status FROM orders_order WHERE id {OURS}"
    " AND status NOT IN ('confirmed', 'cancelled')",
    "confirmed without its money": "SELECT o.number, o.total, coalesce(sum(p.captured - p.refunded), 0)"
    f" FROM orders_order o LEFT JOIN payments_payment p ON p.order_id = o.id WHERE o.id {OURS}"
    " AND o.status = 'confirmed' GROUP BY 1, 2 HAVING coalesce(sum(p.captured - p.refunded), 0) <> o.total",
    "cancelled with money kept": "SELECT o.number, sum(p.captured - p.refunded) FROM orders_order o"
    f" JOIN payments_payment p ON p.order_id = o.id WHERE o.id {OURS}"
    " AND o.status = 'cancelled' GROUP BY 1 HAVING sum(p.captured - p.refunded) <> 0",
    "payment left open": f"SELECT id, status FROM payments_payment WHERE order_id {OURS}"
    " AND status NOT IN ('succeeded', 'cancelled')",
    "refund not made": "SELECT r.id, r.status FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id"
    f" WHERE p.order_id {OURS} AND r.status <> 'succeeded'",
    "webhook not applied": "SELECT type, status, last_error FROM payments_webhookevent"
    " WHERE status NOT IN ('processed', 'ignored')",
    "event not delivered": "SELECT handler, status, last_error FROM common_eventdelivery WHERE status <> 'done'",
    "event without its place": "SELECT event_id FROM common_eventpublication WHERE position IS NULL",
    "gap in the stream": "SELECT max(position), count(*) FROM common_eventpublication HAVING max(position) <> count(*)",
    "gap in an order's events": "SELECT aggregate_id, max(sequence), count(*) FROM common_event"
    " WHERE aggregate_type = 'order' GROUP BY 1 HAVING max(sequence) <> count(*)",
    "events of an order out of order": "SELECT aggregate_id FROM (SELECT e.aggregate_id, e.sequence, row_number() OVER"
    " (PARTITION BY e.aggregate_id ORDER BY p.position) AS place FROM common_event e JOIN common_eventpublication p"
    " ON p.event_id = e.id WHERE e.aggregate_type = 'order') placed WHERE sequence <> place",
    "mail not sent": "SELECT kind, status, last_error FROM notifications_notification WHERE status <> 'sent'"
    " AND email LIKE '%@chaos.example'",
    "paid order without one confirmation": "SELECT o.number, count(n.id) FROM orders_order o LEFT JOIN"
    " notifications_notification n ON n.target_id = o.id AND n.kind = 'order_confirmation' AND n.status = 'sent'"
    f" WHERE o.id {OURS} AND EXISTS (SELECT FROM common_event e WHERE e.type = 'order.confirmed'"
    " AND e.target_id = o.id) GROUP BY 1 HAVING count(n.id) <> 1",
    "confirmation without a paid order": "SELECT o.number FROM notifications_notification n"
    f" JOIN orders_order o ON o.id = n.target_id WHERE o.id {OURS} AND n.kind = 'order_confirmation'"
    " AND NOT EXISTS (SELECT FROM common_event e WHERE e.type = 'order.confirmed' AND e.target_id = o.id)",
    "history that is no path": "SELECT o.number, h.from_status FROM orders_orderstatushistory h"
    f" JOIN orders_order o ON o.id = h.order_id WHERE o.id {OURS} AND h.from_status <> coalesce((SELECT b.to_status"
    " FROM orders_orderstatushistory b WHERE b.order_id = h.order_id AND b.id < h.id ORDER BY b.id DESC LIMIT 1), '')",
}


@dataclass
class Report:
    """Counts of one fault's buyers, and every break found anywhere."""

    counts: dict[str, int] = field(default_factory=dict)
    breaks: list[str] = field(default_factory=list)

    def check(self, what: str, found: Any) -> None:
        if found:
            shown = list(found)[:3] if isinstance(found, list | set) else found
            self.breaks.append(f"{what} ({len(found) if isinstance(found, list | set) else 1}): {shown}")


def audit(shop: Shop, name: str, seen: Observed, consumer: Consumer | None) -> Report:
    """All promises, over everything since the run began; the counts are those of the fault's own buyers."""
    report = Report()
    for what, statement in PROMISES.items():
        report.check(what, shop.rows(statement))
    _answers(report, shop, seen)
    _money(report, shop)
    repeated = _mails(report, shop, name)
    _publication(report, shop, consumer)
    stock = shop.try_manage("verify_stock")
    report.check("stock", stock.stdout if stock.returncode else "")
    books = shop.try_python("-m", "scripts.chaos.reconcile")
    # The demo shop's past was never paid at this stand-in.
    filed = [line for line in books.stdout.splitlines() if line.startswith("open:") and "_demo_" not in line]
    report.check("reconciliation", filed if "charges" in books.stdout else [books.stderr[-300:]])
    report.check("complaints", seen.complaints)
    if seen.idle_seconds > 5:
        report.check("idle in transaction", [round(seen.idle_seconds, 1)])
    report.counts |= _counts(shop, name) | {"mails_twice": repeated}
    return report


def _answers(report: Report, shop: Shop, seen: Observed) -> None:
    """What buyers were told is so."""
    report.check("bad answers", [text for each in seen.purchases for text in each["odd"]])
    report.check("buyers who failed", [each["ended"] for each in seen.purchases if ":" in each["ended"]])
    late = [each["waited"] for each in seen.purchases if each["waited"] > ANSWER_SECONDS]
    report.check(f"no definite answer within {ANSWER_SECONDS} s", late)
    known = {str(row[0]): row[1] for row in shop.rows("SELECT id, status FROM orders_order")}
    for each in seen.purchases:
        expected = {"paid": "confirmed", "cancelled": "cancelled"}.get(each["ended"])
        if each["order"] and (known.get(each["order"]) != expected and expected is not None):
            report.check(f"a buyer was told {each['ended']}", [known.get(each["order"], "no such order")])


def _money(report: Report, shop: Shop) -> None:
    """The provider's ledger and ours, to the cent, payment by payment."""
    taken = {each["id"]: each["amount_received"] for each in shop.provider.objects("payment_intent")}
    taken = {reference: amount for reference, amount in taken.items() if amount}
    returned: Counter[str] = Counter()
    for each in shop.provider.objects("refund"):
        if each["status"] == "succeeded":
            returned[each["payment_intent"]] += each["amount"]
    ours = shop.rows(
        f"SELECT provider_reference, captured, refunded FROM payments_payment WHERE order_id {OURS} AND captured > 0"
    )
    captured = {reference: int(amount * CENTS) for reference, amount, _ in ours}
    refunded = {reference: int(amount * CENTS) for reference, _, amount in ours if amount}
    report.check("captures differ", sorted(taken.items() ^ captured.items()))
    report.check("refunds differ", sorted(returned.items() ^ refunded.items()))


def _mails(report: Report, shop: Shop, name: str) -> int:
    """One confirmation in the mailbox per paid order; returns how many of the fault's came twice."""
    found: dict[str, set[str]] = defaultdict(set)
    files: Counter[str] = Counter()
    for path in (HOME / "mail").glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        if "is confirmed" in str(mail["Subject"]) and str(mail["To"]).endswith("@chaos.example"):
            found[str(mail["To"])].add(str(mail["Message-ID"]))
            files[str(mail["To"])] += 1
    paid = {
        row[0]
        for row in shop.rows(
            f"SELECT o.email FROM orders_order o WHERE o.id {OURS} AND EXISTS"
            " (SELECT FROM common_event e WHERE e.type = 'order.confirmed' AND e.target_id = o.id)"
        )
    }
    report.check("paid orders without a mail in the mailbox", paid - set(found))
    report.check("mails for orders that were not paid", set(found) - paid)
    report.check("two confirmations", [each for each, ids in found.items() if len(ids) > 1])
    return sum(number - 1 for address, number in files.items() if address.startswith(name))


def _publication(report: Report, shop: Shop, consumer: Consumer | None) -> None:
    """Every public event is in the feed, once and in order; and has reached the exchange."""
    public = [str(row[0]) for row in shop.rows("SELECT event_id FROM common_eventpublication ORDER BY position")]
    report.check("feed", "" if feed(shop) == public else "differs from the events")
    if consumer is None:
        return
    received = consumer.drain()
    report.check("events that the exchange never had", set(public) - set(received))
    unpublished = shop.rows("SELECT event_id FROM common_eventpublication WHERE published_at IS NULL")
    report.check("events not noted as published", unpublished)


def feed(shop: Shop) -> list[str]:
    """The ids of all events, as a follower reads them over HTTP."""
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Content-Type": "application/json", **headers}
        connection.request(method, path, body=json.dumps(body) if body else None, headers=sent)
        return json.loads(connection.getresponse().read())

    try:
        token = ask("POST", "/api/v1/auth/login/", STAFF)["access"]
        path: str | None = "/api/v1/events/?after=0&page_size=100"
        ids: list[str] = []
        while path:
            page = ask("GET", path, Authorization=f"Bearer {token}")
            ids += [each["id"] for each in page["results"]]
            path = re.sub(r"^https?://[^/]+", "", page["next"]) if page["next"] else None
        return ids
    finally:
        connection.close()


def _counts(shop: Shop, name: str) -> dict[str, int]:
    """How much of everything the fault's buyers left behind."""
    mine = f"SELECT id FROM orders_order WHERE email LIKE '{name}%@chaos.example'"
    questions = {
        "orders": f"SELECT count(*) FROM ({mine}) o",
        "kept": f"SELECT count(*) FROM orders_order WHERE id IN ({mine}) AND status = 'confirmed'",
        "refunded": f"SELECT count(*) FROM payments_payment WHERE order_id IN ({mine}) AND refunded > 0",
        "captured": f"SELECT count(*) FROM payments_payment WHERE order_id IN ({mine}) AND captured > 0",
        "mails": f"SELECT count(*) FROM notifications_notification WHERE target_id IN ({mine})"
        " AND kind = 'order_confirmation' AND status = 'sent'",
        "events": f"SELECT count(*) FROM common_event WHERE aggregate_id IN ({mine})",
    }
    return {what: int(shop.rows(statement)[0][0]) for what, statement in questions.items()}
