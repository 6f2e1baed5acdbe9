"""The faults. Each is a function that lets buyers loose on a stage, breaks something, and says what it did."""

import json
import os
import signal
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

from scripts.chaos.buyers import Buyer
from scripts.chaos.provider import post, signature
from scripts.chaos.shop import PRODUCTS, PROGRAMS, Shop
from scripts.chaos.stage import Stage

HELD_SECONDS = 6.0


@dataclass(frozen=True)
class Fault:
    """`down`: which 5xx answers are right while it lasts."""

    name: str
    title: str
    run: Callable[[Stage], str]
    down: tuple[str, ...] = ()


def web_killed(stage: Stage) -> str:
    """The provider has done the work and its answer is on the way: kill every web worker before they can commit."""
    provider, held = stage.provider, 0
    with stage.load(orders=80, seconds=30) as buyers:
        for round_ in range(8):
            if buyers.poll() is not None:
                break
            # Every other time the provider's own news come late, too: the buyer's retry or the sweep must find out.
            provider.webhooks(paused=round_ % 2 == 0)
            held += _kill_while_answers_are_held(stage)
            stage.wait(1.5)
        provider.webhooks(paused=False)
    return f"{round_ + 1} kills with {held} answers of the provider on the way"


def _kill_while_answers_are_held(stage: Stage) -> int:
    """Returns how many answers were on the way."""
    provider = stage.provider
    before = provider.calls("answer_late")
    provider.misbehave("/v1/*", "answer_late", seconds=HELD_SECONDS)
    stage.wait_until(lambda: provider.calls("answer_late") > before + 1, seconds=15, step=0.05)
    stage.shop.kill_web_workers()
    provider.behave()
    return provider.calls("answer_late") - before


def worker_killed(stage: Stage) -> str:
    """Kill Celery with all its processes, again and again, while rows are leased to it."""
    busy = "SELECT count(*) FROM notifications_notification WHERE status = 'sending'"
    kills = leased = 0
    with stage.load(orders=60, seconds=25) as buyers:
        while buyers.poll() is None and kills < 8:
            if not stage.wait_until(lambda: stage.count(busy) > 0, seconds=10, step=0.02):
                continue
            stage.shop.kill("worker")
            kills, leased = kills + 1, leased + stage.count(busy)
            stage.shop.spawn("worker", PROGRAMS["worker"])
            stage.wait(1.5)
    return f"{kills} kills with {leased} mails half sent"


def broker_stopped(stage: Stage) -> str:
    """The broker is killed with all it holds, and comes back after 30 s; 200 orders meanwhile."""
    began, broker = time.time(), stage.shop.broker
    with stage.load(orders=200, seconds=28):
        if broker.process:
            broker.process.kill()
            broker.process.wait()
        stage.wait(30)
        until = time.time()
        broker.start()
    return _placed(stage, began, until)


def rabbitmq_stopped(stage: Stage) -> str:
    """The same with RabbitMQ as the broker, cut off by its proxy."""
    shop = stage.shop
    redis = shop.environment["CELERY_BROKER_URL"]
    shop.stop_code()
    shop.start_code(CELERY_BROKER_URL=shop.proxy_url)
    began = time.time()
    try:
        with stage.load(orders=200, seconds=28):
            shop.kill("proxy")
            stage.wait(30)
            until = time.time()
            shop.start_proxy()
        stage.settle()
    finally:
        shop.stop_code()
        shop.start_code(CELERY_BROKER_URL=redis)
    return _placed(stage, began, until)


def _placed(stage: Stage, began: float, until: float) -> str:
    placed = sum(began < each["placed_at"] < until for each in stage.seen.purchases)
    return f"down {until - began:.0f} s, {placed} orders placed meanwhile"


def postgres_restarted(stage: Stage) -> str:
    """Stopped fast (sessions are cut) and immediately (as in a crash: recovery from the log), and started again."""
    postgres, down = stage.shop.postgres, []
    with stage.load(orders=120, seconds=25):
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT):
            stage.wait(4)
            began = time.monotonic()
            if postgres.process:
                postgres.process.send_signal(signum)
                postgres.process.wait()
            time.sleep(0.5)
            postgres.start()
            down.append(time.monotonic() - began)
    return f"2 fast and 2 immediate restarts, down {', '.join(f'{each:.1f}' for each in down)} s"


def provider_fails(stage: Stage) -> str:
    """500, 429, silence, lost answers, a cut line, each for a while; then a silence that opens the circuit."""
    provider = stage.provider
    kinds: tuple[tuple[str, dict[str, float]], ...] = (
        ("status", {"status": 500}),
        ("status", {"status": 429}),
        ("status", {"status": 503}),
        ("answer_lost", {}),
        ("reset", {}),
        ("timeout", {"seconds": 3}),
    )
    with stage.load(orders=100, seconds=40):
        for kind, more in kinds:
            for method in ("POST", "GET"):
                provider.misbehave("/v1/*", kind, method=method, times=12, **more)
            stage.wait(5)
            provider.behave()
            stage.wait(1.5)
        for method in ("POST", "GET"):
            provider.misbehave("/v1/*", "timeout", method=method, seconds=3)
        stage.wait(12)
        provider.behave()
    opened = stage.log("web").count("payment_circuit_open")
    met = {kind: provider.calls(kind) for kind in ("status", "answer_lost", "reset", "timeout")}
    if not opened:
        stage.seen.complaints.append("the circuit never opened")
    return ", ".join(f"{number} {kind}" for kind, number in met.items()) + f"; circuit opened {opened} times"


def webhooks_disturbed(stage: Stage) -> str:
    """Paid in the browser, so that webhooks alone tell the shop; they come three times, backwards and late."""
    provider = stage.provider
    provider.webhooks(duplicate=3, reverse=True, delay=4)
    with stage.load(orders=50, seconds=12, browser=True):
        stage.wait(3)
        refused = _forge(stage)
    stage.settle()
    events = provider.objects("event")
    for event in reversed(events):  # all the old news once more, newest first
        provider.control("POST", f"events/{event['id']}/deliver")
    attempts = provider.control("GET", "webhooks")["attempts"]
    return f"{len(events)} events in {len(attempts)} deliveries; {refused} forged or stale ones refused"


def _forge(stage: Stage) -> int:
    """Claims that unpaid orders are paid. What the provider has not signed just now is refused; a signed lie, such as
    of somebody who found the secret, moves nothing either. Returns how many were refused.
    """
    options = Namespace(name=f"{stage.name}0", shop=stage.shop.port, stripe=stage.provider.port, browser=True)
    os.environ["BENCH_PRODUCTS"] = str(PRODUCTS)
    refused = 0
    for number in range(5):
        intent = Buyer(options).leave_unpaid(number).intent
        data = {"object": {"object": "payment_intent", "id": intent, "status": "succeeded"}}
        event = {"id": f"evt_forged_{stage.name}_{number}", "type": "payment_intent.succeeded", "data": data}
        body = json.dumps(event).encode()
        bad = (
            signature(body, secret="whsec_guessed"),
            signature(body, age=3600),
            signature(body, age=-3600),
            signature(body + b" "),
            "t=1,v1=00",
            "",
        )
        answers = [_tell(stage, body, header) for header in bad]
        refused += answers.count(400)
        if answers != [400] * len(bad) or _tell(stage, body, signature(body)) != 200:
            stage.seen.complaints.append(f"forged webhooks were answered {answers}")
    return refused


def _tell(stage: Stage, body: bytes, header: str) -> int:
    headers = {"Stripe-Signature": header, "Content-Type": "application/json"}
    return post(stage.shop.port, "/api/v1/payments/webhook/", body, headers)[0]


def cache_gone(stage: Stage) -> str:
    """The cache frozen for 12 s (it accepts and never answers), then killed for 12 s."""
    cache = stage.shop.cache
    with stage.load(orders=80, seconds=28):
        stage.wait(2)
        if cache.process:
            os.kill(cache.process.pid, signal.SIGSTOP)
            stage.wait(12)
            os.kill(cache.process.pid, signal.SIGCONT)
            stage.wait(2)
            cache.process.kill()
            cache.process.wait()
        stage.wait(12)
        cache.start()
    return "frozen 12 s, killed 12 s"


def nothing(stage: Stage) -> str:
    """The yardstick: the same buyers, nothing broken."""
    with stage.load(orders=60, seconds=15):
        pass
    return "no fault"


FAULTS = (
    Fault("none", "Nothing is broken (the yardstick)", nothing),
    Fault("web", "Web workers killed between the provider's answer and the commit", web_killed, down=("cut",)),
    Fault("worker", "Celery worker killed mid-task", worker_killed),
    Fault("broker", "Redis as broker killed, back after 30 s", broker_stopped),
    Fault("rabbitmq", "RabbitMQ cut off for 30 s", rabbitmq_stopped),
    Fault("postgres", "PostgreSQL restarted under load", postgres_restarted, down=("503",)),
    Fault("provider", "The provider times out, answers 500, 429, 503, loses answers", provider_fails, down=("502",)),
    Fault("webhooks", "Webhooks tripled, reversed, late, forged, stale, replayed", webhooks_disturbed),
    Fault("cache", "Cache frozen, then killed", cache_gone),
)


def possible(shop: Shop) -> list[Fault]:
    """The faults that this machine can have."""
    return [each for each in FAULTS if each.name != "rabbitmq" or shop.rabbitmq]
