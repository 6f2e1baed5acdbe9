"""The scratch shop: a PostgreSQL, a cache and a broker of its own, the Stripe stand-in, web, worker and beat.

Single-threaded, so that children can be forked at any time; the buyers are a process of their own.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg2

from scripts.chaos.provider import SECRET_KEY, WEBHOOK_SECRET, Provider
from scripts.embedded.postgres import Postgres
from scripts.embedded.processes import die_with_parent
from scripts.embedded.valkey import Valkey

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".local" / "chaos"
PRODUCTS = 100
RABBITMQ = ("127.0.0.1", 5672)
QUEUE = "tradepost_chaos"
START_SECONDS = 60.0
CELERY = ["-m", "celery", "--quiet", "-A", "config"]
PROGRAMS: dict[str, list[str]] = {
    "web": ["-m", "gunicorn", "config.wsgi:application", "-c", "config/gunicorn.py"],
    "worker": [*CELERY, "worker", "--loglevel", "INFO", "--concurrency", "2", "--without-gossip", "--without-mingle"],
    "beat": [*CELERY, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", str(HOME / "beat")],
}


class Shop:
    """What runs. Ports are `port` and the two above it."""

    def __init__(self, port: int) -> None:
        shutil.rmtree(HOME, ignore_errors=True)
        for folder in ("static", "media", "mail", "broker", "cache", "logs"):
            (HOME / folder).mkdir(parents=True)
        # Sockets have short paths, and the database's own account must get there.
        self.runtime = Path(tempfile.mkdtemp(prefix="tp-chaos-"))
        self.runtime.chmod(0o711)
        for folder in ("broker", "cache"):
            (self.runtime / folder).mkdir()
        self.port, self.provider = port, Provider(port + 1)
        self.postgres = Postgres(home=HOME, sockets=self.runtime / "postgres", project=PROJECT, fast=False)
        self.cache = Valkey(home=HOME / "cache", sockets=self.runtime / "cache", fast=True)
        self.broker = Valkey(home=HOME / "broker", sockets=self.runtime / "broker", fast=True)
        self.rabbitmq = rabbitmq_answers()
        self.proxy_url = f"amqp://guest:guest@127.0.0.1:{port + 2}//" if self.rabbitmq else ""
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = self._environment()

    def _environment(self) -> dict[str, str]:
        limits = ("ANONYMOUS", "USER", "SEARCH", "CHECKOUT", "LOGIN", "LOGIN_IP", "WEBHOOK")
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "scripts.chaos.settings",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": "127.0.0.1",
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "SECURE_SSL_REDIRECT": "false",
            "TRUSTED_PROXIES": "0",
            "DATABASE_URL": self.postgres.url,
            "CACHE_URL": self.cache.cache_url,
            "CELERY_BROKER_URL": self.broker.broker_url,
            "EVENTS_BROKER_URL": self.proxy_url,
            "CELERY_QUEUE": QUEUE,
            "CACHE_PREFIX": "chaos",
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": f"http://127.0.0.1:{self.provider.port}",
            "PAYMENT_BREAKER_SECONDS": "5",
            "STATIC_ROOT": str(HOME / "static"),
            "MEDIA_ROOT": str(HOME / "media"),
            "CHAOS_MAIL": str(HOME / "mail"),
            "BENCH_PRODUCTS": str(PRODUCTS),
            "BIND": f"127.0.0.1:{self.port}",
            "PYTHONWARNINGS": "ignore:You're running the worker",
            **{f"RATE_LIMIT_{name}": "1000000000" for name in limits},
        }

    def start(self) -> None:
        """Everything, with a database made and filled. Raises RuntimeError, StartError."""
        for server in (self.postgres, self.cache, self.broker):
            server.start()
        if self.rabbitmq:
            self.start_proxy()
        self.manage("migrate", "--no-input", "--verbosity", "0")
        self.manage("seed", "--force", "--scale", str(PRODUCTS))
        webhooks = f"http://127.0.0.1:{self.port}/api/v1/payments/webhook/"
        command = ["-m", "scripts.standin", "--port", str(self.provider.port), "--secret-key", SECRET_KEY]
        self.spawn("stripe", [*command, "--webhook-url", webhooks, "--webhook-secret", WEBHOOK_SECRET])
        self.start_code()

    def start_code(self, **changes: str) -> None:
        """Web, worker and beat, with changes to their environment. Raises RuntimeError when web does not answer."""
        self.environment |= changes
        for name, arguments in PROGRAMS.items():
            self.spawn(name, arguments)
        self.await_ready()

    def stop_code(self) -> None:
        for name in PROGRAMS:
            self.end(name)

    def start_proxy(self) -> None:
        host, port = RABBITMQ
        self.spawn("proxy", ["-m", "scripts.chaos.proxy", str(self.port + 2), host, str(port)])

    def spawn(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        """A program in a process group of its own; what it prints is added to `.local/chaos/logs`."""
        with (HOME / "logs" / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                ["nice", "-n", "5", sys.executable, *arguments],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        return self.programs[name]

    def kill(self, name: str) -> None:
        """SIGKILL to a program and all its children."""
        process = self.programs.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self, name: str) -> None:
        """SIGTERM, and SIGKILL to what is left after a while."""
        if name not in self.programs:
            return
        self.programs[name].terminate()
        with suppress(subprocess.TimeoutExpired):
            self.programs[name].wait(timeout=20)
        self.kill(name)

    def kill_web_workers(self) -> int:
        """SIGKILL to each of Gunicorn's workers; their master starts new ones. Returns how many."""
        master = self.programs["web"].pid
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)
        return len(workers)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A management command to its end. Raises RuntimeError when it fails."""
        done = self.try_manage(*arguments)
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]} failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done

    def try_manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.try_python("manage.py", *arguments)

    def try_python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement gives, in a short session of its own. Raises psycopg2.Error."""
        session = psycopg2.connect(host=str(self.runtime / "postgres"), user="postgres", dbname="tradepost")
        try:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            session.close()

    def await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
            except (OSError, HTTPException):
                time.sleep(0.1)
            finally:
                connection.close()
        raise RuntimeError(f"the web server does not answer, see {HOME / 'logs'}")

    def stop(self) -> None:
        for name in ("beat", "worker", "web", "stripe", "proxy"):
            self.end(name)
        for server in (self.broker, self.cache, self.postgres):
            server.stop()
        shutil.rmtree(self.runtime, ignore_errors=True)


def rabbitmq_answers() -> bool:
    """Whether this machine has a RabbitMQ; the run then proves the exchange and the broker's outage there, too."""
    try:
        socket.create_connection(RABBITMQ, timeout=1).close()
    except OSError:
        return False
    return True
