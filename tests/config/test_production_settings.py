"""Production settings refuse to start half configured, and say all that is missing at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPLETE = {
    "SECRET_KEY": "Zk3vP9qLx7Rt2Wn8Yb5Mc4Jd6Hf1Gs0Ae-uQiOoXzVwBnTyKpRl",
    "ALLOWED_HOSTS": "api.example.com",
    "DATABASE_URL": "postgres://shop:secret@db:5432/shop",
    "CACHE_URL": "redis://cache:6379/1",
    "CELERY_BROKER_URL": "amqp://shop:secret@broker:5672//",
    "STRIPE_SECRET_KEY": "sk_live_1234567890",
    "STRIPE_WEBHOOK_SECRET": "whsec_1234567890",
    "PUBLIC_URL": "https://api.example.com",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings.production"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_everything_that_is_missing_is_named_in_one_message():
    result = manage("check")
    assert result.returncode != 0
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith("django.core.exceptions.ImproperlyConfigured: Production settings are incomplete. Set: ")
    for name in COMPLETE:
        assert name in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "local-only-secret-key-0123456789-0123456789-0123456789"),
        ("SECRET_KEY", "tooshortakey42"),
        ("SECRET_KEY", "a" * 60),
        ("STRIPE_SECRET_KEY", "sk_test_tradepost_local"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_tradepost_local"),
    ],
)
def test_a_default_secret_is_refused_without_printing_it(name, value):
    result = manage("check", **{**COMPLETE, name: value})
    assert result.returncode != 0
    assert f"{name} (the given one is" in result.stderr
    assert value not in result.stderr.splitlines()[-1]


def test_the_deployment_check_is_clean():
    result = manage("check", "--deploy", "--fail-level", "WARNING", **COMPLETE)
    assert (result.returncode, result.stdout.strip()) == (0, "System check identified no issues (0 silenced).")


def test_rabbitmq_is_spoken_to_with_quorum_queues_and_confirms():
    script = (
        "from django.conf import settings as s;"
        "print(s.CELERY_TASK_DEFAULT_QUEUE_TYPE, s.CELERY_TASK_ACKS_LATE, s.CELERY_WORKER_PREFETCH_MULTIPLIER,"
        " s.CELERY_BROKER_TRANSPORT_OPTIONS['confirm_publish'], s.DEBUG, s.SESSION_COOKIE_SECURE)"
    )
    result = manage("shell", "--no-imports", "-c", script, **COMPLETE)
    assert result.stdout.strip().splitlines()[-1] == "quorum True 1 True False True"
