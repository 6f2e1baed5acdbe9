"""`make run`: the whole shop in one terminal. `--reload` (`make dev`) restarts it when a source file changes.

Needs nothing configured. What is configured is used instead of the embedded part: DATABASE_URL, CACHE_URL,
CELERY_BROKER_URL, STRIPE_SECRET_KEY or STRIPE_API_BASE, PAYPAL_CLIENT_ID or PAYPAL_API_BASE; PORT,
STRIPE_STANDIN_PORT and PAYPAL_STANDIN_PORT choose the ports.
"""

import argparse
import fcntl
import http
import http.client
import io
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import environ

from config import embedded
from scripts.supervisor import Child, ChildError, Supervisor, coloured

PROJECT = Path(__file__).resolve().parents[1]
LOCAL = PROJECT / ".local"
HOST = "127.0.0.1"
READY_SECONDS = 90.0
GREEN, RED, BOLD = 32, 31, 1
DEMO_SECRET_KEY = "sk_test_tradepost_local"
DEMO_WEBHOOK_SECRET = "whsec_tradepost_local"
DEMO_PAYPAL = {
    "PAYPAL_CLIENT_ID": "tradepost_local",
    "PAYPAL_CLIENT_SECRET": "tradepost_local",
    "PAYPAL_WEBHOOK_ID": "WHSTANDIN",
}
DEMO_ACCOUNTS = (
    ("admin@example.com", "Admin@123", "staff, may do everything"),
    ("alice@example.com", "Alice@123", "customer with past orders"),
    ("bob@example.com", "Bob@123", "customer"),
)


class RunError(Exception):
    """The shop cannot start; the text is one clear sentence for the person at the terminal."""


@dataclass(frozen=True)
class Plan:
    """Which ports and services this run uses."""

    port: int
    standin_port: int
    standin: bool
    paypal_port: int
    paypal: bool
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def standin_url(self) -> str:
        return f"http://{HOST}:{self.standin_port}"

    @property
    def paypal_url(self) -> str:
        return f"http://{HOST}:{self.paypal_port}"


def read_port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise RunError(f"{name}={text} is not a port number.")
    return int(text)


def read_plan() -> Plan:
    """The plan that the environment and `.env` describe, without the embedded services."""
    if (PROJECT / ".env").exists():
        environ.Env.read_env(PROJECT / ".env")
    port = read_port("PORT", 8000)
    standin_port = read_port("STRIPE_STANDIN_PORT", port + 1)
    own_key = os.environ.get("STRIPE_SECRET_KEY", "") not in ("", DEMO_SECRET_KEY)
    standin = not own_key and not os.environ.get("STRIPE_API_BASE")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "PYTHONUNBUFFERED": "1",
        # As root Celery warns at length; this is a development machine.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS") or "ignore:You're running the worker",
        "PORT": str(port),
        "BIND": f"{HOST}:{port}",
        "WEB_PRELOAD": "1",
        "PUBLIC_URL": os.environ.get("PUBLIC_URL") or f"http://{HOST}:{port}",
    }
    if standin:
        environment |= {
            "STRIPE_API_BASE": f"http://{HOST}:{standin_port}",
            "STRIPE_SECRET_KEY": DEMO_SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": os.environ.get("STRIPE_WEBHOOK_SECRET") or DEMO_WEBHOOK_SECRET,
        }
    paypal_port = read_port("PAYPAL_STANDIN_PORT", port + 2)
    own_app = os.environ.get("PAYPAL_CLIENT_ID", "") not in ("", DEMO_PAYPAL["PAYPAL_CLIENT_ID"])
    paypal = not own_app and not os.environ.get("PAYPAL_API_BASE")
    if paypal:
        environment |= DEMO_PAYPAL | {"PAYPAL_API_BASE": f"http://{HOST}:{paypal_port}"}
    return Plan(
        port=port,
        standin_port=standin_port,
        standin=standin,
        paypal_port=paypal_port,
        paypal=paypal,
        environment=environment,
    )


def another_port(port: int) -> int:
    return port + 1000 if port < 64000 else port - 1000


def require_free(port: int, variable: str) -> None:
    """Raises RunError when another program listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex((HOST, port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            taken = True
            reason = problem.strerror
        else:
            reason = "Address already in use"
    if taken:
        raise RunError(
            f"Port {port} cannot be used ({reason}). Choose another: {variable}={another_port(port)} make run"
        )


@contextmanager
def only_one(url: str) -> Iterator[None]:
    """Refuses a second run in the same checkout."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunError(f"Tradepost already runs in this folder: {lock.read().strip()}.") from None
        lock.truncate(0)
        lock.write(f"{url}, process {os.getpid()}")
        lock.flush()
        yield


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints what is going on and how long it took."""
    print(f"  {text} ...", end="", flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(coloured(f" done in {time.monotonic() - began:.1f} s", GREEN), flush=True)


def start_services(plan: Plan) -> bool:
    """Fills the service URLs that nobody configured with those of the embedded servers. True with a new database."""
    given = plan.environment
    database = not given.get("DATABASE_URL")
    cache = not (given.get("CACHE_URL") and given.get("CELERY_BROKER_URL"))
    if not database and not cache:
        return False
    first = database and not (LOCAL / "postgres").exists()
    with step("starting PostgreSQL and Redis" + (" (creating the database first)" if first else "")):
        services = embedded.ensure(database=database, cache=cache)
    given["DATABASE_URL"] = given.get("DATABASE_URL") or services.database_url
    given["CACHE_URL"] = given.get("CACHE_URL") or services.cache_url
    given["CELERY_BROKER_URL"] = given.get("CELERY_BROKER_URL") or services.broker_url
    return first


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def standin_command(plan: Plan) -> list[str]:
    secret = plan.environment["STRIPE_WEBHOOK_SECRET"]
    command = python("-m", "scripts.standin", "--port", str(plan.standin_port))
    command += ["--state", str(LOCAL / "stripe.json"), "--webhook-secret", secret]
    command += ["--webhook-url", f"{plan.url}/api/v1/payments/webhook/"]
    return [*command, "--secret-key", plan.environment["STRIPE_SECRET_KEY"]]


def paypal_command(plan: Plan) -> list[str]:
    command = python("-m", "scripts.standin.paypal", "--port", str(plan.paypal_port))
    command += ["--state", str(LOCAL / "paypal.json"), "--webhook-id", plan.environment["PAYPAL_WEBHOOK_ID"]]
    return [*command, "--webhook-url", f"{plan.url}/api/v1/payments/paypal/webhook/"]


def start_shop(supervisor: Supervisor) -> list[Child]:
    """Web, worker and beat: what runs our own code."""
    return [start_web(supervisor), *start_jobs(supervisor)]


def start_web(supervisor: Supervisor) -> Child:
    return supervisor.start("web", python("-m", "gunicorn", "config.wsgi:application", "-c", "config/gunicorn.py"))


def start_jobs(supervisor: Supervisor) -> list[Child]:
    celery = python("-m", "celery", "--quiet", "-A", "config")
    worker = [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2"]
    beat = [*celery, "beat", "--loglevel", "INFO", "--pidfile="]
    return [
        supervisor.start("worker", [*worker, "--without-gossip", "--without-mingle"]),
        supervisor.start("beat", [*beat, "--schedule", str(LOCAL / "celerybeat-schedule")]),
    ]


class Readiness:
    """Asks /ready without ever waiting for the answer: one question at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection: http.client.HTTPConnection | None = None

    def __call__(self) -> bool:
        """Whether an answer with status 200 has come by now."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
                self.connection.request("GET", "/ready")
            if not select.select([self.connection.sock], [], [], 0)[0]:
                return False
            ready = self.connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            ready = False
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        return ready


def summary(plan: Plan, seconds: float) -> str:
    stripe = f"local stand-in on {plan.standin_url}" if plan.standin else "your own account"
    paypal = f"local stand-in on {plan.paypal_url}" if plan.paypal else "your own account"
    port = "" if plan.port == 8000 else f"PORT={plan.port} "
    lines = [
        f"Tradepost is ready ({seconds:.1f} s). Ctrl-C stops it.",
        "",
        f"API       {plan.url}/api/v1/",
        f"Swagger   {plan.url}/api/docs/",
        f"Admin     {plan.url}/admin/",
        f"Health    {plan.url}/healthz",
        f"Stripe    {stripe}",
        f"PayPal    {paypal}",
        "Mail      .local/mail (read it: make mail)",
        "",
        *(f"{email:<19} {password:<11} {what}" for email, password, what in DEMO_ACCOUNTS),
        "",
        "Next, in a second terminal:",
        f"  {port}make demo   a shopper buys something, step by step",
        f"  curl '{plan.url}/api/v1/products/?in_stock=true&page_size=3'",
    ]
    width = max(map(len, lines))
    rule = "─" * (width + 2)
    body = [f"│ {line:<{width}} │" for line in lines]
    return "\n".join([f"╭{rule}╮", *body, f"╰{rule}╯"])


def newest_source() -> float:
    """When the latest change to our code or templates was made (seconds since the epoch)."""
    folders = ("apps", "config", "templates")
    files = (path for folder in folders for path in (PROJECT / folder).rglob("*.*"))
    return max((path.stat().st_mtime for path in files if path.suffix in (".py", ".html", ".txt")), default=0.0)


def watch(supervisor: Supervisor, shop: list[Child]) -> NoReturn:
    """Restarts our own processes after each change, for ever. One that fails waits for the next change."""
    seen = newest_source()
    while True:
        try:
            supervisor.wait(lambda: False, seconds=1)
        except ChildError as problem:
            print(coloured(f"{problem}: waiting for the next change", RED), flush=True)
        if newest_source() == seen:
            continue
        seen = newest_source()
        print(coloured("source changed: restarting", BOLD), flush=True)
        supervisor.stop([child for child in shop if child in supervisor.children])
        shop = start_shop(supervisor)


def run(supervisor: Supervisor, plan: Plan, *, reload: bool) -> NoReturn:
    """Sets everything up and passes logs on until Ctrl-C. Raises ChildError, RunError, EmbeddedError."""
    began = time.monotonic()
    print(coloured("Setting up", BOLD), flush=True)
    (LOCAL / "static").mkdir(exist_ok=True)  # whitenoise warns when it is absent
    first = start_services(plan)
    # Quiet until the demo data's past payments are in: ninety calls that nobody needs to read.
    stripe = supervisor.start("stripe", standin_command(plan), quiet=True) if plan.standin else None
    if plan.paypal:
        supervisor.start("paypal", paypal_command(plan))
    # Loading the code is most of a start: the web process does it beside the set-up. The first time there is a shop
    # to fill, and who waits for /ready must not meet it empty.
    web = None if first else start_web(supervisor)
    supervisor.run("setup", python("-m", "scripts.prepare"))
    web = web or start_web(supervisor)
    if stripe is not None:
        stripe.quiet = False
    shop = [web, *start_jobs(supervisor)]
    if not supervisor.wait(Readiness(plan.port), seconds=READY_SECONDS):
        raise RunError(f"{plan.url}/ready has not answered for {READY_SECONDS:.0f} s; the log above says why.")
    print(coloured(summary(plan, time.monotonic() - began), GREEN), flush=True)
    if reload:
        watch(supervisor, shop)
    while True:
        supervisor.wait(lambda: False, seconds=3600)


def stop(supervisor: Supervisor) -> None:
    """Ends everything; a second Ctrl-C kills what hesitates."""
    try:
        supervisor.stop()
    except KeyboardInterrupt:
        supervisor.kill()
    others = embedded.stop()
    if others:
        print(f"PostgreSQL and Redis stay for {others} other process(es) of this folder and stop with them.")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the whole shop in this terminal.")
    parser.add_argument("--reload", action="store_true", help="restart when a source file changes")
    options = parser.parse_args()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no box characters
    try:
        plan = read_plan()
        with only_one(plan.url):
            require_free(plan.port, "PORT")
            if plan.standin:
                require_free(plan.standin_port, "STRIPE_STANDIN_PORT")
            if plan.paypal:
                require_free(plan.paypal_port, "PAYPAL_STANDIN_PORT")
            return supervise(plan, reload=options.reload)
    except RunError as problem:
        print(coloured(str(problem), RED), file=sys.stderr)
        return 1


def supervise(plan: Plan, *, reload: bool) -> int:
    supervisor = Supervisor(folder=PROJECT, environment=plan.environment)
    try:
        run(supervisor, plan, reload=reload)
    except KeyboardInterrupt:
        print(coloured("\nStopping ...", BOLD), flush=True)
        return 0
    except ChildError as problem:
        for line in problem.output:
            print(f"  {line}")
        print(coloured(f"{problem}: stopping the rest.", RED), flush=True)
        return 1
    except (RunError, embedded.EmbeddedError) as problem:
        print(coloured(str(problem), RED), flush=True)
        return 1
    finally:
        stop(supervisor)
        print("Everything has stopped.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
