"""What the container runs: docker/entrypoint and docker/healthcheck, as ordinary processes."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture
def echoing_programs(tmp_path: Path) -> dict[str, str]:
    """An environment in which gunicorn, celery and python print their own command line and process id."""
    for name in ("gunicorn", "celery", "python"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "$$ {name} $*"\n')
        program.chmod(0o755)
    return {"PATH": f"{tmp_path}:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "gunicorn config.wsgi:application -c config/gunicorn.py"),
        (["web"], "gunicorn config.wsgi:application -c config/gunicorn.py"),
        (["worker"], "celery -A config worker --concurrency 2"),
        (["worker", "-Q", "mail"], "celery -A config worker --concurrency 2 -Q mail"),
        (["beat"], "celery -A config beat -s /tmp/celerybeat-schedule"),
        (["migrate"], "python manage.py migrate --noinput"),
        (["manage", "createsuperuser", "--email", "a b"], "python manage.py createsuperuser --email a b"),
    ],
)
def test_a_process_replaces_the_shell_that_starts_it(
    echoing_programs: dict[str, str], arguments: list[str], command: str
) -> None:
    process = subprocess.Popen(
        [str(DOCKER / "entrypoint"), *arguments], env=echoing_programs, stdout=subprocess.PIPE, text=True
    )
    output, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert output == f"{process.pid} {command}\n"


def test_a_migration_gives_up_on_a_lock_soon_whatever_the_environment_says(
    echoing_programs: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$DB_LOCK_TIMEOUT_MS $DB_STATEMENT_TIMEOUT_MS"\n')

    ended = subprocess.run(
        [str(DOCKER / "entrypoint"), "migrate"],
        env=echoing_programs | {"DB_LOCK_TIMEOUT_MS": "5000"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "1000 900000\n"


def test_an_unknown_process_is_refused_by_name(echoing_programs: dict[str, str]) -> None:
    ended = subprocess.run(
        [str(DOCKER / "entrypoint"), "wev"], env=echoing_programs, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (64, "")
    assert "unknown process 'wev'" in ended.stderr


class Application(HTTPServer):
    """Answers every GET with `status` and remembers path, Host and scheme."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[Any, ...]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Application

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def application() -> Iterator[Application]:
    with Application() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def healthcheck(port: int, hosts: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DOCKER / "healthcheck"), path],
        env={"PATH": os.environ["PATH"], "PORT": str(port), "ALLOWED_HOSTS": hosts},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [("shop.example.com,b", "shop.example.com"), (".example.com", "example.com"), ("*", "localhost")],
)
def test_the_health_check_asks_as_an_allowed_host_over_https(application: Application, hosts: str, asked: str) -> None:
    assert healthcheck(application.server_port, hosts, "/ready").returncode == 0
    assert application.seen == [("/ready", asked, "https")]


def test_the_health_check_fails_on_any_other_answer_than_200(application: Application) -> None:
    application.status = 503

    failed = healthcheck(application.server_port, "shop", "/healthz")

    assert failed.returncode == 1
    assert failed.stderr.startswith("/healthz: HTTP Error 503")


def test_the_health_check_fails_when_nothing_listens() -> None:
    failed = healthcheck(1, "shop", "/healthz")

    assert failed.returncode == 1
    assert "Connection refused" in failed.stderr
