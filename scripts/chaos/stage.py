"""Where a fault happens: the shop, the buyers, the watch over the database's sessions, and the settling after it."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from scripts.chaos.shop import HOME, Shop

LOAD_SECONDS = 300.0
SETTLE_SECONDS = 240.0
NATURAL_SECONDS = 12.0
ABANDONED = {"unpaid", "payments"}
ORDERS = "SELECT id FROM orders_order WHERE email LIKE '%@chaos.example'"
WAITING = {
    "deliveries": "SELECT count(*) FROM common_eventdelivery WHERE status = 'pending'",
    "mails": "SELECT count(*) FROM notifications_notification WHERE status IN ('pending', 'sending')",
    "webhooks": "SELECT count(*) FROM payments_webhookevent WHERE status = 'received'",
    "refunds": "SELECT count(*) FROM payments_refund WHERE status = 'requested'",
    "payments": f"SELECT count(*) FROM payments_payment WHERE next_check_at IS NOT NULL AND order_id IN ({ORDERS})",
    "unpaid": "SELECT count(*) FROM orders_order WHERE status = 'pending' AND email LIKE '%@chaos.example'",
    "unplaced": "SELECT count(*) FROM common_eventpublication WHERE position IS NULL",
}
UNPUBLISHED = "SELECT count(*) FROM common_eventpublication WHERE published_at IS NULL"
# The clock moves on for what waits: retries, and the leases of senders that died (a mail takes a second at most).
MOVE_ON = (
    "UPDATE common_eventdelivery SET next_attempt_at = now() WHERE status = 'pending'",
    "UPDATE notifications_notification SET next_attempt_at = now() WHERE status = 'pending'"
    " OR (status = 'sending' AND updated_at < now() - interval '10 s')",
    "UPDATE payments_webhookevent SET next_attempt_at = now() WHERE status = 'received'"
    " AND next_attempt_at < now() + interval '45 s'",
    "UPDATE payments_refund SET next_attempt_at = now() WHERE status = 'requested'",
    "UPDATE payments_payment SET next_check_at = now() WHERE next_check_at IS NOT NULL"
    " AND updated_at < now() - interval '5 s'",
    "UPDATE common_eventstream SET leased_until = NULL WHERE leased_until < now() + interval '45 s'",
)
# Buyers who left: their order's hold is over.
EXPIRE = (
    "UPDATE orders_order SET expires_at = now() WHERE status = 'pending' AND email LIKE '%@chaos.example'",
    f"UPDATE products_stockreservation SET expires_at = now() WHERE status = 'held' AND reference IN ({ORDERS})",
)
IDLE = (
    "SELECT coalesce(max(extract(epoch FROM now() - state_change)), 0) FROM pg_stat_activity"
    " WHERE state LIKE 'idle in transaction%'"
)


@dataclass
class Observed:
    """What was seen while a fault lasted, over all its loads."""

    purchases: list[dict[str, Any]] = field(default_factory=list)
    idle_seconds: float = 0.0
    settle_seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @property
    def answers(self) -> Counter[str]:
        return sum((Counter(each["answers"]) for each in self.purchases), Counter())


class Stage:
    """One fault's view of the shop. `name` is the first part of its buyers' addresses."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop, self.name, self.provider = shop, name, shop.provider
        self.seen = Observed()
        self._loads = 0
        self._began_at = {path.stem: path.stat().st_size for path in (HOME / "logs").glob("*.log")}

    @contextmanager
    def load(
        self, *, orders: int, seconds: float, threads: int = 8, browser: bool = False
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Buyers at work while the block runs; ends when the last of them is done. Raises RuntimeError."""
        self._loads += 1
        out = HOME / f"{self.name}-{self._loads}.json"
        command = ["-m", "scripts.chaos.buyers", "--name", f"{self.name}{self._loads}", "--out", str(out)]
        command += ["--shop", str(self.shop.port), "--stripe", str(self.provider.port)]
        command += ["--orders", str(orders), "--seconds", str(seconds), "--threads", str(threads)]
        buyers = self.shop.spawn("buyers", [*command, *(["--browser"] if browser else [])])
        try:
            yield buyers
            self.wait_until(lambda: buyers.poll() is not None, seconds=LOAD_SECONDS)
        finally:
            self.shop.kill("buyers")
        if buyers.returncode:
            raise RuntimeError(f"the buyers failed, see {HOME / 'logs/buyers.log'}")
        self.seen.purchases += json.loads(out.read_text())

    def wait(self, seconds: float) -> None:
        """Time passes, under watch."""
        end = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= end, seconds=seconds + 1)

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, step: float = 0.2) -> bool:
        """Watch the database's sessions until the condition holds; False when the time is up."""
        deadline, look = time.monotonic() + seconds, 0.0
        while not condition():
            if time.monotonic() > deadline:
                return False
            if time.monotonic() > look:
                self._watch()
                look = time.monotonic() + 0.5
            time.sleep(step)
        return True

    def _watch(self) -> None:
        with suppress(psycopg2.Error):  # the database may be what is down
            self.seen.idle_seconds = max(self.seen.idle_seconds, float(self.shop.rows(IDLE)[0][0]))

    def judge_answers(self, allowed: tuple[str, ...]) -> None:
        """A buyer may meet a broken connection, 502 or 503 only where the fault explains it; other 5xx never."""
        for name, number in self.seen.answers.items():
            if (name == "cut" or name >= "500") and name not in allowed:
                self.seen.complaints.append(f"{number} answers {name}")

    def log(self, program: str) -> str:
        """What a program has printed since this fault began."""
        with (HOME / "logs" / f"{program}.log").open("rb") as log:
            log.seek(self._began_at.get(program, 0))
            return log.read().decode(errors="replace")

    def count(self, statement: str) -> int:
        return int(self.shop.rows(statement)[0][0])

    def waiting(self) -> dict[str, int]:
        """What has not come to its end, by kind; empty when all has."""
        questions = WAITING | ({"unpublished": UNPUBLISHED} if self.shop.rabbitmq else {})
        found = {name: self.count(statement) for name, statement in questions.items()}
        return {name: number for name, number in found.items() if number}

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Let the sweeps work; then move the clock on for what waits for a later time, again and again."""
        self.provider.behave()
        self.provider.webhooks(paused=False, duplicate=1, reverse=False, delay=0)
        began = moved = time.monotonic()
        rounds = 0
        while time.monotonic() - began < seconds:
            waiting = self.waiting()
            if not waiting and not self.provider.control("GET", "webhooks")["pending"]:
                break
            if time.monotonic() - began > NATURAL_SECONDS and time.monotonic() - moved > 6:
                self.move_on()
                moved = time.monotonic()
                rounds = rounds + 1 if set(waiting) <= ABANDONED else 0
            if rounds > 2:  # the provider has been asked, and nobody has paid
                self.expire()
            self.wait(1)
        self.seen.settle_seconds = max(self.seen.settle_seconds, time.monotonic() - began)
        if still := self.waiting():
            self.seen.complaints.append(f"not settled: {still}")

    def move_on(self) -> None:
        for statement in MOVE_ON:
            self.shop.rows(statement)

    def expire(self) -> None:
        """The hold of every order that is still unpaid ends now."""
        for statement in EXPIRE:
            self.shop.rows(statement)
