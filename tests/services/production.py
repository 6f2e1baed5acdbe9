"""The processes of production, started for a test on the suite's own database."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from tests.services.nginx_edge import REPOSITORY, wait_for_port

HOST = "shop.example.com"
SECRET_KEY = secrets.token_urlsafe(64)


def production_environment(static_root: Path, port: int, **changes: str) -> dict[str, str]:
    """Environment of a production process; one secret key for all of them."""
    database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": HOST,
        "PUBLIC_URL": f"https://{HOST}",
        "DATABASE_URL": urlunsplit(database),
        "CACHE_URL": settings.CACHES["default"]["LOCATION"],
        "CELERY_BROKER_URL": "amqp://127.0.0.1:1//",
        "STRIPE_SECRET_KEY": "sk_test_edge",
        "STRIPE_WEBHOOK_SECRET": "whsec_edge",
        "STATIC_ROOT": str(static_root),
        "MEDIA_ROOT": str(static_root.parent / "media"),
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        **changes,
    }


@contextmanager
def running(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of the project, ended with the block."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=REPOSITORY, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


@contextmanager
def running_gunicorn(static_root: Path, port: int, **changes: str) -> Iterator[None]:
    """Gunicorn under production settings, listening."""
    environment = production_environment(static_root, port, **changes)
    with running("gunicorn", "config.wsgi:application", "-c", "config/gunicorn.py", environment=environment) as process:
        wait_for_port(port, lambda: process.poll() is None)
        yield
