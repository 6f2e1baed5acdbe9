"""The scratch shop of a benchmark: its own database, the Stripe stand-in, Gunicorn under production settings."""

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from config import embedded

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".local" / "bench"
SCRATCH = "tradepost_bench"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shop:
    """What runs."""

    url: str
    gunicorn: int
    environment: dict[str, str]


@contextmanager
def scratch_services(*, keep: bool) -> Iterator[embedded.Services]:
    """A database, a cache and a queue for this run: at the given servers, or embedded; dropped again unless `keep`."""
    database, cache = os.environ.get("DATABASE_URL", ""), os.environ.get("CACHE_URL", "")
    with ExitStack() as stack:
        if not database or not cache:
            own = embedded.ensure(database=not database, cache=not cache, purpose="bench")
            stack.callback(_drop_embedded, keep=keep)
        if database:
            stack.enter_context(_scratch_database(database, keep=keep))
            database = _named(database, SCRATCH)
        yield embedded.Services(
            database_url=database or own.database_url,
            cache_url=cache or own.cache_url,
            broker_url=os.environ.get("CELERY_BROKER_URL") or cache or own.broker_url,
        )


def environment_for(services: embedded.Services, *, port: int, stripe_port: int) -> dict[str, str]:
    """Production settings with limits that no benchmark reaches."""
    limits = ("ANONYMOUS", "USER", "SEARCH", "CHECKOUT", "LOGIN", "LOGIN_IP", "REGISTER", "REFRESH")
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECURE_SSL_REDIRECT": "false",
        "TRUSTED_PROXIES": "0",
        "DATABASE_URL": services.database_url,
        "CACHE_URL": services.cache_url,
        "CELERY_BROKER_URL": services.broker_url,
        "CACHE_PREFIX": "bench",
        "STRIPE_SECRET_KEY": "sk_test_bench",
        "STRIPE_WEBHOOK_SECRET": "whsec_bench",
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}",
        "STATIC_ROOT": str(HOME / "static"),
        "MEDIA_ROOT": str(HOME / "media"),
        "BIND": f"127.0.0.1:{port}",
        "WEB_MAX_REQUESTS": "0",
        **{f"RATE_LIMIT_{name}": "1000000000" for name in limits},
    }


@contextmanager
def running_shop(environment: dict[str, str], *, stripe_port: int) -> Iterator[Shop]:
    """The stand-in and Gunicorn, answering; ended with the block. Their output is in `.local/bench`."""
    url = f"http://{environment['BIND']}"
    with ExitStack() as stack:
        stripe = ["-m", "scripts.standin", "--port", str(stripe_port)]
        stack.enter_context(_running(stripe, environment, HOME / "stripe.log"))
        gunicorn = ["-m", "gunicorn", "config.wsgi:application", "-c", "config/gunicorn.py"]
        web = stack.enter_context(_running(gunicorn, environment, HOME / "web.log"))
        _await_ready(url, web)
        yield Shop(url=url, gunicorn=web.pid, environment=environment)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a management command. Raises CalledProcessError."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment, check=True)


@contextmanager
def _running(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_ready(url: str, web: subprocess.Popen[bytes]) -> None:
    parts = urlsplit(url)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and web.poll() is None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"the web server does not answer, see {HOME / 'web.log'}")


@contextmanager
def _scratch_database(url: str, *, keep: bool) -> Iterator[None]:
    """A database beside the given one, on the same server."""
    if not _tell(url, "SELECT 1 FROM pg_database WHERE datname = %s", SCRATCH):
        _tell(url, f"CREATE DATABASE {SCRATCH}")
    yield
    if not keep:
        _tell(url, f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")


def _tell(url: str, statement: str, *values: str) -> bool:
    """Run a statement outside any transaction; whether it gave a row."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.description is not None and cursor.fetchone() is not None


def _drop_embedded(*, keep: bool) -> None:
    embedded.stop(purpose="bench", force=True)
    if not keep:
        shutil.rmtree(HOME, ignore_errors=True)


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
